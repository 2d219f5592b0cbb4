"""Opening and creating files, and what to say when that fails."""

from __future__ import annotations

import errno
import functools
import os

from h5py import h5f, h5p

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.compression.filters import packed
from pypet.storage_backends.hdf5.encoding.attributes import (
    encode_attribute,
    write_attribute,
    write_text,
)
from pypet.storage_backends.hdf5.settings.settings import Filters

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
PYTABLES_FORMAT = "2.1"


@functools.cache
def access_properties() -> h5p.PropFAID:
    """Return how files are opened: in formats that every HDF5 since 1.8 reads, closed for good."""
    properties = h5p.create(h5p.FILE_ACCESS)
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    properties.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    return properties


def open_file(path: str, *, writable: bool) -> h5f.FileID:
    """Open an existing file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    PermissionError
        The file may not be read, or not be written.
    StorageFormatError
        It is no HDF5 file, or was cut.
    BlockingIOError
        Another process has the file open.
    """
    flags = h5f.ACC_RDWR if writable else h5f.ACC_RDONLY
    try:
        return h5f.open(os.fsencode(path), flags, fapl=access_properties())
    except OSError as err:
        raise _explained(err, path, writable=writable) from err


def create_file(path: str, title: str, filters: Filters) -> h5f.FileID:
    """Create a file at a vacant path, with its folders, that PyTables takes for its own.

    Raises
    ------
    OSError
        A folder cannot be made or written to; the message says which.
    """
    folder = os.path.dirname(path)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as err:
        raise type(err)(
            err.errno,
            f"The folder for the data cannot be made ({err.strerror}); give another `filename`",
            folder,
        ) from err
    flags = h5f.ACC_TRUNC if os.path.exists(path) else h5f.ACC_EXCL
    try:
        file = h5f.create(os.fsencode(path), flags, fapl=access_properties())
    except OSError as err:
        raise _explained(err, path, writable=True) from err
    write_text(file, b"CLASS", "GROUP")
    write_text(file, b"PYTABLES_FORMAT_VERSION", PYTABLES_FORMAT)
    write_text(file, b"TITLE", title)
    write_text(file, b"VERSION", "1.0")
    write_attribute(file, b"FILTERS", encode_attribute(packed(filters)))
    return file


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
        return BlockingIOError(
            errno.EAGAIN,
            "The file is in use by another process; wait until it is closed there, or let "
            "processes share it through a wrap mode",
            path,
        )
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
        start = stream.read(len(_SIGNATURE))
    if start != _SIGNATURE:
        return StorageFormatError(f"{path!r} is not an HDF5 file; give another `filename`.")
    if "truncated" in str(err) or "eof" in str(err):
        return StorageFormatError(
            f"{path!r} is incomplete: its end is missing, so a copy was cut or a writer killed. "
            f"Restore it from a backup or copy it again. ({err})"
        )
    return StorageFormatError(f"{path!r} cannot be opened: {err}")
