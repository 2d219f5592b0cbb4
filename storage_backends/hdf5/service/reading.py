"""Reading records from the file of a service, and what several reads of one file share."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pypet.encoding.unpickling import TRUST, UnpicklingPolicy, check_mode, current_policy
from pypet.records import MetaRecord, NodeRecord
from pypet.storage_backends.hdf5.files.damage import damage_reported, reporting_damage
from pypet.storage_backends.hdf5.files.thread_locks import FORK_LOCK, stepwise
from pypet.storage_backends.hdf5.service.file_access import FileAccess
from pypet.storage_backends.hdf5.settings.options import SAFE_SIZE_LIMIT, check_size_limit

if TYPE_CHECKING:
    from pypet.services.node_views import NodeView
    from pypet.storage_backends.hdf5.files.open_file import OpenFile
    from pypet.storage_backends.hdf5.nodes.item_reading import ItemFilter
    from pypet.storage_backends.hdf5.nodes.node_views import ViewedFile
    from pypet.storage_backends.hdf5.nodes.tree_reading import Skip, TreeReader, Wants
    from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit


class Reading(FileAccess, ABC):
    """The part of the service that reads trajectories as records."""

    _session: ReadingSession | None
    """What the reads within `reading` share."""
    _unpickle: str
    _size_limit: int | None

    @property
    def unpickle(self) -> str:
        """What is loaded of pickles in the file: ``'trust'``, ``'safe'`` or ``'never'``."""
        return self._unpickle

    @unpickle.setter
    def unpickle(self, mode: str) -> None:
        check_mode(mode)
        self._unpickle = mode

    @property
    def size_limit(self) -> int | None:
        """Bytes of memory for values beyond ten times what is stored of them; None: no limit.

        It applies to all values that one call loads. A service that does not trust pickles has a
        limit of 1 GiB by default. Shared data is not loaded and not limited.
        """
        if self._size_limit is None and self._unpickle != TRUST:
            return SAFE_SIZE_LIMIT
        return self._size_limit

    @size_limit.setter
    def size_limit(self, limit: int | None) -> None:
        check_size_limit(limit)
        self._size_limit = limit

    # ----- records -------------------------------------------------------------------------

    def trajectory_names(self) -> list[str]:
        """Return the names of all trajectories of the file in alphabetical order."""
        with self.file_lock, self._opened_for_reading() as file:
            from pypet.storage_backends.hdf5.trajectories.cache import trajectory_names

            return trajectory_names(file)

    def stored_child_names(
        self, trajectory_name: str, path: str, *, limit: int, timeout: float
    ) -> list[str]:
        """Return names below a node, in alphabetical order unless there are more than ``limit``."""
        from pypet.storage_backends.hdf5.nodes.tree_reading import first_child_names

        with self.file_lock, self._opened_for_reading(timeout) as file:
            return first_child_names(file, trajectory_name, path, limit)

    def check_has(self, name: str | None, index: int | None) -> None:
        """Raise ValueError unless the file has the trajectory of this name or index.

        Give one of both; see `load` for the errors.
        """
        with self.file_lock, self._opened_for_reading() as file:
            self._check_known(file, self._find_trajectory(name, index))

    def read_meta(self, trajectory: str, *, with_runs: bool) -> MetaRecord:
        """Return the data about a trajectory; see `RecordBackend.read_meta`."""
        from pypet.storage_backends.hdf5.trajectories.meta_reading import read_meta

        with self.file_lock, self._opened_for_reading() as file:
            self._check_known(file, trajectory)
            with FORK_LOCK:
                file.flush()
            policy = current_policy(self._unpickle)
            with damage_reported(file.path, lambda: f"The overview of trajectory {trajectory!r}"):
                session = self._session
                limit = self._new_limit(file) if session is None else session.limit
                return read_meta(file, trajectory, policy, with_runs=with_runs, limit=limit)

    def read_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Callable[[str], bool],
        item_filter: Callable[[str], bool] | None = None,
    ) -> Iterator[NodeRecord]:
        """Yield records; see `RecordBackend.read_nodes`."""
        return self._read_nodes(
            trajectory, path, wants, item_filter, None, recursive=recursive, max_depth=max_depth
        )

    def read_intact_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Callable[[str], bool],
        skip: Callable[[str, Exception], None],
    ) -> Iterator[NodeRecord]:
        """Yield records of all nodes but damaged ones; see `RecordBackend.read_intact_nodes`."""
        return self._read_nodes(
            trajectory, path, wants, None, skip, recursive=recursive, max_depth=max_depth
        )

    def view_node(
        self, trajectory: str, path: str = "", *, wants: Callable[[str], bool]
    ) -> NodeView:
        """Return a view of a node; see `RecordBackend.view_node`.

        Views read headers of nodes, and values, only where they are asked, so that ``wants``
        makes no difference.
        """
        with self.file_lock, self._opened_for_reading() as file:
            session = self._session
            if session is None or not session.serves(self._file):
                session = self._new_session(file)
            return session.view(trajectory, path, current_policy(self._unpickle))

    def _read_nodes(
        self,
        trajectory: str,
        path: str,
        wants: Callable[[str], bool],
        item_filter: Callable[[str], bool] | None,
        skip: Callable[[str, Exception], None] | None,
        *,
        recursive: bool,
        max_depth: int | None,
    ) -> Iterator[NodeRecord]:
        policy = current_policy(self._unpickle)

        def records_of(session: ReadingSession) -> Iterator[NodeRecord]:
            return session.read(
                trajectory,
                path,
                policy,
                wants,
                item_filter,
                skip,
                recursive=recursive,
                max_depth=max_depth,
            )

        is_within_message = self.file_lock.is_mine
        session = self._session
        if is_within_message and session is not None and session.serves(self._file):
            yield from self._counted(records_of(session))
            return
        with ExitStack() as stack:
            with self.file_lock:
                file = stack.enter_context(self._opened_for_reading())
                records = records_of(self._new_session(file))
                self._progress.loaded.restart(self._filename)
            yield from self._counted(
                records if is_within_message else stepwise(records, self.file_lock)
            )

    def _counted(self, records: Iterator[NodeRecord]) -> Iterator[NodeRecord]:
        count = self._progress.loaded.count
        for record in records:
            yield record
            count()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the file open for reading, and one limit of sizes in force, within a ``with`` block.

        Raises
        ------
        ValueError
            There is no file.
        """
        with super().reading():
            assert self._read_from is not None
            former, self._session = self._session, self._new_session(self._read_from)
            if former is None:
                self._progress.loaded.restart(self._filename)
            try:
                yield
            finally:
                self._session = former

    def _new_session(self, file: OpenFile) -> ReadingSession:
        return ReadingSession(
            file,
            self._new_limit(file),
            lambda trajectory: self._check_known(file, trajectory),
            checksums=self._settings.checksums,
            outer=self._session,
        )

    def _new_limit(self, file: OpenFile) -> SizeLimit | None:
        """Return what values are charged to: all that one call loads to the same."""
        limit = self.size_limit
        if limit is None or file.id is None:
            return None
        from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit

        return SizeLimit(limit, file.id.get_filesize())


class ReadingSession:
    """Caches readers of the trajectories in a file while it is open for reading.

    ``check_known(trajectory)`` raises unless a trajectory is in the file; it is asked once for
    each. Readers cache open groups as long as the file is not closed.
    """

    __slots__ = ("_check_known", "_checksums", "_readers", "_viewed", "file", "limit")

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
        """What values are charged to; a session within another one has its own."""
        self._check_known = check_known
        self._checksums = checksums
        self._readers: dict[tuple[str, bool], TreeReader] = (
            {} if outer is None or outer.file is not file else outer._readers
        )
        self._viewed: dict[tuple[str, bool], ViewedFile] = {}

    def serves(self, file: OpenFile | None) -> bool:
        """Return whether ``file``, or None for the one open for reading, is that of the session."""
        return (file is None or file is self.file) and self.file.is_alive

    def read(
        self,
        trajectory: str,
        path: str,
        policy: UnpicklingPolicy,
        wants: Wants,
        item_filter: ItemFilter | None,
        skip: Skip | None,
        *,
        recursive: bool,
        max_depth: int | None,
    ) -> Iterator[NodeRecord]:
        """Return an iterator over records, see `RecordBackend.read_nodes`."""
        reader = self._reader(trajectory)
        reader.prepare(wants, item_filter, policy, self.limit, skip)
        return reporting_damage(
            reader.read(path, recursive=recursive, max_depth=max_depth),
            self.file.path,
            lambda: f"Node {reader.at!r} of trajectory {trajectory!r}",
        )

    def view(self, trajectory: str, path: str, policy: UnpicklingPolicy) -> NodeView:
        """Return a view of a node, see `RecordBackend.view_node`."""
        from pypet.storage_backends.hdf5.nodes.node_views import ViewedFile

        key = trajectory, self._checksums
        viewed = self._viewed.get(key)
        if viewed is None or viewed.policy is not policy:
            self._check_known(trajectory)
            viewed = self._viewed[key] = ViewedFile(
                self.file, trajectory, policy, self.limit, checksums=self._checksums
            )
        return viewed.view(path)

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
