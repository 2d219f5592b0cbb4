"""Information about an experiment in the header of a snapshot, for people and ``pypet status``."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Mapping
from typing import Any

from pypet.interfaces import EnvironmentLike
from pypet.options.established import established
from pypet.plugins.resume.snapshots.processes import identify_process
from pypet.plugins.resume.snapshots.scripts import current_script
from pypet.version import __version__

FACTS_KEY = "facts"
"""Entry of a header for what `collect_facts` returns."""

PARALLEL_OPTIONS = (
    *("multiproc", "ncores", "use_pool", "scheduler", "start_method", "freeze_input", "timeout"),
    *("cpu_cap", "memory_cap", "swap_cap", "niceness", "wrap_mode", "queue_maxsize", "port"),
    *("immediate_postproc", "dask_address", "log_multiproc"),
)
"""Options that only say how runs are executed in parallel."""
_HOW_RUNS_ARE_EXECUTED = (
    *PARALLEL_OPTIONS,
    *("gc_interval", "clean_up_runs", "graceful_exit", "on_error", "delete_resume"),
    *("commit_interval", "report_progress"),
    *("log_config", "log_folder", "logger_names", "log_levels", "log_level"),
)
"""Options that are free when an experiment is resumed, and none of which says what to store."""
_COUNTED_SCHEDULERS = (None, "pool", "process")
"""Those that execute ``ncores`` runs at a time; how many others do is only known to them."""


def collect_facts(environment: EnvironmentLike) -> dict[str, Any]:
    """Return what identifies the experiment of an environment, fit for JSON.

    ``written`` is in seconds since the epoch; ``file`` is a full path, None for a storage service
    without a file; ``process`` is a `ProcessIdentity` as a dictionary; ``runs`` is how many there
    are at this moment; ``workers`` is how many are executed at a time, None if that is not known;
    ``options`` are those about how runs are executed, except for defaults and values that JSON
    cannot represent. ``script`` is empty in interactive sessions.
    """
    trajectory = environment.trajectory
    filename = getattr(trajectory.v_storage_service, "filename", None)
    script = current_script()
    return {
        "written": time.time(),
        "pypet": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "trajectory": trajectory.v_name,
        "file": None if filename is None else os.path.abspath(filename),
        "runs": len(trajectory),
        "seed": seed_of(environment),
        "environment": environment.name,
        "hexsha": environment.hexsha,
        "process": identify_process()._asdict(),
        "command_line": list(sys.orig_argv),
        "script": "" if script is None else script.path,
        "working_folder": _working_folder(),
        "workers": count_workers(environment.options),
        "options": _chosen_options(environment.options),
    }


def count_workers(options: Mapping[str, Any]) -> int | None:
    """Return how many runs are executed at a time by these options, None if that is unknown."""
    if not options["multiproc"]:
        return 1
    return int(options["ncores"]) if options["scheduler"] in _COUNTED_SCHEDULERS else None


def _chosen_options(options: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {}
    for option in established(*_HOW_RUNS_ARE_EXECUTED):
        value = options.get(option.name, option.default)
        if _is_plain(value) and value != option.default:
            chosen[option.name] = value
    return chosen


def _is_plain(value: Any) -> bool:
    """Return whether a value is the same after a journey through JSON, but for tuples."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if type(value) is float:
        return math.isfinite(value)
    return value is None or type(value) in (bool, int, str)


def seed_of(environment: EnvironmentLike) -> int | None:
    """Return the seed that an environment has noted in the config of its trajectory."""
    place = f"config.environment.{environment.name}.seed"
    trajectory = environment.trajectory
    if not trajectory.f_contains(place, shortcuts=False):
        return None
    return int(trajectory.f_get(place, fast_access=True))


def _working_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was removed
        return None
