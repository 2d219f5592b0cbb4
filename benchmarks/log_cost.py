"""What logging and progress cost: trivial runs with the defaults and with both switched off.

    python benchmarks/log_cost.py --runs 20000

The two take turns, several times, on one core and with a pool; the medians count. The console is
a file, as in a job of a cluster.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from pypet import Environment

MICRO = 1e6
TARGET = 1.15
SETTINGS = {
    "one core": {},
    "pool of 2, QUEUE": {
        "multiproc": True,
        "ncores": 2,
        "use_pool": True,
        "wrap_mode": "QUEUE",
    },
}


def multiply(traj):
    traj.f_add_result("z", traj.x * 2.0)


def seconds(runs: int, **options) -> float:
    """Return the time that `Environment.run` takes."""
    with Environment(
        trajectory="cost", filename="cost.hdf5", overwrite_file=True, **options
    ) as env:
        env.traj.f_add_parameter("x", 1.0)
        env.traj.f_explore({"x": [float(run) for run in range(runs)]})
        gc.collect()
        began = time.perf_counter()
        env.run(multiply)
        return time.perf_counter() - began


@contextmanager
def console_in(path: Path):
    """Let stderr of this process and its children be a file."""
    terminal = os.dup(2)
    with path.open("w") as file:
        sys.stderr.flush()
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000, metavar="N")
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    given = parser.parse_args()
    off = {"log_config": None, "report_progress": False}
    print(f"{'':<20}{'off us/run':>12}{'on us/run':>12}{'ratio':>9}{'target':>9}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, options in SETTINGS.items():
            took = {"off": [], "on": []}
            for _ in range(given.repetitions):
                with console_in(Path("console.txt")):
                    took["off"].append(seconds(given.runs, **options, **off))
                    took["on"].append(seconds(given.runs, **options))
            without, with_both = (statistics.median(took[key]) for key in ("off", "on"))
            print(
                f"{name:<20}{MICRO * without / given.runs:>12.1f}"
                f"{MICRO * with_both / given.runs:>12.1f}{with_both / without:>9.3f}"
                f"{TARGET:>9.2f}"
            )
        os.chdir(Path(__file__).parent)


if __name__ == "__main__":
    main()
