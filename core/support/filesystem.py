"""Creation and synchronization of folders, and errors for a deleted working folder."""

from __future__ import annotations

import errno
import os

_HARMLESS = (
    *(errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP),  # not supported by the file system
    *(errno.EACCES, errno.EPERM),  # the folder is writable but not readable
    *(errno.ENOENT, errno.ENOTDIR),  # the folder was removed, there are no names to lose
)


def racedirs(path: str | os.PathLike[str]) -> None:
    """Create the folder ``path`` with all parents; safe in several processes at once.

    Raises
    ------
    OSError
        There is a file at ``path``, or the system denies it.
    """
    try:
        os.makedirs(path, exist_ok=True)
    except FileExistsError as err:
        raise FileExistsError(
            err.errno, "Cannot create a folder where a file is", os.fspath(path)
        ) from err


def make_durable_folders(folder: str) -> None:
    """Create a folder with all parents, so that they survive a loss of power.

    Raises
    ------
    OSError
        A folder cannot be created, or its name is taken.
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
    """Wait until the names in a folder are on disk, where the system supports it.

    Synchronizing a file does not synchronize its name on all file systems; the name belongs to the
    folder, which needs its own fsync (POSIX.1-2017, fsync(); fsync(2) on Linux).

    Raises
    ------
    OSError
        The disk reports an error.
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
                f"The names of new files cannot be synced to disk ({error.strerror})",
                os.fspath(folder),
            ) from error


def working_folder() -> str:
    """Return the current folder of the process.

    Raises
    ------
    FileNotFoundError
        The folder was deleted.
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
        The path is relative and the current folder was deleted.
    """
    try:
        return os.path.abspath(path)
    except FileNotFoundError as err:
        raise _folder_is_gone(f", so {os.fspath(path)!r} cannot be resolved") from err


def _folder_is_gone(consequence: str) -> FileNotFoundError:
    return FileNotFoundError(
        errno.ENOENT,
        f"The working folder of this process was deleted{consequence}; go to another folder with "
        "os.chdir, or give absolute paths",
    )
