"""Replacing a file so that after a crash there is the old one or the new one, both complete."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pypet.support.filesystem import sync_folder

UNFINISHED_SUFFIX = ".ncnt"
"""Suffix of files that are being written or were left by a crash; they are never read."""


def replace_file(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview]) -> None:
    """Write ``parts`` to a file next to ``path``, and rename it to ``path``.

    When it returns, the new file survives a loss of power. Others who have the old one open keep
    that.

    Raises
    ------
    OSError
        The folder is missing, or the file system refuses; the old file is as it was.
    """
    target = Path(path)
    unfinished = target.with_name(f"{target.stem}.{uuid.uuid4().hex[:12]}{UNFINISHED_SUFFIX}")
    try:
        with open(unfinished, "xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, target)
    except BaseException as error:
        with suppress(FileNotFoundError):
            unfinished.unlink()
        if isinstance(error, OSError):  # that of a call that knows only the descriptor
            raise OSError(
                error.errno, f"The file cannot be written ({error.strerror})", os.fspath(target)
            ) from error
        raise
    sync_folder(target.parent)
