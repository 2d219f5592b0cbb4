"""What a table of runs costs, as ratios measured in one run.

    python benchmarks/run_tables.py --runs 10000

Each run has three results that are numbers. They are read by `f_get_from_runs`, which loads nodes;
by `f_to_dataframe` of a trajectory whose results are not loaded, which makes none; by `read_table`
of the file, without a trajectory; and by a bare loop over HDF5, one node after the other. All take
turns, in one process, and the best of a few repetitions counts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from pypet import Environment, Trajectory, load_trajectory
from pypet.tables import read_table

NAMES = ("z", "total", "count")
MEGA = 1e6
LEAST_RATIO = 2.5
"""How many times as fast as `f_get_from_runs` the table of three results has to be."""


def simulate(traj: Trajectory) -> None:
    """Store three numbers."""
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    traj.f_add_result("total", traj.x + traj.y)
    traj.f_add_result("count", int(traj.x))


def store_runs(path: Path, runs: int) -> None:
    """Execute the experiment."""
    with Environment("t", filename=str(path), log_config=None, report_progress=False) as env:
        env.traj.f_add_parameter("x", 0.0)
        env.traj.f_add_parameter("y", 2.0)
        env.traj.f_explore({"x": [float(run) for run in range(runs)]})
        env.run(simulate)


def skeleton(path: Path) -> Trajectory:
    """Return the trajectory with parameters and run information alone."""
    return load_trajectory("t", filename=str(path), load_results=0)


def by_loading(path: Path, names: tuple[str, ...]) -> list[list[Any]]:
    """Read results with `f_get_from_runs`."""
    traj = skeleton(path)
    return [
        list(traj.f_get_from_runs(name, fast_access=True, auto_load=True).values())
        for name in names
    ]


def by_frame(path: Path, names: tuple[str, ...]) -> list[list[Any]]:
    """Read results with `f_to_dataframe`."""
    frame = skeleton(path).f_to_dataframe(names)
    return [frame[name].tolist() for name in names]


def by_table(path: Path, names: tuple[str, ...]) -> list[list[Any]]:
    """Read results with `read_table` of the file."""
    table = read_table(path, results=names)
    return [table[name].values.tolist() for name in names]


def by_bare_loop(path: Path, names: tuple[str, ...]) -> list[list[Any]]:
    """Read values with the low-level interface of h5py, and nothing else about them."""
    found: list[list[Any]] = [[] for _ in names]
    items = [f"/{name}/{name}".encode() for name in names]
    kinds = [np.zeros((), int if name == "count" else float) for name in names]
    with h5py.File(path, "r") as file:
        group = file["t/results/runs"].id
        for run in range(len(group)):
            start = b"run_%08d" % run
            for item, value, values in zip(items, kinds, found, strict=True):
                dataset = h5py.h5d.open(group, start + item)
                dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, value)
                values.append(value.item())
    return found


WAYS: dict[str, Callable[[Path, tuple[str, ...]], list[list[Any]]]] = {
    "f_get_from_runs": by_loading,
    "f_to_dataframe": by_frame,
    "read_table of the file": by_table,
    "bare loop over HDF5": by_bare_loop,
}


def measure(path: Path, names: tuple[str, ...], repetitions: int) -> dict[str, float]:
    """Return the least seconds of each way; all have to find the same values."""
    best = dict.fromkeys(WAYS, float("inf"))
    expected = by_bare_loop(path, names)
    for _ in range(repetitions):
        for way, read in WAYS.items():
            began = time.perf_counter()
            found = read(path, names)
            best[way] = min(best[way], time.perf_counter() - began)
            if found != expected:
                raise SystemExit(f"{way} has found other values.")
    return best


def main() -> int:
    """Print the figures; return 1 if the table is not fast enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    is_good = True
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.hdf5")
        store_runs(path, options.runs)
        for names in (NAMES, NAMES[:1]):
            best = measure(path, names, options.repetitions)
            print(f"\n{options.runs} runs, {len(names)} results each")
            for way, seconds in best.items():
                ratio = best["f_get_from_runs"] / seconds
                each = seconds / options.runs * MEGA
                print(f"{way:24} {seconds:8.3f} s {each:8.1f} us/run {ratio:8.2f}")
            if names == NAMES:
                is_good = best["f_get_from_runs"] / best["f_to_dataframe"] >= LEAST_RATIO
    print(f"\nat least {LEAST_RATIO} times as fast: {'ok' if is_good else 'MISSED'}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
