"""Opening and creating files, with errors that explain why that failed."""

from __future__ import annotations

import errno
import functools
import logging
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from h5py import h5f, h5p

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.compression.filters import filters_attribute
from pypet.storage_backends.hdf5.encoding.attributes import (
    write_attribute,
    write_text,
)
from pypet.storage_backends.hdf5.files.commit_options import CombinedCommitOptions
from pypet.storage_backends.hdf5.files.file_driver import file_driver
from pypet.storage_backends.hdf5.files.file_handle import (
    FileHandle,
    PlainWriter,
    TransactionalWriter,
    Writer,
)
from pypet.storage_backends.hdf5.files.process_locks import (
    READING_SECONDS,
    WRITING_SECONDS,
    WriterLocks,
    wait_while_blocked,
    writer_waits,
)
from pypet.storage_backends.hdf5.files.redo_log import carry_out, read_log
from pypet.storage_backends.hdf5.files.transactional_file import TransactionalFile
from pypet.storage_backends.hdf5.objects.file_structures import SIGNATURE
from pypet.storage_backends.hdf5.settings.settings import Filters
from pypet.support.filesystem import make_durable_folders

logger = logging.getLogger(__name__)

PYTABLES_FORMAT = "2.1"


_UNCHANGEABLE = (
    *(errno.EACCES, errno.EPERM, errno.EROFS),
    *(errno.ENOSPC, errno.EDQUOT, errno.EIO),  # a disk that is full or fails
)

IS_TRANSACTIONAL = hasattr(os, "pwritev") and sys.platform != "win32"
"""Whether the operating system has what transactions need."""


@functools.cache
def access_properties() -> h5p.PropFAID:
    """Return how files are opened: in formats that every HDF5 since 1.8 reads, closed for good."""
    properties = h5p.create(h5p.FILE_ACCESS)
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    properties.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    return properties


def _access_through(storage: TransactionalFile) -> h5p.PropFAID:
    properties = access_properties().copy()
    properties.set_fileobj_driver(file_driver(), storage)
    return properties


# ----- files that exist ------------------------------------------------------------------------


def open_file(
    path: str,
    *,
    writable: bool,
    timeout: float = WRITING_SECONDS,
    options: CombinedCommitOptions | None = None,
) -> FileHandle:
    """Open an existing file, and finish a commit in which a writer was killed.

    Waits for at most ``timeout`` seconds, and to read not longer than `READING_SECONDS`, while
    another process has the file open. ``options`` are those of a writer's commits.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    PermissionError
        The file may not be read, or not be written.
    StorageFormatError
        It is not an HDF5 file, or was truncated.
    BlockingIOError
        Another process has the file open, and the time is over.
    """
    _check_is_regular(path)
    if writable:
        return wait_while_blocked(partial(_opened_to_write, path, timeout, options), path, timeout)
    limit = min(timeout, READING_SECONDS)
    return wait_while_blocked(partial(_opened_to_read, path), path, limit)


def _opened_to_read(path: str) -> FileHandle:
    if not IS_TRANSACTIONAL:
        return FileHandle(path, _opened_by_hdf5(path, h5f.ACC_RDONLY), None)
    with suppress(OSError), _descriptor(path, os.O_RDONLY) as descriptor:
        if writer_waits(descriptor):
            raise _in_use(path)
    try:
        file_id = _opened_by_hdf5(path, h5f.ACC_RDONLY)
    except StorageFormatError:
        if not _has_log(path):
            raise
    else:
        # Under the lock that HDF5 has now, no commit is under way: a log is of a killed writer.
        if read_log(file_id.get_vfd_handle()) is None:
            return FileHandle(path, file_id, None)
        file_id.close()
    return _recovered_to_read(path)


def _recovered_to_read(path: str) -> FileHandle:
    """Finish the commit of a killed writer and open the file.

    Where the file may not or cannot be changed, the commit is finished in memory.
    """
    try:
        with _descriptor(path, os.O_RDWR) as descriptor:
            WriterLocks(descriptor)
            _recover(descriptor, path)
    except OSError as err:
        if err.errno not in _UNCHANGEABLE:
            raise
        descriptor = os.open(path, os.O_RDONLY)
        return _opened_through(TransactionalFile(descriptor, read_log(descriptor)), path)
    return FileHandle(path, _opened_by_hdf5(path, h5f.ACC_RDONLY), None)


def _opened_through(storage: TransactionalFile, path: str) -> FileHandle:
    try:
        name = os.fsencode(path)
        return FileHandle(path, h5f.open(name, h5f.ACC_RDONLY, _access_through(storage)), storage)
    except OSError as err:
        storage.detach()
        raise _explained(err, path, writable=False) from err


def _opened_to_write(
    path: str, timeout: float, options: CombinedCommitOptions | None
) -> FileHandle:
    if not IS_TRANSACTIONAL:
        return PlainWriter(path, _opened_by_hdf5(path, h5f.ACC_RDWR), None, options)
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError as err:
        raise _explained(err, path, writable=True) from err
    storage = None
    try:
        locks = WriterLocks(descriptor)
        _recover(descriptor, path)
        storage = TransactionalFile(descriptor)
        file_id = h5f.open(os.fsencode(path), h5f.ACC_RDWR, _access_through(storage))
    except OSError as err:
        os.close(descriptor)
        raise _explained(err, path, writable=True) from err
    return TransactionalWriter(path, file_id, storage, locks, timeout, options)


def _opened_by_hdf5(path: str, flags: int) -> h5f.FileID:
    try:
        return h5f.open(os.fsencode(path), flags, fapl=access_properties())
    except OSError as err:
        raise _explained(err, path, writable=flags != h5f.ACC_RDONLY) from err


# ----- commits that a killed writer left -------------------------------------------------------


def _recover(descriptor: int, path: str) -> None:
    """Finish a commit that was decided on; the file is locked."""
    log = read_log(descriptor)
    if log is not None:
        logger.warning("Finishing a commit to %s in which the process that wrote it ended.", path)
        carry_out(descriptor, log)


def _has_log(path: str) -> bool:
    with _descriptor(path, os.O_RDONLY) as descriptor:
        return read_log(descriptor) is not None


@contextmanager
def _descriptor(path: str, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


# ----- new files -------------------------------------------------------------------------------


def create_file(
    path: str,
    title: str,
    filters: Filters,
    timeout: float = WRITING_SECONDS,
    options: CombinedCommitOptions | None = None,
) -> Writer:
    """Create a file at a vacant path, with its folders, that PyTables takes for its own.

    ``options`` are those of its commits.

    Raises
    ------
    OSError
        A folder cannot be made or written to; the message names it.
    """
    _check_is_regular(path)
    folder = os.path.dirname(path)
    try:
        make_durable_folders(folder)
    except OSError as err:
        raise type(err)(
            err.errno,
            f"The folder for the data cannot be made ({err.strerror}); give another `filename`",
            folder,
        ) from err
    try:
        handle, publish = _created(path, timeout, options)
    except OSError as err:
        raise _explained(err, path, writable=True) from err
    try:
        _fill(handle.id, title, filters)
        handle.commit(
            durable=False, timeout=timeout
        )  # other programs take an empty file for damaged
        try:
            publish()
        except OSError as err:
            raise _explained(err, path, writable=True) from err
    except BaseException:
        handle.abandon()  # else HDF5 would close it when Python's file object is gone
        raise
    return handle


def _fill(file: h5f.FileID, title: str, filters: Filters) -> None:
    """Write the attributes that PyTables expects in a file."""
    write_text(file, b"CLASS", "GROUP")
    write_text(file, b"PYTABLES_FORMAT_VERSION", PYTABLES_FORMAT)
    write_text(file, b"TITLE", title)
    write_text(file, b"VERSION", "1.0")
    write_attribute(file, b"FILTERS", filters_attribute(filters))


def _created(
    path: str, timeout: float, options: CombinedCommitOptions | None
) -> tuple[Writer, Callable[[], None]]:
    """Make a file; return it, and what gives it its name once it is whole.

    An empty file is filled: it was made beforehand, or its writer was killed.
    """
    exists = os.path.exists(path)
    if not IS_TRANSACTIONAL:
        flags = h5f.ACC_TRUNC if exists else h5f.ACC_EXCL
        file_id = h5f.create(os.fsencode(path), flags, fapl=access_properties())
        return PlainWriter(path, file_id, None, options), lambda: None
    descriptor = None if exists else _nameless(os.path.dirname(path))
    publish: Callable[[], None] = lambda: None  # noqa: E731
    if descriptor is not None:
        publish = partial(_give_name, descriptor, path)
    else:
        exclusive = 0 if exists else os.O_EXCL
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | exclusive, 0o666)
    try:
        locks = WriterLocks(descriptor)
        if os.fstat(descriptor).st_size:
            raise _in_use(path)  # another process was faster
        storage = TransactionalFile(descriptor)
        fapl = _access_through(storage)
        file_id = h5f.create(os.fsencode(path), h5f.ACC_TRUNC, fapl=fapl)
    except BaseException:
        os.close(descriptor)
        raise
    return TransactionalWriter(path, file_id, storage, locks, timeout, options), publish


def _give_name(descriptor: int, path: str) -> None:
    """Give a nameless file its name; FileExistsError if another one has it."""
    folder = os.open("/proc/self/fd", os.O_RDONLY)
    try:  # Python follows the link to the file itself only if a folder is given
        os.link(str(descriptor), path, src_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _nameless(folder: str) -> int | None:
    """Open a new file without a name, so that no incomplete file is found; None where the system
    has none."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(folder or ".", os.O_TMPFILE | os.O_RDWR, 0o666)
    except OSError:  # a file system without them; other errors come up again with a name
        return None


# ----- explanations ----------------------------------------------------------------------------


def _check_is_regular(path: str) -> None:
    """Raise for what is neither a file nor a folder: to open a FIFO may wait for ever."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):  # opening it raises a better error
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        kinds = {stat.S_ISFIFO: "a FIFO", stat.S_ISSOCK: "a socket"}
        kind = next((kind for is_kind, kind in kinds.items() if is_kind(mode)), "a device")
        raise StorageFormatError(f"{path!r} is {kind} and not a file; give another `filename`.")


def _in_use(path: str) -> BlockingIOError:
    return BlockingIOError(
        errno.EAGAIN,
        "The file is in use by another process; wait until it is closed there, or let "
        "processes share it through a wrap mode",
        path,
    )


def _explained(err: OSError, path: str, *, writable: bool) -> Exception:
    folder = os.path.dirname(path)
    if not os.path.exists(path):
        if not writable:
            return FileNotFoundError(errno.ENOENT, "There is no such file", path)
        return PermissionError(
            errno.EACCES,
            f"No file can be made in the folder {folder!r}; make it writable or give another "
            f"`filename` ({err})",
            path,
        )
    if os.path.isdir(path):
        return IsADirectoryError(errno.EISDIR, "A folder is where the file should be", path)
    if _is_locked(err):
        return _in_use(path)
    if not os.access(path, os.R_OK) or (writable and not os.access(path, os.W_OK)):
        verb = "written" if writable else "read"
        return PermissionError(
            errno.EACCES, f"The file may not be {verb}; change its permissions", path
        )
    return _explained_content(err, path)


def _is_locked(err: OSError) -> bool:
    return err.errno in (errno.EAGAIN, errno.EWOULDBLOCK) or "unable to lock file" in str(err)


def _explained_content(err: OSError, path: str) -> Exception:
    with open(path, "rb") as stream:
        start = stream.read(len(SIGNATURE))
    if not start:
        return StorageFormatError(
            f"{path!r} is empty, so not an HDF5 file: nothing was stored in it, or the process "
            "that made it was killed."
        )
    if start != SIGNATURE:
        return StorageFormatError(f"{path!r} is not an HDF5 file; give another `filename`.")
    if "truncated" in str(err) or "eof" in str(err):
        return StorageFormatError(
            f"{path!r} is incomplete: its end is missing, so a copy was cut or a writer killed. "
            f"Restore it from a backup or copy it again. ({err})"
        )
    return StorageFormatError(f"{path!r} cannot be opened: {err}")
