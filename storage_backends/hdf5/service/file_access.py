"""The file of a service: where it is, when it is open, and whether it is still the same one."""

from __future__ import annotations

import copy
import os
import tempfile
import time
from abc import ABC
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from pypet import pypetconstants as constants
from pypet.errors import StorageFormatError, StorageLostError
from pypet.services.backend import RecordBackend
from pypet.services.record_service import RecordStorageService
from pypet.storage_backends.hdf5.files.damage import damage_reported
from pypet.storage_backends.hdf5.files.filename import advice_on, resolve_filename
from pypet.storage_backends.hdf5.files.thread_locks import (
    FORK_LOCK,
    FileLock,
    exclusive,
    lock_of,
)
from pypet.storage_backends.hdf5.service.progress import Progresses
from pypet.storage_backends.hdf5.settings.settings import Settings
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.commit_options import CommitOptions
    from pypet.storage_backends.hdf5.files.identity import Identity
    from pypet.storage_backends.hdf5.files.open_file import OpenFile

# The service is imported with pypet, also where no HDF5 file is ever used. So everything that needs
# h5py is imported in the methods that use it, which takes a microsecond from the second time on.


class FileAccess(RecordStorageService, ABC):
    """The part of the service that opens its file for one message, or for many."""

    _trajectory_name: str | None
    _filename: str
    _file_title: str
    _settings: Settings
    _progress: Progresses
    lock_timeout: float
    """Seconds to wait for other processes that have the file open."""
    _file: OpenFile | None
    """The file while it is kept open."""
    _read_from: OpenFile | None
    """The file while it is kept open for reading."""
    _identity: Identity | None
    """The file of the experiment that is under way; copies in other processes know it, too."""
    file_lock: FileLock
    """What threads hold while they use the file."""
    _commit_options: CommitOptions
    """What this service requires of commits, whichever service of this process makes them."""

    @property
    def durable(self) -> bool:
        """Whether every commit survives a loss of power; see `RecordBackend.durable`.

        Such a commit is refused where there is no space for its redo log.
        """
        return self._commit_options.durable

    @durable.setter
    def durable(self, durable: bool) -> None:
        self._commit_options.durable = durable

    @property
    def before_commit(self) -> Callable[[], None] | None:
        """Called before each commit; see `RecordBackend.before_commit`."""
        return self._commit_options.before_commit

    @before_commit.setter
    def before_commit(self, call: Callable[[], None] | None) -> None:
        self._commit_options.before_commit = call

    # ----- where the file is ---------------------------------------------------------------

    @property
    def filename(self) -> str:
        """Path of the file."""
        return self._filename

    @filename.setter
    def filename(self, filename: str | os.PathLike[str] | None) -> None:
        resolved = resolve_filename(filename, self._trajectory_name)
        if resolved != self._filename:
            self.close()
            self._filename = resolved
            self.file_lock = lock_of(resolved)

    def relocate(self, *, filename: str | None = None, file_title: str | None = None) -> None:
        """Follow the location keywords that may come with any message."""
        if filename is not None:
            self.filename = filename
        if file_title is not None:
            self._file_title = file_title

    def exclusive(self, *others: RecordBackend) -> AbstractContextManager[Any]:
        """Keep other threads away from the file; see `RecordBackend.exclusive`."""
        if not others:
            return self.file_lock
        locks = [other.file_lock for other in others if isinstance(other, FileAccess)]
        return exclusive(self.file_lock, *locks)

    # ----- keeping it open -----------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the file is kept open between messages."""
        return self._file is not None and self._file.is_alive

    @property
    def kept_file(self) -> OpenFile:
        """The file that is kept open.

        Raises
        ------
        ValueError
            It is not open.
        """
        if self._file is None:
            raise ValueError(f"{self._filename} is not open.")
        return self._file

    def open(self) -> None:
        """Open the file for writing, making it if necessary, and keep it open until `close`.

        Raises
        ------
        OSError, StorageFormatError
            The file cannot be opened; the message says why and what to do.
        """
        with self.file_lock:
            if self.is_open:
                return
            file = self._acquire(writable=True)
            from pypet.storage_backends.hdf5.files.identity import watch

            identity = self._expected_identity()
            if identity is not None and file.watch is None and not file.is_handed_over:
                try:
                    file.watch = watch(file, identity)
                except BaseException:
                    self._release(file)
                    raise
            self._file = file
            file.flush()  # from now on others may read
            self._progress.restart_writing(self._filename)

    def close(self) -> None:
        """Write everything to the disk and close the file, if it is kept open.

        Raises
        ------
        FileNotFoundError
            The file was deleted, moved or replaced while it was open, and what was stored with it.
        """
        with self.file_lock:
            file, self._file = self._file, None
            if file is not None and file.is_alive:
                from pypet.storage_backends.hdf5.files import registry

                registry.release_durably(file, self._commit_options)

    def close_on_exit(self) -> None:
        """Write everything to the disk and leave the file to others; see `close` for the error.

        HDF5 does not free its caches, which would take time, so this is for the end of a process.
        """
        with self.file_lock:
            file, self._file = self._file, None
            if file is not None and file.is_alive:
                from pypet.storage_backends.hdf5.files import registry

                registry.release_on_exit(file, self._commit_options)

    def flush(self) -> None:
        """Write everything to the disk, if the file is kept open; see `close` for the error."""
        with self.file_lock, FORK_LOCK:
            if self._file is not None:
                self._file.flush(durable=True)
                self._file.check_in_place()

    def try_flush(self, *, durable: bool) -> bool:
        """Commit unless others read the file; return whether that was done. For errors see `close`.

        Without ``durable`` a loss of power may undo it.
        """
        with self.file_lock, FORK_LOCK:
            if self._file is None:
                return True
            is_done = self._file.try_flush(durable=durable)
            self._file.check_in_place()
            return is_done

    def check_file_message(self, msg: str, trajectory: str | None) -> None:
        """Raise ValueError for a file that is not open if the message names no trajectory."""
        if msg != constants.OPEN_FILE and trajectory is None and not self.is_open:
            raise ValueError(
                f"Message {msg!r} lacks `trajectory_name=`, and {self._filename} is not open."
            )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Keep the file open for reading within a ``with`` block.

        Raises
        ------
        ValueError
            There is no file.
        StorageLostError
            The file is not that of the experiment any more.
        """
        with ExitStack() as stack:
            with self.file_lock:
                file = stack.enter_context(self._opened_for_reading())
                former, self._read_from = self._read_from, file
            try:
                yield
            finally:
                with self.file_lock:
                    self._read_from = former
                    stack.close()

    # ----- opening it for one message ------------------------------------------------------

    def _acquire(self, *, writable: bool, timeout: float | None = None) -> OpenFile:
        """Return the open file; if it belongs to an experiment, no other file is changed or made.

        ``timeout`` replaces `lock_timeout`. To be given back by `registry.release`, or by
        `_release` if it is ``writable``.
        """
        for package in self.requires[:1]:
            require(package, plugin=self.name, extra=self.extra)
        from pypet.storage_backends.hdf5.files import registry

        identity = self._expected_identity()
        if identity is not None:
            self._check_identity(identity)
        return registry.acquire(
            self._filename,
            writable=writable,
            title=None if identity is not None else self._file_title,
            filters=None if identity is not None else self._settings.filters,
            may_create=identity is None,
            timeout=self.lock_timeout if timeout is None else timeout,
            options=self._commit_options if writable else None,
        )

    def _release(self, file: OpenFile) -> None:
        """Give back a file that `_acquire` returned for writing."""
        from pypet.storage_backends.hdf5.files import registry

        registry.release(file, self._commit_options)

    @contextmanager
    def _opened_for_reading(self, timeout: float | None = None) -> Iterator[OpenFile]:
        for known in (self._file, self._read_from):
            if known is not None and known.is_alive:
                yield known
                return
        try:
            file = self._acquire(writable=False, timeout=timeout)
        except StorageLostError:
            raise
        except FileNotFoundError:
            # Nothing about HDF5 is wrong, so its own error would only hide the message.
            raise ValueError(
                f"There is no file {self._filename}, so nothing can be loaded; give the "
                f"`filename` with which the trajectory was stored.{advice_on(self._filename)}"
            ) from None
        from pypet.storage_backends.hdf5.files import registry

        try:
            yield file
        finally:
            registry.release(file)

    def _delete_file(self) -> None:
        if os.path.exists(self._filename):
            from pypet.storage_backends.hdf5.files import registry

            registry.close_path(self._filename)
            os.remove(self._filename)

    def _check_known(self, file: OpenFile, trajectory: str) -> None:
        """Raise ValueError unless the trajectory is in the file."""
        from pypet.storage_backends.hdf5.trajectories.cache import cache_of, unknown_trajectory

        with damage_reported(file.path, lambda: f"Trajectory {trajectory!r}"):
            exists = cache_of(file, trajectory).exists()
        if not exists:
            raise unknown_trajectory(file, trajectory)

    # ----- the file of an experiment -------------------------------------------------------

    @contextmanager
    def watched(self, trajectory_name: str) -> Iterator[None]:
        """Insist within a ``with`` block on the file as it is now; see `StorageService.watched`."""
        former, self._identity = self._identity, self._renewed_identity(trajectory_name)
        try:
            yield
        finally:
            self._identity = former

    def check_in_place(self, trajectory_name: str) -> bool:
        """Make sure that the file is still there; see `StorageService.check_in_place`."""
        identity = self._expected_identity()
        if identity is None or identity.trajectory != trajectory_name:
            return True
        from pypet.storage_backends.hdf5.files import registry
        from pypet.storage_backends.hdf5.files.file_cache import file_cache_of
        from pypet.storage_backends.hdf5.files.identity import inode_of

        with self.file_lock:
            file = self._file
            if file is not None and file.is_alive and file.watch is not None:
                file.watch.check()
            else:
                registry.release(self._acquire(writable=False))
        known = file_cache_of(self._filename)
        if known is not None and known.has_lost_changes:
            return False
        return inode_of(self._filename) == identity.inode

    def generation(self, trajectory_name: str) -> str | None:
        """Return the number that identifies this stored trajectory; see `StorageService`."""
        identity = self._expected_identity()
        if identity is not None and identity.trajectory == trajectory_name:
            return identity.generation
        with self.file_lock, self._opened_for_reading() as file:
            from pypet.storage_backends.hdf5.files.identity import read_generation
            from pypet.storage_backends.hdf5.trajectories.cache import cache_of

            self._check_known(file, trajectory_name)
            return read_generation(cache_of(file, trajectory_name).group(""))

    def rescue_services(self, trajectory_name: str) -> Iterator[Self]:
        """Yield services for new files: beside the own one, or where else there may be space."""
        folder, name = os.path.split(self._filename)
        base, extension = os.path.splitext(name)
        stem = f"{base}.rescue-{time.strftime('%Y%m%d-%H%M%S')}"
        for place in dict.fromkeys((folder, os.getcwd(), tempfile.gettempdir())):
            twin = copy.copy(self)  # closed, as every copy
            twin._settings = copy.deepcopy(self._settings)
            twin._identity = twin.early = None
            twin._filename = twin._file_title = _vacant(place, stem, extension)
            twin.file_lock = lock_of(twin._filename)
            yield twin
            # The caller asks for another place only if it could not store here.
            twin._delete_file()

    def _renewed_identity(self, trajectory: str) -> Identity | None:
        if not os.path.exists(self._filename):
            return None
        with self.file_lock, FORK_LOCK:
            file = self._acquire(writable=True)
            from pypet.storage_backends.hdf5.files.identity import renew_generation
            from pypet.storage_backends.hdf5.trajectories.cache import cache_of

            try:
                group = cache_of(file, trajectory).group("")
                if group is None:  # stored elsewhere
                    return None
                return renew_generation(file, group, self._filename, trajectory)
            finally:
                self._release(file)

    def _expected_identity(self) -> Identity | None:
        """Return what the file has to be, None if anything may be there."""
        identity = self._identity
        return identity if identity is not None and identity.path == self._filename else None

    def _check_identity(self, identity: Identity) -> None:
        """Raise StorageLostError unless the file is that of the experiment."""
        from pypet.storage_backends.hdf5.files import registry
        from pypet.storage_backends.hdf5.files.identity import check_identity, is_certain, lost
        from pypet.storage_backends.hdf5.trajectories.cache import cache_of

        if is_certain(identity):
            return
        try:
            file = registry.acquire(self._filename, writable=False)
        except StorageFormatError as err:
            if identity.offset is None:
                raise
            raise lost(self._filename) from err
        try:
            if file.watch is None and not file.is_handed_over:
                group = cache_of(file, identity.trajectory).group("")
                check_identity(file, group, identity)
        finally:
            registry.release(file)


def _vacant(folder: str, stem: str, extension: str) -> str:
    """Return the path of a file that does not exist."""
    number = 1
    path = os.path.join(folder, stem + extension)
    while os.path.lexists(path):
        number += 1
        path = os.path.join(folder, f"{stem}-{number}{extension}")
    return path
