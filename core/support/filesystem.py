"""Helpers around files and folders."""

from __future__ import annotations

import errno
import os

_HARMLESS = (
    *(errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP),  # file systems that cannot do that
    *(errno.EACCES, errno.EPERM),  # folders in which one may write, but not read
    *(errno.ENOENT, errno.ENOTDIR),  # gone with all names, of which nobody can lose one any more
)


def racedirs(path: str | os.PathLike[str]) -> None:
    """Create the folder ``path`` with all parents; several processes may do so at once.

    Raises
    ------
    OSError
        There is a file at ``path``, or the system refuses.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError as err:
        raise FileExistsError(
            err.errno, "Cannot create a folder where a file is", os.fspath(path)
        ) from err


def make_durable_folders(folder: str) -> None:
    """Make a folder with those that it is in, so that they survive a loss of power.

    Raises
    ------
    OSError
        One cannot be made, or something else has its name.
    """
    missing = []
    path = os.path.abspath(folder)
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    racedirs(folder)
    for path in reversed(missing):
        sync_folder(os.path.dirname(path))


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Wait until the names in a folder are on the disk, where the system knows how to.

    That a file is synchronized says nothing about its name on every file system: that is in the
    folder, which has to be synchronized as well (POSIX.1-2017, fsync(); fsync(2) on Linux).

    Raises
    ------
    OSError
        The disk refuses it.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _HARMLESS:
            raise OSError(
                error.errno,
                f"The names of new files cannot be brought to the disk ({error.strerror})",
                os.fspath(folder),
            ) from error


def working_folder() -> str:
    """Return the current folder of the process.

    Raises
    ------
    FileNotFoundError
        Somebody deleted it; the message says what to do.
    """
    try:
        return os.getcwd()
    except FileNotFoundError as err:
        raise _folder_is_gone("") from err


def absolute_path(path: str | os.PathLike[str]) -> str:
    """Return the absolute form of a path.

    Raises
    ------
    FileNotFoundError
        The path is relative and somebody deleted the current folder.
    """
    try:
        return os.path.abspath(path)
    except FileNotFoundError as err:
        raise _folder_is_gone(f", so {os.fspath(path)!r} leads nowhere") from err


def _folder_is_gone(consequence: str) -> FileNotFoundError:
    return FileNotFoundError(
        errno.ENOENT,
        f"The working folder of this process was deleted{consequence}; go to another folder with "
        "os.chdir, or give absolute paths",
    )
