"""The file of a service: where it is, and who has it open when."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pypet import pypetconstants as constants
from pypet.services.record_service import RecordStorageService
from pypet.storage_backends.hdf5.files.damage import damage_told
from pypet.storage_backends.hdf5.files.filename import advice_on, resolve_filename
from pypet.storage_backends.hdf5.files.guard import guarded
from pypet.storage_backends.hdf5.service import h5py_modules
from pypet.storage_backends.hdf5.service.progress import Progress
from pypet.storage_backends.hdf5.settings.settings import Settings
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.open_file import OpenFile


class HeldFile(RecordStorageService, ABC):
    """The part of the service that opens its file for one message, or for many."""

    _trajectory_name: str | None
    _filename: str
    _file_title: str
    _settings: Settings
    _progress: Progress
    lock_timeout: float
    """Seconds to wait for other processes that have the file open."""
    _file: OpenFile | None
    """The file while it is kept open."""
    _read_from: OpenFile | None
    """The file while it is kept open for reading."""

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
        if not self.is_open:
            self._file = self._hold(writable=True)
            self._file.flush()  # from now on others may read
            self._progress.restart()

    @guarded
    def close(self) -> None:
        """Write everything to the disk and close the file, if it is kept open.

        Raises
        ------
        FileNotFoundError
            The file was deleted, moved or replaced while it was open, and what was stored with it.
        """
        file, self._file = self._file, None
        if file is not None and file.is_alive:
            h5py_modules.handles().release_durably(file)

    @guarded
    def let_go(self) -> None:
        """Write everything to the disk and leave the file to others; see `close` for the error.

        HDF5 does not empty its memory for that, which takes its time, so only do it at the end
        of a process.
        """
        file, self._file = self._file, None
        if file is not None and file.is_alive:
            h5py_modules.handles().let_go_durably(file)

    @guarded
    def flush(self) -> None:
        """Write everything to the disk, if the file is kept open; see `close` for the error."""
        if self._file is not None:
            self._file.flush(durable=True)
            self._file.check_in_place()

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
        """
        with self._held_for_reading() as file:
            former, self._read_from = self._read_from, file
            try:
                yield
            finally:
                self._read_from = former

    def _hold(self, *, writable: bool) -> OpenFile:
        for package in self.requires[:1]:
            require(package, plugin=self.name, extra=self.extra)
        file: OpenFile = h5py_modules.handles().hold(
            self._filename,
            writable=writable,
            title=self._file_title,
            filters=self._settings.filters,
            timeout=self.lock_timeout,
        )
        return file

    @contextmanager
    def _held_for_reading(self) -> Iterator[OpenFile]:
        for known in (self._file, self._read_from):
            if known is not None and known.is_alive:
                yield known
                return
        try:
            file = self._hold(writable=False)
        except FileNotFoundError as err:
            raise ValueError(
                f"There is no file {self._filename}, so nothing can be loaded; give the "
                f"`filename` with which the trajectory was stored.{advice_on(self._filename)}"
            ) from err
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
