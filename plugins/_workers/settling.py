"""Options that all schedulers with processes of their own read: cores, start method, niceness."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping
from typing import Any

from pypet.interfaces import Option
from pypet.options.established import established
from pypet.support.optional import require
from pypet.support.processes import effective_start_method

EXTRA = "monitor"

OPTIONS: tuple[Option, ...] = established("multiproc", "ncores", "start_method", "niceness")


def settle_processes(options: Mapping[str, Any], scheduler: str) -> dict[str, Any]:
    """Return the number of cores and the start method that are in effect.

    Raises
    ------
    MissingDependencyError
        The number of cores is asked for (``ncores=0``) or a nice value on a platform without
        them, and psutil is not installed.
    ValueError
        This process must not start any.
    """
    if multiprocessing.current_process().daemon:
        raise ValueError(
            f"scheduler {scheduler!r}: this process is a daemon, like the workers of a "
            "multiprocessing.Pool, and Python lets those start no processes. Execute the runs here "
            "(multiproc=False), or start this process with daemon=False or by a "
            "concurrent.futures.ProcessPoolExecutor."
        )
    ncores = int(options["ncores"])
    if ncores == 0:
        psutil = require("psutil", plugin=f"{scheduler} with ncores=0", extra=EXTRA)
        ncores = int(psutil.cpu_count() or 1)
    if options["niceness"] is not None and not hasattr(os, "nice"):
        require("psutil", plugin=f"{scheduler} with niceness", extra=EXTRA)
    return {"ncores": ncores, "start_method": effective_start_method(options["start_method"])}


def be_nice(niceness: int | None) -> None:
    """Raise the nice value of this process to ``niceness``; never lower it.

    Errors are written to stderr and nothing else happens: a run matters more than its priority.
    """
    if niceness is None:
        return
    try:
        if hasattr(os, "nice"):
            current = os.nice(0)
            if current < niceness:
                os.nice(niceness - current)
        else:
            process = require("psutil", plugin="niceness", extra=EXTRA).Process()
            if process.nice() < niceness:
                process.nice(niceness)
    except Exception as error:
        sys.stderr.write(f"The nice value could not be set to {niceness}: {error!r}\n")
