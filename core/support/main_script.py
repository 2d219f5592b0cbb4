"""The script that this process executes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_loading: list[str] = []
"""Scripts that are being executed for what they define, the innermost last."""


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


@contextmanager
def loading_script(path: str) -> Iterator[None]:
    """Mark a script as being executed for what it defines only, within a ``with`` block."""
    _loading.append(path)
    try:
        yield
    finally:
        _loading.pop()


def refuse_in_loaded_script(what: str) -> None:
    """Raise if a script does ``what`` while it is executed for what it defines only.

    Raises
    ------
    RuntimeError
        It does: another process loads it to resume an experiment, whose data is at stake.
    """
    if _loading:
        raise RuntimeError(
            f"The script {_loading[-1]} makes {what} although it is only loaded for the functions "
            "and classes that it defines"
        )
