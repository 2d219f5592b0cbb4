"""Comments that many leaves share are kept once: in a summary table, found by their digest."""

from __future__ import annotations

import hashlib

from h5py import h5d

from pypet.records import PutNode
from pypet.storage_backends.hdf5.overview import OverviewTable, Place, leaf_row
from pypet.storage_backends.hdf5.tables import read_column, read_rows

_Known = tuple[set[bytes], int, bytes]
_REMEMBERED: dict[tuple[str, str, str], _Known] = {}
"""Digests of files that were open before, with the number of rows and the last digest."""


class Summary:
    """The distinct comments of one branch."""

    def __init__(self, place: Place, file_key: str, trajectory: str, table: str) -> None:
        self._table = OverviewTable(place, table, cap=None)
        self._key = (file_key, trajectory, table)
        self._digests: set[bytes] | None = None
        self._comments: set[str] = set()
        self._exists = False

    def knows(self, comment: str) -> bool:
        """Return whether the table has the comment already; False if there is no table."""
        if comment in self._comments:
            return True
        if self._digests is None:
            self._load()
        if self._exists and _digest(comment) in self._digests:  # type: ignore[operator]
            self._comments.add(comment)
            return True
        return False

    def note(self, node: PutNode) -> None:
        """Add the comment of a leaf that is not known yet."""
        if self._digests is None:
            self._load()
        if not self._exists:
            return
        digest = _digest(node.comment)
        self._digests.add(digest)  # type: ignore[union-attr]
        self._comments.add(node.comment)
        self._table.add({**leaf_row(node), "hexdigest": digest})

    def write_pending(self) -> None:
        """Write the comments that were noted."""
        self._table.write_pending()
        if self._exists and self._digests is not None:
            self._remember()

    def _remember(self) -> None:
        table = self._table.open()
        length = 0 if table is None else table.shape[0]
        if length:
            last = bytes(read_rows(table, length - 1)["hexdigest"][0])
            _REMEMBERED[self._key] = (self._digests or set(), length, last)

    def _load(self) -> None:
        table = self._table.open()
        self._exists = table is not None
        self._digests = set() if table is None else _digests_of(table, self._key)


def _digest(comment: str) -> bytes:
    return hashlib.sha1(comment.encode("utf8"), usedforsecurity=False).hexdigest().encode("ascii")


def _digests_of(table: h5d.DatasetID, key: tuple[str, str, str]) -> set[bytes]:
    """Return the digests in a table; of a table that only grew since, read the new rows only."""
    digests, known, last = _REMEMBERED.pop(key, (set(), 0, b""))
    if 0 < known <= table.shape[0]:
        new: list[bytes] = read_rows(table, known - 1)["hexdigest"].tolist()
        if new[0] == last:
            digests.update(new)
            return digests
    return set(read_column(table, "hexdigest").tolist())
