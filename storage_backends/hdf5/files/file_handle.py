"""A file opened by h5py, and committing its writes."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from h5py import h5f

from pypet.storage_backends.hdf5.files.commit_options import CombinedCommitOptions
from pypet.storage_backends.hdf5.files.file_cache import make_name_durable
from pypet.storage_backends.hdf5.files.process_locks import WriterLocks, wait_while_blocked
from pypet.storage_backends.hdf5.files.transactional_file import TransactionalFile
from pypet.storage_backends.hdf5.objects.file_structures import superblock
from pypet.support.leases import check_leases
from pypet.support.tricks import is_on

_SYNC_FILE_RANGE_WRITE = 2  # sync_file_range(2)

_ABANDONED: list[Any] = []
"""HDF5 files that are not closed at exit, because it takes time and has no effect."""


class FileHandle:
    """A file that is open for reading, by the HDF5 library itself or from memory.

    `storage` is None in the first case, and on systems where writers have none either.
    """

    is_writable = False

    def __init__(self, path: str, file_id: h5f.FileID, storage: TransactionalFile | None) -> None:
        self.path = path
        self.id = file_id
        self.storage = storage

    @property
    def descriptor(self) -> int:
        """The file as the operating system knows it."""
        if self.storage is not None:
            return self.storage.descriptor
        return int(self.id.get_vfd_handle())

    def begin_writing(self) -> None:
        """Let the disk begin with what a durable flush would have to wait for."""
        if _sync_file_range is not None and is_on("write_back"):
            _sync_file_range(self.descriptor, 0, 0, _SYNC_FILE_RANGE_WRITE)

    def close(self) -> None:
        """Close the file."""
        self.id.close()
        if self.storage is not None:
            self.storage.detach()

    def abandon(self, objects: Sequence[Any] = ()) -> None:
        """Abandon the file without closing it; HDF5 cannot write to it any more.

        ``objects`` in the file are kept alive, too.
        """
        if self.storage is not None:
            self.storage.detach()
        else:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, self.descriptor)
            os.close(nowhere)
        _ABANDONED.append((self.id, self.storage, objects))


class Writer(FileHandle, ABC):
    """A file that is open for writing.

    All commits follow `options`.
    """

    is_writable = True

    def __init__(
        self,
        path: str,
        file_id: h5f.FileID,
        storage: TransactionalFile | None,
        options: CombinedCommitOptions | None = None,
    ) -> None:
        super().__init__(path, file_id, storage)
        self.options = CombinedCommitOptions() if options is None else options

    @abstractmethod
    def commit(self, *, durable: bool, timeout: float | None = None) -> bool:
        """Make everything written so far part of the file, visible to other processes.

        Waits at most ``timeout`` seconds, by default as long as when the file was opened, until
        there are no readers; returns whether it committed. If not, the next commit has everything.
        With ``durable``, or if `options` require that, it also survives a loss of power.

        Raises
        ------
        BlockingIOError
            The default time is over.
        OSError
            The disk refuses it, or another program has changed the file.
        LeaseLostError
            The lock over a network has passed to another process; nothing was written.
        """


class PlainWriter(Writer):
    """A file that the HDF5 library writes itself, where the system lacks what transactions need."""

    def commit(self, *, durable: bool, timeout: float | None = None) -> bool:
        """Flush to the operating system, or if durable, sync to disk."""
        check_leases()
        self.options.before_commit()
        h5f.flush(self.id)
        if durable or self.options.durable:
            os.fsync(self.descriptor)
            make_name_durable(self.path)
        return True

    def close(self) -> None:
        """Write everything and close the file."""
        try:
            if self.options.durable:
                self.commit(durable=True)
            else:
                self.options.before_commit()
        finally:
            super().close()


class TransactionalWriter(Writer):
    """A file whose content changes by commits only."""

    storage: TransactionalFile

    def __init__(
        self,
        path: str,
        file_id: h5f.FileID,
        storage: TransactionalFile,
        locks: WriterLocks,
        timeout: float,
        options: CombinedCommitOptions | None = None,
    ) -> None:
        super().__init__(path, file_id, storage, options)
        self._locks = locks
        self._timeout = timeout
        self._is_stale = False
        self._is_durable = False
        """Whether all commits are synced to disk."""
        self._superblock = superblock(storage.descriptor)

    def commit(self, *, durable: bool, timeout: float | None = None) -> bool:
        """Flush the caches of HDF5 and commit; see `Writer`."""
        h5f.flush(self.id)
        storage = self.storage
        durable = durable or self.options.durable
        if storage.has_changes:
            self.options.before_commit()
            if not self._exclude(timeout):
                return False
            self._commit(durable=durable)
            self._superblock = superblock(storage.descriptor)
        elif durable and not self._is_durable:
            with _naming(self.path):
                storage.sync()
            make_name_durable(self.path)
            self._is_durable = True
        self._locks.share()
        return True

    def _commit(self, *, durable: bool) -> None:
        check_leases()
        self._is_durable = False
        with _naming(self.path):
            self.storage.commit(durable=durable, needs_log=self.options.durable)
        if durable:
            make_name_durable(self.path)
        self._is_durable = durable

    def close(self) -> None:
        """Commit everything and close the file.

        Raises
        ------
        OSError
            As for `commit`; the file is closed anyway, and uncommitted data is lost.
        """
        try:
            if self._is_stale:
                return
            self._exclude(None)
            self.id.close()
            has_changes = self.storage.has_changes
            if has_changes:
                self.options.before_commit()
            is_due = has_changes or not self._is_durable
            self._commit(durable=is_due and self.options.durable)
        finally:
            if self.id.valid:
                self.abandon()
            else:
                self.storage.detach()

    def _exclude(self, timeout: float | None) -> bool:
        """Lock out readers; return False if that takes longer than ``timeout`` seconds."""
        locks = self._locks
        if locks.is_exclusive and not self._is_stale:
            return True
        if not locks.exclude():
            limit = self._timeout if timeout is None else timeout
            locks.announce()
            try:
                wait_while_blocked(self._attempt_to_exclude, self.path, limit)
            except BlockingIOError:
                if timeout is not None:
                    return False
                self._timeout = 0.0  # closing the file should not wait for the same readers again
                raise
            finally:
                locks.withdraw()
        if self._is_stale or superblock(self.descriptor) != self._superblock:
            self._is_stale = True
            raise OSError(
                errno.ESTALE,
                "Another program has written to the file while it was open here. What was stored "
                "since the last commit is lost; keep other programs from writing to the file",
                self.path,
            )
        return True

    def _attempt_to_exclude(self) -> None:
        if not self._locks.exclude():
            raise BlockingIOError(
                errno.EAGAIN,
                "Other processes read the file without a pause, so nothing can be stored in it",
                self.path,
            )


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Add the file name to errors of the system, which only knows the descriptor."""
    try:
        yield
    except OSError as err:
        raise OSError(
            err.errno,
            f"What was stored since the last commit cannot be written ({err.strerror}). What was "
            "committed before is unharmed",
            path,
        ) from err


def close_abandoned() -> None:
    """Close abandoned files; nothing is written to them.

    Necessary before the same file is opened again, which HDF5 would take for the abandoned one,
    and while Python can still be asked by the HDF5 library, before the process ends.
    """
    while _ABANDONED:
        file_id, storage, _ = _ABANDONED.pop()
        if not file_id.valid:
            continue
        if storage is None:
            with tempfile.TemporaryFile() as scratch:
                os.dup2(scratch.fileno(), file_id.get_vfd_handle())
        with suppress(Exception):  # it no longer has content that HDF5 could read
            file_id.close()


def _find_sync_file_range() -> Any:
    """Return the system call; None where there is none. Its errors are ignored: fsync reports
    them."""
    if sys.platform != "linux":
        return None
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
        function.restype = ctypes.c_int
    return function


_sync_file_range = _find_sync_file_range()
