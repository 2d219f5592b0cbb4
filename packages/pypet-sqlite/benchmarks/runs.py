"""Trivial runs per second, SQLite beside HDF5, in alternating runs.

python runs.py [RUNS] [ROUNDS]
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pypet import Environment

MODES = {"serial": {}, "QUEUE": {"multiproc": True, "ncores": 2, "wrap_mode": "QUEUE"}}


def multiply(traj):
    """Execute a run."""
    traj.f_add_result("z", traj.x * traj.y, comment="product")


def experiment(service, mode, runs, folder):
    """Return the seconds that the runs of one experiment take."""
    ending = {"hdf5": "hdf5", "sqlite": "sqlite"}[service]
    with Environment(
        trajectory="job",
        filename=str(Path(folder) / f"{runs}.{ending}"),
        storage_service=service,
        log_config=None,
        report_progress=False,
        **MODES[mode],
    ) as env:
        traj = env.traj
        traj.f_add_parameter("x", 1.0)
        traj.f_add_parameter("y", 1.0)
        traj.f_explore({"x": [float(run) for run in range(runs)], "y": [2.0] * runs})
        began = time.perf_counter()
        env.run(multiply)
        return time.perf_counter() - began


def measured(service, mode, runs):
    """Return the seconds that another process needs, after a few runs to warm up."""
    output = subprocess.run(
        [sys.executable, __file__, "one", service, mode, str(runs)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(output.stdout)


def main(runs=2000, rounds=5):
    """Print a line for each mode."""
    for mode in MODES:
        seconds = {"hdf5": [], "sqlite": []}
        for _ in range(rounds):
            for service, times in seconds.items():
                times.append(measured(service, mode, runs))
        hdf5, sqlite = (runs / statistics.median(times) for times in seconds.values())
        print(f"{mode}: HDF5 {hdf5:.0f} runs/s, SQLite {sqlite:.0f}, ratio {sqlite / hdf5:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        service, mode, runs = sys.argv[2:]
        with tempfile.TemporaryDirectory() as folder:
            experiment(service, mode, 8, folder)
            print(experiment(service, mode, int(runs), folder))
    else:
        main(*map(int, sys.argv[1:]))
