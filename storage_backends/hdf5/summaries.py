"""Comments that many leaves share are kept once: in a summary table, found by their digest."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from h5py import h5d

from pypet.records import PutNode
from pypet.storage_backends.hdf5.overview import OverviewTable, Place, leaf_row
from pypet.storage_backends.hdf5.tables import read_column, read_rows


class _Memory(NamedTuple):
    """What is known about a table that was read before: it may only have grown since."""

    digests: set[bytes]
    length: int
    last: bytes


_REMEMBERED: dict[tuple[str, str, str], _Memory] = {}


class Summary:
    """The distinct comments of one branch."""

    def __init__(self, place: Place, file_key: str, trajectory: str, table: str) -> None:
        self._table = OverviewTable(place, table, cap=None)
        self._key = (file_key, trajectory, table)
        self._known: _Memory | None = None
        self._new: list[bytes] = []
        self._comments: set[str] = set()
        self._exists = False

    def knows(self, comment: str) -> bool:
        """Return whether the table has the comment already; False if there is no table."""
        if comment in self._comments:
            return True
        digests = self._digests()
        if self._exists and _digest(comment) in digests:
            self._comments.add(comment)
            return True
        return False

    def note(self, node: PutNode) -> None:
        """Add the comment of a leaf that is not known yet."""
        digests = self._digests()
        if not self._exists:
            return
        digest = _digest(node.comment)
        digests.add(digest)
        self._new.append(digest)
        self._comments.add(node.comment)
        self._table.add({**leaf_row(node), "hexdigest": digest})

    def write_pending(self) -> None:
        """Write the comments that were noted."""
        if self._new and self._known is not None:
            self._table.write_pending()
            length = self._known.length + len(self._new)
            self._known = _Memory(self._known.digests, length, self._new[-1])
            self._new.clear()

    def remember(self) -> None:
        """Keep what is known for the next time that the file is open."""
        if self._exists and self._known is not None and self._known.length:
            _REMEMBERED[self._key] = self._known

    def _digests(self) -> set[bytes]:
        if self._known is None:
            table = self._table.open()
            self._exists = table is not None
            self._known = _Memory(set(), 0, b"") if table is None else _read(table, self._key)
        return self._known.digests


def _digest(comment: str) -> bytes:
    return hashlib.sha1(comment.encode("utf8"), usedforsecurity=False).hexdigest().encode("ascii")


def _read(table: h5d.DatasetID, key: tuple[str, str, str]) -> _Memory:
    """Return the digests in a table; of a table that only grew since, read the new rows only."""
    digests, known, last = _REMEMBERED.pop(key, _Memory(set(), 0, b""))
    length = table.shape[0]
    if 0 < known <= length:
        new: list[bytes] = read_rows(table, known - 1)["hexdigest"].tolist()
        if new[0] == last:
            digests.update(new)
            return _Memory(digests, length, new[-1])
    found: list[bytes] = read_column(table, "hexdigest").tolist()
    return _Memory(set(found), length, found[-1] if found else b"")
