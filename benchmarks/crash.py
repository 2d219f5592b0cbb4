"""An experiment that is killed before its last runs, and the process that resumes it.

    python crash.py begin RUNS
    python crash.py resume

Both use the working folder. The second one writes when its first run began into `FIRST`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from pypet import Environment

NAME = "crashed"
MISSING = 100
"""How many runs are left to execute."""
KILLED, FIRST = Path("killed.txt"), Path("first.txt")
POOL = {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": "QUEUE"}


def multiply(traj: Any, last: int) -> None:
    """Store a product; in the run after ``last`` runs end the process as a crash does."""
    if traj.v_idx >= last:
        if not KILLED.exists():
            KILLED.touch()
            # The journal writes small pieces together, after some time with the next one.
            time.sleep(0.2)
            traj.f_store_item(traj.f_add_result("early", traj.x))
            os.kill(os.getpid(), signal.SIGKILL)
        if not FIRST.exists():
            FIRST.write_text(repr(time.time()))
    traj.f_add_result("z", traj.x * traj.y, comment="product")


def begin(runs: int) -> None:
    """Execute all runs but the last ones, and be killed."""
    env = Environment(
        NAME, filename=f"{NAME}.hdf5", resumable=True, log_config=None, report_progress=False
    )
    env.traj.f_add_parameter("x", 1.0)
    env.traj.f_add_parameter("y", 1.0)
    env.traj.f_explore({"x": [float(run) for run in range(runs)], "y": [2.0] * runs})
    env.run(multiply, runs - MISSING)


def resume() -> None:
    """Go on, in parallel."""
    env = Environment(NAME, resumable=True, log_config=None, report_progress=False, **POOL)
    results = env.resume(NAME)
    if not env.traj.f_is_completed():
        raise SystemExit(f"Only {len(results)} runs are completed.")


if __name__ == "__main__":
    if sys.argv[1] == "begin":
        begin(int(sys.argv[2]))
    else:
        resume()
