"""Places for log files that leave nothing empty behind, also if files cannot all be made."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from pypet.interfaces import LogContext
from pypet.plugins.logging.filenames import handler_error, rename_log_file, try_make_dirs
from pypet.support.filesystem import absolute_path


class LogFilePlaces:
    """Says where log files go, creates their folders, and can take everything back."""

    def __init__(self, context: LogContext) -> None:
        """``context`` has the names for the wildcards."""
        self._context = context
        self._new: list[Path] = []
        self._pid = os.getpid()

    def place(self, filename: str) -> str:
        """Replace the wildcards in a file name and create the folder of the file."""
        renamed = self._renamed(filename)
        path = Path(absolute_path(renamed))
        with contextlib.suppress(OSError):
            new = [each for each in (path, *path.parents) if not each.exists()]
            self._new.extend(reversed(new))
        try_make_dirs(renamed)
        return renamed

    def check(self, filenames: Iterable[str]) -> None:
        """Raise ValueError unless files of these names can be made, by other processes later on.

        Nothing is made now. Whether a folder can be written to is known for certain only then.
        """
        for filename in filenames:
            path = Path(absolute_path(self._renamed(filename)))
            folder = next((each for each in path.parents if os.path.lexists(each)), path.parent)
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                error: OSError = PermissionError(f"nothing can be made in {str(folder)!r}")
                if not folder.is_dir():
                    error = NotADirectoryError(f"{str(folder)!r} is no folder")
                raise handler_error(f"for {filename!r} of workers", error)

    def _renamed(self, filename: str) -> str:
        names = self._context
        return rename_log_file(
            filename,
            env_name=names.environment_name,
            traj_name=names.trajectory_name,
            run_name=names.run_name,
            set_name=names.set_name,
        )

    def take_back(self) -> None:
        """Remove the files and folders that were not there before, unless something is in them.

        Nothing happens in processes that were forked meanwhile: the files are not theirs.
        """
        if self._pid != os.getpid():
            return
        for path in reversed(self._new):
            with contextlib.suppress(OSError):
                if path.is_dir():
                    path.rmdir()
                elif path.stat().st_size == 0:
                    path.unlink()
        self._new.clear()
