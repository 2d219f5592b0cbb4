"""What lookups, searches, exploration and merging cost, as ratios measured in one run.

    python benchmarks/trajectory.py

Each figure is the best of a few repetitions; beside it stands what it may be at most.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
import timeit
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from pypet import Trajectory, load_trajectory
from pypet.pypetconstants import LOAD_NOTHING

REPETITIONS = 5


class PlainGroup:
    """Gives the entries of a dictionary as attributes, the way one would write it by hand."""

    def __init__(self, **entries: object) -> None:
        self._entries = entries

    def __getattr__(self, name: str) -> object:
        try:
            return self._entries[name]
        except KeyError:
            raise AttributeError(name) from None


def best(function: Callable[[], object], number: int = 1) -> float:
    """Return the least time of one call in seconds."""
    gc.collect()
    return min(timeit.repeat(function, number=number, repeat=REPETITIONS)) / number


def report(what: str, ratio: float, most: float, details: str = "") -> bool:
    """Print a row; return whether the figure is what it should be."""
    good = ratio <= most
    print(f"{what:<58} {ratio:8.2f} {most:8.2f}  {'ok' if good else 'MISSED':<7} {details}")
    return good


def path_lookup() -> bool:
    traj = Trajectory("lookup")
    traj.f_add_parameter("group.x", 1.0)
    plain = PlainGroup(par=PlainGroup(group=PlainGroup(x=1.0)))
    ours = best(lambda: traj.par.group.x, 20_000)
    theirs = best(lambda: plain.par.group.x, 20_000)  # type: ignore[attr-defined]
    return report("traj.par.group.x / plain attribute access", ours / theirs, 5.0, micro(ours))


def search() -> bool:
    times = []
    for nodes in (100, 100_000):
        traj = Trajectory("search")
        for index in range(nodes // 10):
            for leaf in range(9):
                traj.f_add_leaf(f"results.group_{index}.leaf_{index}_{leaf}", 1.0)
        traj.f_add_parameter("deep.down.below.x", 1.0)
        times.append(best(lambda traj=traj: traj.x, 2_000))
    return report(
        "traj.x among 100,000 nodes / among 100", times[1] / times[0], 3.0, micro(times[1])
    )


def find_idx(runs: int = 1_000_000) -> bool:
    traj = explored(runs)
    xs, ys = (traj.f_get(name).f_get_range() for name in ("x", "y"))

    def predicate(x: float, y: float) -> bool:
        return x > 5.0 and y == 2.0

    ours = best(lambda: list(traj.f_find_idx(("x", "y"), predicate)))
    theirs = best(
        lambda: [i for i, (x, y) in enumerate(zip(xs, ys, strict=True)) if predicate(x, y)]
    )
    return report("f_find_idx over 1,000,000 runs / bare zip loop", ours / theirs, 3.0)


def iterate_runs(runs: int = 1_000_000) -> bool:
    traj = explored(runs)

    def stretch(start: int) -> float:
        return best(lambda: [None for _ in traj.f_iter_runs(start, start + 10_000)])

    first, last = stretch(10), stretch(runs - 10_000)
    return report("f_iter_runs at run 1,000,000 / at run 10", last / first, 1.3)  # 1, and noise


def expand(rounds: int = 200, runs: int = 50) -> bool:
    traj = explored(runs)
    values = {"x": [1.0] * runs, "y": [2.0] * runs}
    times = []
    tracemalloc.start()
    for _ in range(rounds):
        began = time.perf_counter()
        traj.f_expand(values)
        times.append(time.perf_counter() - began)
    memory = tracemalloc.get_traced_memory()[0] / (rounds * runs)
    tracemalloc.stop()
    ratio = min(times[-20:]) / min(times[:20])
    return report("200th f_expand by 50 runs / 1st", ratio, 1.5, f"{memory:.0f} bytes a run")


def merge(runs: int = 5_000) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        filename = str(Path(folder) / "merge.hdf5")
        first, storing = stored("first", filename, runs)
        second, _ = stored("second", filename, runs)
        for traj in (first, second):
            traj.f_remove()
        first = load_trajectory("first", filename=filename, load_data=LOAD_NOTHING)
        second = load_trajectory("second", filename=filename, load_data=LOAD_NOTHING)
        began = time.perf_counter()
        first.f_merge(second, backup=False)
        merging = time.perf_counter() - began
        assert len(first) == 2 * runs
    return report(
        "merging 2 x 5,000 runs / storing 5,000",
        merging / storing,
        3.0,
        f"{merging:.2f} s / {storing:.2f} s",
    )


def stored(name: str, filename: str, runs: int) -> tuple[Trajectory, float]:
    """Return a trajectory whose runs stored one result each, and the time that took."""
    traj = explored(runs, name=name, filename=filename, overwrite_file=False)
    began = time.perf_counter()
    traj.f_store(only_init=True)
    with traj.v_storage_service.kept_open(name):
        for _ in traj.f_iter_runs():
            traj.f_start_run()
            traj.f_add_result("z", traj.x * traj.y, comment="product")
            traj.f_store()
            traj.f_finalize_run(store_meta_data=False)
    traj.f_store()
    return traj, time.perf_counter() - began


def explored(runs: int, name: str = "explored", **kwargs: object) -> Trajectory:
    """Return a trajectory with two parameters explored over ``runs`` runs."""
    traj = Trajectory(name, **kwargs)
    traj.f_add_parameter("x", 1.0)
    traj.f_add_parameter("y", 1.0)
    traj.f_explore({"x": [float(run) for run in range(runs)], "y": [2.0] * runs})
    return traj


def micro(seconds: float) -> str:
    return f"{seconds * 1e6:.2f} us"


def main() -> int:
    print(f"{'':<58} {'ratio':>8} {'at most':>8}")
    figures = (path_lookup, search, find_idx, iterate_runs, expand, merge)
    good = [figure() for figure in figures]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
