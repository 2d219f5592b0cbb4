"""What the header of a snapshot tells about an experiment, for people and for ``pypet status``."""

from __future__ import annotations

import os
import platform
import sys
import time
from typing import TYPE_CHECKING, Any

from pypet.plugins.resume.snapshots.processes import identify_process
from pypet.plugins.resume.snapshots.scripts import current_script
from pypet.version import __version__

if TYPE_CHECKING:
    from pypet.environment import Environment

FACTS_KEY = "facts"
"""Entry of a header for what `collect_facts` returns."""


def collect_facts(environment: Environment) -> dict[str, Any]:
    """Return what identifies the experiment of an environment, fit for JSON.

    ``written`` is in seconds since the epoch; ``file`` is a full path, None for a storage service
    without a file; ``process`` is a `ProcessIdentity` as a dictionary; ``runs`` is how many there
    are at this moment. ``script`` is empty in interactive sessions.
    """
    trajectory: Any = environment.trajectory
    filename = getattr(trajectory.v_storage_service, "filename", None)
    script = current_script()
    return {
        "written": time.time(),
        "pypet": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "trajectory": str(trajectory.v_name),
        "file": None if filename is None else os.path.abspath(filename),
        "runs": len(trajectory),
        "seed": seed_of(environment),
        "environment": environment.name,
        "hexsha": environment.hexsha,
        "process": identify_process()._asdict(),
        "command_line": list(sys.orig_argv),
        "script": "" if script is None else script.path,
        "working_folder": _working_folder(),
    }


def seed_of(environment: Environment) -> int | None:
    """Return the seed that an environment has noted in the config of its trajectory."""
    place = f"config.environment.{environment.name}.seed"
    trajectory: Any = environment.trajectory
    if not trajectory.f_contains(place, shortcuts=False):
        return None
    return int(trajectory.f_get(place, fast_access=True))


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # somebody removed it
        return None
