"""Helpers around files and folders."""

from __future__ import annotations

import errno
import os


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


def sync_folder(path: str | os.PathLike[str]) -> None:
    """Wait until the names of the files in a folder are on the disk; only POSIX can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
