"""The file of a service: where it is, and who has it open when."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.errors import StorageFormatError, StorageLostError
from pypet.services.backend import RecordBackend
from pypet.services.record_service import RecordStorageService
from pypet.storage_backends.hdf5.files.damage import damage_told
from pypet.storage_backends.hdf5.files.exclusion import FileLock, exclusive, lock_of
from pypet.storage_backends.hdf5.files.filename import advice_on, resolve_filename
from pypet.storage_backends.hdf5.files.guard import GUARD
from pypet.storage_backends.hdf5.service import h5py_modules
from pypet.storage_backends.hdf5.service.progress import Progresses
from pypet.storage_backends.hdf5.settings.settings import Settings
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.demands import Demand
    from pypet.storage_backends.hdf5.files.identity import Identity
    from pypet.storage_backends.hdf5.files.open_file import OpenFile


class HeldFile(RecordStorageService, ABC):
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
    """The file of the experiment that is going on; copies in other processes know it, too."""

    _file_lock: FileLock | None
    """The lock of the file, as long as that stays the same."""
    _demand: Demand
    """What is demanded of commits, by whichever service of this process they are made."""

    @property
    def durable(self) -> bool:
        """Whether every commit survives a loss of power; see `RecordBackend.durable`.

        Such a commit is refused where there is no room for its redo log.
        """
        return self._demand.durable

    @durable.setter
    def durable(self, durable: bool) -> None:
        self._demand.durable = durable

    @property
    def before_commit(self) -> Callable[[], None] | None:
        """What is called before each commit; see `RecordBackend.before_commit`."""
        return self._demand.before_commit

    @before_commit.setter
    def before_commit(self, call: Callable[[], None] | None) -> None:
        self._demand.before_commit = call

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
            self._file_lock = None

    @property
    def file_lock(self) -> FileLock:
        """What threads hold while they use the file."""
        lock = self._file_lock
        if lock is None:
            lock = self._file_lock = lock_of(self._filename)
        return lock

    def exclusive(self, *others: RecordBackend) -> AbstractContextManager[Any]:
        """Keep other threads away from the file; see `RecordBackend.exclusive`."""
        if not others:
            return self.file_lock
        locks = [other.file_lock for other in others if isinstance(other, HeldFile)]
        return exclusive(self.file_lock, *locks)

    @property
    def is_open(self) -> bool:
        """Whether the file is kept open between messages."""
        return self._file is not None and self._file.is_alive

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
            file = self._hold(writable=True)
            identity = self._expected_identity()
            if identity is not None and file.watch is None and not file.is_lent:
                try:
                    file.watch = h5py_modules.identity().watch(file, identity)
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
                h5py_modules.handles().release_durably(file, self._demand)

    def let_go(self) -> None:
        """Write everything to the disk and leave the file to others; see `close` for the error.

        HDF5 does not empty its memory for that, which takes its time, so only do it at the end
        of a process.
        """
        with self.file_lock:
            file, self._file = self._file, None
            if file is not None and file.is_alive:
                h5py_modules.handles().let_go_durably(file, self._demand)

    def flush(self) -> None:
        """Write everything to the disk, if the file is kept open; see `close` for the error."""
        with self.file_lock, GUARD:
            if self._file is not None:
                self._file.flush(durable=True)
                self._file.check_in_place()

    def try_flush(self, *, durable: bool) -> bool:
        """Commit unless others read the file; return whether that was done. For errors see `close`.

        Without ``durable`` a loss of power may take it back.
        """
        with self.file_lock, GUARD:
            if self._file is None:
                return True
            is_done = self._file.try_flush(durable=durable)
            self._file.check_in_place()
            return is_done

    def check_file_message(self, msg: str, trajectory: str | None) -> None:
        """Raise ValueError for a file that is not open, and nobody knows for which trajectory."""
        if msg != constants.OPEN_FILE and trajectory is None and not self.is_open:
            raise ValueError(
                f"Message {msg!r} lacks `trajectory_name=`, and {self._filename} is not open."
            )

    def relocate(self, *, filename: str | None = None, file_title: str | None = None) -> None:
        """Follow the location keywords that may come with any message."""
        if filename is not None:
            self.filename = filename
        if file_title is not None:
            self._file_title = file_title

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
        with ExitStack() as held:
            with self.file_lock:
                file = held.enter_context(self._held_for_reading())
                former, self._read_from = self._read_from, file
            try:
                yield
            finally:
                with self.file_lock:
                    self._read_from = former
                    held.close()

    def _hold(self, *, writable: bool) -> OpenFile:
        for package in self.requires[:1]:
            require(package, plugin=self.name, extra=self.extra)
        identity = self._expected_identity()
        if identity is not None:
            return self._hold_same(identity, writable=writable)
        file: OpenFile = h5py_modules.handles().hold(
            self._filename,
            writable=writable,
            title=self._file_title,
            filters=self._settings.filters,
            timeout=self.lock_timeout,
            demand=self._demand if writable else None,
        )
        return file

    def _release(self, file: OpenFile) -> None:
        """Give back a file that `_hold` returned for writing."""
        h5py_modules.handles().release(file, self._demand)

    def _hold_same(self, identity: Identity, *, writable: bool) -> OpenFile:
        """Return the open file if it is that of the experiment; no other is changed or made."""
        if not h5py_modules.identity().is_certain(identity):
            self._check_same(identity)
        file: OpenFile = h5py_modules.handles().hold(
            self._filename,
            writable=writable,
            may_create=False,
            timeout=self.lock_timeout,
            demand=self._demand if writable else None,
        )
        return file

    def _check_same(self, identity: Identity) -> None:
        """Look into the file whether it is that of the experiment."""
        module, handles = h5py_modules.identity(), h5py_modules.handles()
        try:
            file = handles.hold(self._filename, writable=False)
        except StorageFormatError as err:
            if identity.offset is None:
                raise
            raise module.lost(self._filename) from err
        try:
            if file.watch is None and not file.is_lent:
                group = h5py_modules.listing().cache_of(file, identity.trajectory).group("")
                module.check_identity(file, group, identity)
        finally:
            handles.release(file)

    def _expected_identity(self) -> Identity | None:
        """Return what the file has to be, None if anything may be there."""
        identity = self._identity
        return identity if identity is not None and identity.path == self._filename else None

    @contextmanager
    def _held_for_reading(self) -> Iterator[OpenFile]:
        for known in (self._file, self._read_from):
            if known is not None and known.is_alive:
                yield known
                return
        try:
            file = self._hold(writable=False)
        except StorageLostError:
            raise
        except FileNotFoundError:
            # Nothing about HDF5 is wrong, so what it says would only hide the message.
            raise ValueError(
                f"There is no file {self._filename}, so nothing can be loaded; give the "
                f"`filename` with which the trajectory was stored.{advice_on(self._filename)}"
            ) from None
        try:
            yield file
        finally:
            h5py_modules.handles().release(file)

    def _delete_file(self) -> None:
        if os.path.exists(self._filename):
            h5py_modules.handles().close_at(self._filename)
            os.remove(self._filename)

    def _check_known(self, file: OpenFile, trajectory: str) -> None:
        with damage_told(file.path, lambda: f"Trajectory {trajectory!r}"):
            exists = h5py_modules.listing().cache_of(file, trajectory).exists()
        if not exists:
            raise h5py_modules.listing().unknown_trajectory(file, trajectory)
