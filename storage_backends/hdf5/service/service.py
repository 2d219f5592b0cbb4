"""The HDF5 storage service; h5py is imported when it opens its first file."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from pypet.errors import StorageLostError
from pypet.interfaces.option import Option
from pypet.records import (
    ArrayItem,
    FrameItem,
    Item,
    PutMeta,
    PutNode,
    StoreRequest,
)
from pypet.services.backend import RecordBackend, note_applied
from pypet.storage_backends.hdf5.files.commit_options import CommitOptions
from pypet.storage_backends.hdf5.files.filename import default_title, resolve_filename
from pypet.storage_backends.hdf5.files.thread_locks import FORK_LOCK, lock_of
from pypet.storage_backends.hdf5.service.established_names import HDF5Names
from pypet.storage_backends.hdf5.service.inspecting import Inspecting
from pypet.storage_backends.hdf5.service.progress import Progresses
from pypet.storage_backends.hdf5.service.shared_access import SharedAccess
from pypet.storage_backends.hdf5.settings.options import (
    OPTIONS,
    check_timeout,
)
from pypet.storage_backends.hdf5.settings.settings import (
    Settings,
    SettingsProperties,
    initial_tables,
    wants_summary,
)
from pypet.support.optional import require
from pypet.support.processes import refuse_in_loaded_script

if TYPE_CHECKING:
    from pypet.services.transfer import NodeCopy
    from pypet.storage_backends.hdf5.files.identity import Identity
    from pypet.storage_backends.hdf5.files.open_file import OpenFile

logger = logging.getLogger(f"{__package__}.HDF5StorageService")

_LEAST_PACKED_BYTES = 1 << 17
"""Arrays from this size on are compressed where they were made."""
_MOST_COMMENTS = 10_000


class HDF5StorageService(HDF5Names, SettingsProperties, SharedAccess, Inspecting):
    """Keeps trajectories in an HDF5 file, any number per file.

    Every message opens the file and closes it again, unless it is kept open. HDF5 locks files:
    while one process has a file open for writing, no other one can open it. Services of one
    process share the open file.

    Can be pickled; the copy is closed.
    """

    name: ClassVar[str] = "hdf5"
    file_extensions: ClassVar[tuple[str, ...]] = (
        ".hdf5",
        ".hdf",
        ".h4",
        ".hdf4",
        ".he2",
        ".h5",
        ".he5",
    )
    extra: ClassVar[str | None] = "hdf5"
    requires: ClassVar[tuple[str, ...]] = ("h5py", "tables", "pandas")
    options: ClassVar[tuple[Option, ...]] = OPTIONS
    config_group: ClassVar[str | None] = "hdf5"

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        file_title: str | None = None,
        overwrite_file: bool = False,
        encoding: str = "utf8",
        complevel: int = 9,
        complib: str = "zlib",
        shuffle: bool = True,
        fletcher32: bool = False,
        pandas_format: str = "fixed",
        purge_duplicate_comments: bool = True,
        summary_tables: bool = True,
        small_overview_tables: bool = True,
        large_overview_tables: bool = False,
        results_per_run: int = 0,
        derived_parameters_per_run: int = 0,
        display_time: float = 20,
        trajectory: Any = None,
        *,
        unpickle: str = "trust",
        lock_timeout: float = 300.0,
        size_limit: int | None = None,
        checksums: bool = True,
    ) -> None:
        """Take the settings; the file itself is first touched by the first message.

        ``overwrite_file`` deletes an existing file at once. ``unpickle`` restricts what is loaded
        of pickles: with ``'trust'`` all, with ``'safe'`` plain data and the classes among the
        trajectory's dynamic imports, with ``'never'`` none. ``lock_timeout`` is how many seconds
        storing waits while another program has the file open; loading waits ten at the most.
        ``size_limit`` is in bytes, see the property. With ``checksums``, values that HDF5 does
        not check get a checksum when they are stored, and are compared with it when they are
        loaded. None of these is kept in the file.

        ``complib`` is ``'zlib'``, ``'blosc'``, ``'bzip2'``, ``'lzo'`` or ``'blosc2'``; blosc and
        blosc2 have compressors to choose: ``'blosc:lz4'``, ``'blosc:zstd'``. LZO needs a PyTables
        that was built with it.

        Raises
        ------
        MissingDependencyError
            ``complib`` is not zlib, and h5py is not installed to ask for its filter.
        ValueError
            There is no compression library ``complib`` here, comments should be purged without
            the summary tables that keep one of each, ``unpickle`` is none of the three, or a limit
            is negative.
        """
        if complib != "zlib" and complevel:
            require("h5py", plugin="hdf5", extra="hdf5")
            from pypet.storage_backends.hdf5.compression.filters import check_library

            check_library(complib)
        if purge_duplicate_comments and not summary_tables:
            raise ValueError(
                "`purge_duplicate_comments=True` needs `summary_tables=True`, where one comment "
                "of each kind is kept."
            )
        self._trajectory_name = None if trajectory is None else str(trajectory.v_name)
        self._filename = resolve_filename(filename, self._trajectory_name)
        self._file_title = file_title or default_title(self._trajectory_name)
        self._file: OpenFile | None = None
        self._read_from: OpenFile | None = None
        self._identity: Identity | None = None
        self.file_lock = lock_of(self._filename)
        self._commit_options = CommitOptions()
        self._inspected: tuple[OpenFile | None, set[tuple[str, str, str]]] = (None, set())
        self._settings = Settings(
            complevel=complevel,
            complib=complib,
            shuffle=bool(shuffle),
            fletcher32=bool(fletcher32),
            pandas_format=pandas_format,
            encoding=encoding,
            purge_duplicate_comments=bool(purge_duplicate_comments),
            results_per_run=results_per_run,
            derived_parameters_per_run=derived_parameters_per_run,
            tables=initial_tables(
                small=small_overview_tables, large=large_overview_tables, summaries=summary_tables
            ),
            checksums=bool(checksums),
        )
        self.unpickle = unpickle
        check_timeout(lock_timeout)
        self.lock_timeout = lock_timeout
        self.size_limit = size_limit
        self._session = None
        self._progress = Progresses(display_time)
        self._told: set[tuple[str, str]] = set()
        self._latest = self._trajectory_name or ""
        if overwrite_file:
            refuse_in_loaded_script("a storage service that overwrites its file")
            self._delete_file()
        if trajectory is not None:
            self.attach_to(trajectory)

    def __repr__(self) -> str:
        return f"<HDF5StorageService (filename:`{self._filename}`)>"

    def __getstate__(self) -> dict[str, Any]:
        closed: dict[str, Any] = {"_file": None, "_read_from": None, "_inspected": (None, set())}
        closed["_session"] = None
        closed["_commit_options"] = CommitOptions(durable=self.durable)
        state = {**self.__dict__, **closed, "_told": set(), "is_kept_open": False}
        del state["file_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "_demand" in state:  # pickled by an earlier version
            state["_commit_options"] = state.pop("_demand")
        state.pop("_file_lock", None)
        self.__dict__.update(state)
        self.file_lock = lock_of(self._filename)

    # ----- settings ------------------------------------------------------------------------

    @property
    def display_time(self) -> float:
        """Seconds between two lines in the log about what is stored, loaded, merged, removed."""
        return self._progress.interval

    @display_time.setter
    def display_time(self, seconds: float) -> None:
        self._progress.interval = seconds

    def settings(self) -> Mapping[str, tuple[Any, str]]:
        """Return all settings that are kept with a trajectory, with a comment each."""
        return self._settings.entries()

    def adopt_settings(self, settings: Mapping[str, Any]) -> None:
        """Take over settings of a trajectory; names that are unknown are ignored.

        Raises
        ------
        RuntimeError
            Comments would be purged without the tables that keep one of each.
        """
        self._settings.adopt(settings)

    def wants_summary(self, path: str, comment: str) -> bool:
        """Return whether an overview table will show the value of the leaf at ``path``."""
        if not wants_summary(self._settings, None, path, comment):
            return False
        file = self._file
        if file is not None and file.is_alive:
            with self.file_lock:
                cache = file.trajectory_caches.get(self._latest) if file.is_alive else None
                return wants_summary(self._settings, cache, path, comment)
        if comment:
            branch = path.partition(".")[0]
            if (branch, comment) in self._told:
                # The summary shows the value of the first leaf with this comment.
                return wants_summary(self._settings, None, path, "")
            if len(self._told) < _MOST_COMMENTS:
                self._told.add((branch, comment))
        return True

    # ----- other files ---------------------------------------------------------------------

    def beside(self, filename: str | None) -> HDF5StorageService:
        """Return the service for another file; self for None or the own one."""
        if filename is None or os.path.realpath(filename) == os.path.realpath(self._filename):
            return self
        return self._for_file(filename)

    def backup_service(self, trajectory: str, filename: str | None) -> HDF5StorageService:
        """Return the service that a backup goes to.

        The default is ``backup_<trajectory name>.hdf5`` beside the file; the title of a backup is
        its path.
        """
        if filename is None:
            folder = os.path.dirname(self._filename)
            filename = os.path.join(folder, f"backup_{trajectory}.hdf5")
        return self._for_file(filename, file_title=os.fspath(filename))

    def _for_file(self, filename: str, **settings: Any) -> HDF5StorageService:
        """Return a service for another file that trusts it as much and waits as long."""
        return type(self)(
            filename=filename,
            unpickle=self._unpickle,
            lock_timeout=self.lock_timeout,
            size_limit=self._size_limit,
            checksums=self._settings.checksums,
            **settings,
        )

    def node_copy(self, trajectory: str) -> NodeCopy:
        """Return what copies nodes into a stored trajectory, here or from another file."""
        from pypet.storage_backends.hdf5.nodes.copying import HDF5NodeCopy

        self._progress.merged.restart(self._filename)
        return HDF5NodeCopy(self, trajectory, self._progress.merged)

    def copy_to(self, target: RecordBackend, trajectory: str) -> None:
        """Copy a whole trajectory into another file, as it is.

        Raises
        ------
        ValueError
            The other file has a trajectory of this name, or this one has none.
        """
        assert isinstance(target, HDF5StorageService)
        with self.exclusive(target), FORK_LOCK, self._opened_for_reading() as file:
            self._check_known(file, trajectory)
            from pypet.storage_backends.hdf5.nodes.copying import copy_trajectory

            with target.kept_open(trajectory):
                copy_trajectory(file, target.kept_file, trajectory)

    def delete_trajectory(self, trajectory: str) -> None:
        """Delete everything about a trajectory; ValueError if it is not there."""
        with self.file_lock, FORK_LOCK, self.kept_open(trajectory):
            from pypet.storage_backends.hdf5.nodes.deletion import delete_trajectory

            self._check_known(self.kept_file, trajectory)
            delete_trajectory(self.kept_file, trajectory)

    # ----- records -------------------------------------------------------------------------

    def apply(self, request: StoreRequest) -> None:
        """Carry out the operations of a request; see `RecordBackend.apply`.

        Raises
        ------
        OSError, StorageFormatError
            The file cannot be opened; the message says why and what to do.
        """
        if request.operations:
            self._latest = request.trajectory
            with self.file_lock, FORK_LOCK:
                file = self._file
                if file is not None and file.is_alive:
                    self._apply_to(file, request)
                    try:
                        file.flush_if_due(self.commit_interval)
                    except StorageLostError:
                        raise
                    except OSError as error:
                        note_applied(error)
                        raise
                else:
                    self._apply_to_closed(request)

    def _apply_to(self, file: OpenFile, request: StoreRequest) -> None:
        from pypet.storage_backends.hdf5.service.requests import apply_request

        apply_request(file, request, self._settings, self._unpickle, self._progress)

    def _apply_to_closed(self, request: StoreRequest) -> None:
        """Open the file for one request."""
        if (
            not isinstance(request.operations[0], PutMeta)
            and self._expected_identity() is None
            and not os.path.exists(self._filename)
        ):
            raise ValueError(
                f"There is no file {self._filename} with a trajectory {request.trajectory!r}. "
                "Store the trajectory first, at least with `f_store(only_init=True)`."
            )
        file = self._acquire(writable=True)
        self._progress.restart_writing(self._filename)
        try:
            self._apply_to(file, request)
        finally:
            self._release(file)

    def packed(self, request: StoreRequest) -> StoreRequest:
        """Return a request whose large arrays are compressed already."""
        if not any(
            type(item) is ArrayItem and item.value.nbytes >= _LEAST_PACKED_BYTES
            for operation in request.operations
            if type(operation) is PutNode
            for item in operation.items
        ):
            return request
        from pypet.storage_backends.hdf5.compression.packing import packed_request

        return packed_request(request, self._settings.filters)

    def unpacked(self, item: Item) -> Item:
        """Return an item of a request that `packed` returned as it was before, or any other."""
        if type(item) is not ArrayItem or type(item.value) is np.ndarray:
            return item
        from pypet.storage_backends.hdf5.compression.packing import unpacked_item

        return unpacked_item(item)

    def grown(self, stored: Item, added: Item, options: Mapping[str, Any]) -> Item:
        """Return what a frame is when rows are added to it; see `RecordBackend.grown`."""
        if not options.get("append"):
            return stored
        if not (isinstance(stored, FrameItem) and isinstance(added, FrameItem)):
            return stored
        from pypet.storage_backends.hdf5.frames.frame_writing import with_rows

        return stored._replace(value=with_rows(stored.value, added.value))
