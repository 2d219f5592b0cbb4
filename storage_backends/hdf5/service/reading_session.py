"""What several reads from one open file share, so that it is found out once and not per node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pypet.encoding.unpickling import Unpickling
from pypet.records import NodeRecord
from pypet.storage_backends.hdf5.files.damage import telling_damage

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.open_file import OpenFile
    from pypet.storage_backends.hdf5.nodes.item_reading import ItemFilter
    from pypet.storage_backends.hdf5.nodes.tree_reading import Skip, TreeReader, Wants
    from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit


class ReadingSession:
    """Keeps readers of the trajectories in a file while it is open for reading.

    ``check_known(trajectory)`` raises unless a trajectory is in the file; it is asked once for
    each. What a reader remembers of the way to nodes counts as long as the file is not closed.
    """

    __slots__ = ("_check_known", "_checksums", "_readers", "file", "limit")

    def __init__(
        self,
        file: OpenFile,
        limit: SizeLimit | None,
        check_known: Callable[[str], None],
        *,
        checksums: bool,
        outer: ReadingSession | None,
    ) -> None:
        self.file = file
        self.limit = limit
        """What values are charged to; a session within another one has one of its own."""
        self._check_known = check_known
        self._checksums = checksums
        self._readers: dict[tuple[str, bool], TreeReader] = (
            {} if outer is None or outer.file is not file else outer._readers
        )

    def serves(self, file: OpenFile | None) -> bool:
        """Return whether ``file``, or None for the one open for reading, is that of the session."""
        return (file is None or file is self.file) and self.file.is_alive

    def read(
        self,
        trajectory: str,
        path: str,
        rule: Unpickling,
        wants: Wants,
        item_filter: ItemFilter | None,
        skip: Skip | None,
        *,
        recursive: bool,
        max_depth: int | None,
    ) -> Iterator[NodeRecord]:
        """Return an iterator over records, see `RecordBackend.read_nodes`."""
        reader = self._reader(trajectory)
        reader.prepare(wants, item_filter, rule, self.limit, skip)
        return telling_damage(
            reader.read(path, recursive=recursive, max_depth=max_depth),
            self.file.path,
            lambda: f"Node {reader.at!r} of trajectory {trajectory!r}",
        )

    def _reader(self, trajectory: str) -> TreeReader:
        key = trajectory, self._checksums
        reader = self._readers.get(key)
        if reader is not None and not reader.is_busy:
            return reader
        from pypet.storage_backends.hdf5.nodes.tree_reading import TreeReader

        self._check_known(trajectory)
        fresh = TreeReader(self.file, trajectory, checksums=self._checksums)
        if reader is None:
            self._readers[key] = fresh
        return fresh
