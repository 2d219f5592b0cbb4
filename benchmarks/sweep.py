"""What a run, a loaded run, a point of an exploration and the import of pypet cost.

    python benchmarks/sweep.py --runs 1000 50000

For each number of runs, that many trivial runs are executed on one core, each storing one
result, and all of them are loaded again. Beside it stands the time that a bare loop over HDF5
needs for the same nodes (see floor.py). Exploration and import are measured in processes of
their own. Figures come from this machine and this process run, the best of a few repetitions.

    python benchmarks/sweep.py --compare [--environment FOLDER]

runs parallel experiments beside the established pypet instead, see comparison.py. That one is
installed into a virtual environment, which needs Python 3.11 and the network; a folder that is
given is kept and used again.

    python benchmarks/sweep.py --compare --modes NETQUEUE NETLOCK DASK SCOOP

runs experiments by other engines instead.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from comparison import ENGINES, Sides, parallel_rows, print_rows
from floor import seconds_of_bare_loop

from pypet import Environment, load_trajectory
from pypet.pypetconstants import LOAD_DATA

MICRO = 1e6
IMPORTS = ("import numpy", "import pypet", "from pypet import Environment")
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
FLOOR_TARGET = 4.0
GROWTH_TARGET = 1.3
EXPLORE_SECONDS_TARGET = 3.0
EXPLORE_MEGABYTES_TARGET = 400.0
IMPORT_TARGET = 1.5
ENVIRONMENT_TARGET = 3.0  # what a script pays that runs something

EXPLORE_A_MILLION_POINTS = """
import json, resource, sys, time
from pypet import Trajectory, cartesian_product
traj = Trajectory('million')
traj.f_add_parameter('x', 0.0)
traj.f_add_parameter('y', 0.0)
points = cartesian_product({name: [float(i) for i in range(1000)] for name in 'xy'})
began = time.perf_counter()
traj.f_explore(points)
seconds = time.perf_counter() - began
assert len(traj) == 10**6
unit = 1 if sys.platform == 'darwin' else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps([seconds, peak / 2**20]))
"""


class Sweep(NamedTuple):
    """Figures of one number of runs; times in seconds, size in bytes."""

    runs: int
    running: float
    floor: float
    loading: float
    size: int


def multiply(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="product")


def seconds_of_runs(filename: Path, runs: int) -> float:
    """Return the time of `Environment.run` for ``runs`` trivial runs stored in ``filename``."""
    with Environment(
        trajectory="sweep", filename=str(filename), log_config=None, report_progress=False
    ) as env:
        traj = env.traj
        traj.f_add_parameter("x", 1.0)
        traj.f_add_parameter("y", 1.0)
        traj.f_explore({"x": [float(run) for run in range(runs)], "y": [2.0] * runs})
        gc.collect()
        began = time.perf_counter()
        env.run(multiply)
        return time.perf_counter() - began


def seconds_of_loading(filename: Path, runs: int) -> float:
    """Return the time to load everything in ``filename``."""
    gc.collect()
    began = time.perf_counter()
    traj = load_trajectory(
        index=-1, filename=str(filename), load_parameters=LOAD_DATA, load_results=LOAD_DATA
    )
    seconds = time.perf_counter() - began
    if traj.f_get(f"results.runs.run_{runs - 1:08d}.z").f_get() != 2.0 * (runs - 1):
        raise SystemExit(f"{filename} does not hold what was stored.")
    return seconds


def measure(folder: Path, runs: int) -> Sweep:
    """Run, rewrite barely and load a trajectory of ``runs`` runs, the best of some repetitions."""
    repetitions = max(1, min(5, 10_000 // runs))
    best = Sweep(runs, float("inf"), float("inf"), float("inf"), 0)
    for _ in range(repetitions):
        stored, bare = folder / "stored.hdf5", folder / "bare.hdf5"
        running = seconds_of_runs(stored, runs)
        best = Sweep(
            runs,
            min(best.running, running),
            min(best.floor, seconds_of_bare_loop(stored, bare, runs)),
            min(best.loading, seconds_of_loading(stored, runs)),
            stored.stat().st_size,
        )
        stored.unlink()
        bare.unlink()
    return best


def explore_a_million_points() -> tuple[float, float]:
    """Return seconds and peak memory in megabytes of exploring a million points."""
    command = [sys.executable, "-c", EXPLORE_A_MILLION_POINTS]
    seconds, megabytes = json.loads(subprocess.check_output(command, text=True))
    return seconds, megabytes


def import_seconds(pycache: Path, repetitions: int = 10) -> dict[str, float]:
    """Return what each of `IMPORTS` takes in a fresh interpreter, without its start-up.

    Modules are compiled into the folder ``pycache`` first, as an installation would do. The
    statements take turns, so that a busy moment of the machine does not hit only one of them.
    """
    command = [sys.executable, "-X", "importtime", "-X", f"pycache_prefix={pycache}", "-c"]
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    best = dict.fromkeys(IMPORTS, float("inf"))
    for _ in range(1 + repetitions):
        for statement in IMPORTS:
            log = subprocess.run(
                [*command, statement], env=environment, capture_output=True, text=True, check=True
            ).stderr
            after_startup = log.rpartition("| site\n")[2]
            rows = [line.partition(":")[2].split("|") for line in after_startup.splitlines()]
            seconds = sum(int(microseconds) for microseconds, _, _ in rows) / MICRO
            best[statement] = min(best[statement], seconds)
    return best


def print_sweeps(sweeps: list[Sweep]) -> None:
    """Print one line per number of runs."""
    head = ("runs", "runs/s", "us/run", "floor us/run", "x floor", "load s", "us/run", "MB")
    print(("{:>9}" + "{:>13}" * (len(head) - 1)).format(*head))
    for sweep in sweeps:
        print(
            f"{sweep.runs:>9}"
            f"{sweep.runs / sweep.running:>13.0f}"
            f"{MICRO * sweep.running / sweep.runs:>13.0f}"
            f"{MICRO * sweep.floor / sweep.runs:>13.0f}"
            f"{sweep.running / sweep.floor:>13.2f}"
            f"{sweep.loading:>13.2f}"
            f"{MICRO * sweep.loading / sweep.runs:>13.0f}"
            f"{sweep.size / 2**20:>13.1f}"
        )


def print_against_targets(figures: list[tuple[str, float, float, str]]) -> None:
    """Print each figure beside the target that it must not exceed."""
    print(f"\n{'figure':<48}{'measured':>12}{'target':>12}")
    for name, measured, target, unit in figures:
        verdict = "ok" if measured <= target else "MISSED"
        print(f"{name:<48}{measured:>9.2f} {unit:<2}{'<= ':>6}{target:<4g} {unit:<2} {verdict}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, nargs="+", default=[1000, 50_000], metavar="N")
    parser.add_argument("--folder", type=Path, help="where to write the files (default: temporary)")
    parser.add_argument("--compare", action="store_true", help="beside the established pypet")
    parser.add_argument("--environment", type=Path, help="its virtual environment, to keep")
    parser.add_argument("--modes", nargs="+", choices=sorted(ENGINES), help="engines to compare")
    parser.add_argument("--repetitions", type=int, default=3, help="of each job of a comparison")
    parser.add_argument("--scale", type=float, default=1.0, help="part of the runs to execute")
    options = parser.parse_args()
    if options.compare:
        with tempfile.TemporaryDirectory() as name:
            environment = options.environment or Path(name) / "environment"
            if options.modes == ["DASK"]:
                environment = None  # it knows nothing of Dask
            sides = Sides(environment, options.repetitions, options.scale)
            rows = [row for mode in options.modes or () for row in ENGINES[mode](sides)]
            return 0 if print_rows(rows or parallel_rows(sides)) else 1
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        sweeps = [measure(folder, runs) for runs in sorted(options.runs)]
        imports = import_seconds(folder / "pycache")
    print_sweeps(sweeps)
    per_run = [sweep.running / sweep.runs for sweep in sweeps]
    seconds, megabytes = explore_a_million_points()
    numpy = imports.pop("import numpy")
    print_against_targets(
        [
            ("run / bare loop, worst", max(s.running / s.floor for s in sweeps), FLOOR_TARGET, "x"),
            ("time per run, most runs / fewest", per_run[-1] / per_run[0], GROWTH_TARGET, "x"),
            ("exploring 10^6 points of two parameters", seconds, EXPLORE_SECONDS_TARGET, "s"),
            ("  peak memory of that process", megabytes, EXPLORE_MEGABYTES_TARGET, "MB"),
        ]
        + [
            (
                f"{statement} / import numpy",
                took / numpy,
                ENVIRONMENT_TARGET if "Environment" in statement else IMPORT_TARGET,
                "x",
            )
            for statement, took in imports.items()
        ]
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
