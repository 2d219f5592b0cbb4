"""Helpers around files and folders."""

from __future__ import annotations

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
