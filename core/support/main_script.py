"""The script that this process executes."""

from __future__ import annotations

import sys


def main_script() -> str | None:
    """Return the path of the main script as Python was given it, None in interactive sessions.

    In a process that multiprocessing started without a fork it is that of the main process.
    """
    path: str | None = getattr(sys.modules.get("__main__"), "__file__", None)
    return path


def is_importing_main_script() -> bool:
    """Return whether this process was not forked and is importing the main script.

    multiprocessing starts no processes meanwhile: that would never end. It marks the process so.
    """
    from multiprocessing.process import current_process

    return bool(getattr(current_process(), "_inheriting", False))
