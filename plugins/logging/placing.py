"""Places for log files that leave nothing behind if the files cannot all be made."""

from __future__ import annotations

import contextlib
from pathlib import Path

from pypet.interfaces import LogContext
from pypet.plugins.logging.filenames import rename_log_file, try_make_dirs


class LogFilePlaces:
    """Says where log files go, creates their folders, and can take everything back."""

    def __init__(self, context: LogContext) -> None:
        """``context`` has the names for the wildcards."""
        self._context = context
        self._new: list[Path] = []

    def place(self, filename: str) -> str:
        """Replace the wildcards in a file name and create the folder of the file."""
        names = self._context
        renamed = rename_log_file(
            filename,
            env_name=names.environment_name,
            traj_name=names.trajectory_name,
            run_name=names.run_name,
            set_name=names.set_name,
        )
        path = Path(renamed).absolute()
        with contextlib.suppress(OSError):
            new = [each for each in (path, *path.parents) if not each.exists()]
            self._new.extend(reversed(new))
        try_make_dirs(renamed)
        return renamed

    def take_back(self) -> None:
        """Remove the files and folders that were not there before, unless something is in them."""
        for path in reversed(self._new):
            with contextlib.suppress(OSError):
                if path.is_dir():
                    path.rmdir()
                elif path.stat().st_size == 0:
                    path.unlink()
        self._new.clear()
