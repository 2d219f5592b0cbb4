"""Whether and how SCOOP started this process."""

from __future__ import annotations

import multiprocessing
import os
import shlex
import sys

from pypet.support.optional import require
from pypet.support.processes import MAIN_GUARD_ADVICE, main_script

EXTRA = "scoop"
WORKERS_IN_EXAMPLE = 4


def require_scoop() -> None:
    """Raise unless SCOOP is installed.

    Raises
    ------
    MissingDependencyError
        It is not.
    """
    require("scoop", plugin="scoop", extra=EXTRA)


def why_not_here() -> str | None:
    """Return why this process cannot give runs to SCOOP, None if it can.

    Raises
    ------
    ValueError
        This is a worker that imports a main script without guard.
    """
    import scoop

    if not getattr(scoop, "IS_RUNNING", False) or multiprocessing.parent_process() is not None:
        return "this process was not started by SCOOP"
    if not getattr(scoop, "IS_ORIGIN", False):
        if _is_importing():
            raise ValueError(
                "A worker of SCOOP that imports the main script has come upon an environment, "
                f"which it must not make again. {MAIN_GUARD_ADVICE}"
            )
        return "this process is a worker of SCOOP, and only its main process hands out runs"
    if scoop.CONFIGURATION.get("backend", "ZMQ") != "ZMQ":
        return "SCOOP was started with --backend TCP, and only its default backend ZMQ is supported"
    return None


def number_of_workers() -> int:
    """Return how many workers SCOOP was asked for."""
    import scoop

    return int(getattr(scoop, "SIZE", 1))


def how_to_launch() -> str:
    """Return the command that starts the present script by SCOOP."""
    script = main_script() or "script.py"
    arguments = shlex.join([os.path.relpath(script), *sys.argv[1:]])
    return f"python -m scoop -n {WORKERS_IN_EXAMPLE} {arguments}"


def _is_importing() -> bool:
    """Return whether this worker has no connection yet: it imports the main script before."""
    control = sys.modules.get("scoop._control")
    return control is None or control.execQueue is None
