"""Comments shared by many leaves, each of which is stored once and found by its digest."""

from __future__ import annotations

import hashlib

from h5py import h5d

from pypet.records import PutNode
from pypet.storage_backends.hdf5.files.file_cache import FileCache, KnownComments
from pypet.storage_backends.hdf5.objects.tables import has_chunk, last_chunk, read_bytes
from pypet.storage_backends.hdf5.trajectories.overview_tables import (
    DIGEST_SIZE,
    OverviewTable,
    Place,
    leaf_row,
)


class Summary:
    """The distinct comments of one branch."""

    def __init__(self, place: Place, file_cache: FileCache, trajectory: str, table: str) -> None:
        self._table = OverviewTable(place, table, cap=None)
        self._file_cache = file_cache
        self._key = (trajectory, table)
        self._known: KnownComments | None = None
        self._new: list[bytes] = []
        self._comments: set[str] = set()
        self._exists = False

    def knows(self, comment: str) -> bool:
        """Return whether the table already has the comment; False without a table."""
        if comment in self._comments:
            return True
        digests = self._digests()
        if self._exists and _digest(comment) in digests:
            self._comments.add(comment)
            return True
        return False

    def note(self, node: PutNode) -> None:
        """Add the comment of a leaf if it is not in the table yet."""
        digests = self._digests()
        if not self._exists:
            return
        digest = _digest(node.comment)
        digests.add(digest)
        self._new.append(digest)
        self._comments.add(node.comment)
        self._table.add({**leaf_row(node), "hexdigest": digest})

    def write_pending(self) -> None:
        """Write the pending comments."""
        if self._new and self._known is not None:
            self._table.write_pending()
            length = self._known.length + len(self._new)
            self._known = KnownComments(self._known.digests, length, self._new[-1])
            self._new.clear()

    def remember(self) -> None:
        """Save the known digests for the next time the file is opened."""
        if self._exists and self._known is not None and self._known.length:
            self._file_cache.comments[self._key] = self._known

    def _digests(self) -> set[bytes]:
        if self._known is None:
            table = self._table.open()
            self._exists = table is not None
            former = self._file_cache.comments.pop(self._key, None)
            known = KnownComments(set(), 0, b"")
            if table is not None:
                self._exists = False
                with self._table.harmless():
                    known = _read(table, former)
                    self._exists = True
            self._known = known
        return self._known.digests


def _digest(comment: str) -> bytes:
    return hashlib.sha1(comment.encode("utf8"), usedforsecurity=False).hexdigest().encode("ascii")


def _read(table: h5d.DatasetID, former: KnownComments | None) -> KnownComments:
    """Return the digests in a table; if it was read before, only new rows are read."""
    length = table.shape[0]
    if former is not None and 0 < former.length <= length:
        chunk = former.last_chunk
        if length == former.length and chunk is not None and has_chunk(table, chunk):
            return former
        new = read_bytes(table, "hexdigest", DIGEST_SIZE, former.length - 1)
        if new[0] == former.last:
            former.digests.update(new)
            return KnownComments(former.digests, length, new[-1], last_chunk(table))
    found = read_bytes(table, "hexdigest", DIGEST_SIZE)
    return KnownComments(set(found), length, found[-1] if found else b"", last_chunk(table))
