"""The same jobs on both sides, by turns: this pypet and the established one.

Each job (see jobs.py) runs in a process of its own. The sides take turns, and of each the best of
a few repetitions counts, so that a busy moment of the machine does not hit only one of them.
Both execute the same number of runs, because the time per run depends on it; only what would take
the established pypet many minutes is done with fewer there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from established import established_python, run

JOBS = Path(__file__).with_name("jobs.py")
HERE, THERE = "here", "there"
NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"
MEGA = 1e6
KIBI_SQUARED = 2**20


class Row(NamedTuple):
    """One line of a table; ``figure`` must not be worse than ``target``, if there is one."""

    name: str
    ours: str
    theirs: str
    figure: float
    target: float | None = None
    at_least: bool = True

    @property
    def is_met(self) -> bool:
        """Whether the figure is good enough."""
        if self.target is None:
            return True
        return self.figure >= self.target if self.at_least else self.figure <= self.target


class Sides:
    """The interpreters of both sides; without ``folder`` only this one."""

    def __init__(self, folder: Path | None, repetitions: int, scale: float) -> None:
        self._pythons = {HERE: sys.executable}
        if folder is not None:
            self._pythons[THERE] = established_python(folder)
        self._repetitions = repetitions
        self._scale = scale
        """Smaller numbers of runs, to try the benchmark itself."""

    def runs(self, count: int) -> int:
        """Return how many runs to execute for ``count``."""
        return max(2, round(count * self._scale))

    def best(
        self, job: str, counts: dict[str, int], figure: str = "seconds", **options: Any
    ) -> dict[str, float]:
        """Return the least figure of each side that has a count of runs."""
        best = {side: float("inf") for side in counts if side in self._pythons}
        for _ in range(self._repetitions):
            for side in best:
                best[side] = min(best[side], self.once(job, side, counts[side], options)[figure])
        return best

    def per_run(
        self, job: str, counts: dict[str, int], figure: str = "seconds", **options: Any
    ) -> dict[str, float]:
        """Return the least figure per run of each side."""
        best = self.best(job, counts, figure, **options)
        return {side: value / counts[side] for side, value in best.items()}

    def once(self, job: str, side: str, runs: int, options: dict[str, Any]) -> dict[str, float]:
        """Run a job once and return its figures."""
        arguments = [f"{key}={json.dumps(value)}" for key, value in options.items()]
        launcher = SCOOP_LAUNCHER if options.get("use_scoop") else ()
        script = [*launcher, str(JOBS), job, str(runs), *arguments]
        command = [self._pythons[side], "-W", "ignore", *script]
        # Modules are compiled once, as they are where pypet is installed.
        environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
        figures: dict[str, float] = json.loads(
            run(*command, environment=environment).splitlines()[-1]
        )
        return figures


def print_rows(rows: list[Row]) -> bool:
    """Print a table; return whether all targets are met."""
    width = max(len(row.name) for row in rows)
    print(f"\n{'job':{width}}  {'here':>16}  {'established':>16}  {'figure':>8}  target")
    for row in rows:
        line = f"{row.name:{width}}  {row.ours:>16}  {row.theirs:>16}  {row.figure:>8.2f}"
        if row.target is not None:
            sign = ">=" if row.at_least else "<="
            line += f"  {sign} {row.target:<5g} {'ok' if row.is_met else 'MISSED'}"
        print(line)
    return all(row.is_met for row in rows)


def rate_row(name: str, per_run: dict[str, float], target: float | None) -> Row:
    """Return a row about runs per second from seconds per run."""
    ours, theirs = per_run[HERE], per_run[THERE]
    return Row(name, f"{1 / ours:.0f} runs/s", f"{1 / theirs:.0f} runs/s", theirs / ours, target)


# ----- parallel runs --------------------------------------------------------------------------

POOL = {"multiproc": True, "ncores": 2, "use_pool": True, "freeze_input": True}
PROCESS = {"multiproc": True, "ncores": 2}
SCOOP = {"multiproc": True, "use_scoop": True, "freeze_input": True, "wrap_mode": "LOCAL"}
SCOOP_LAUNCHER = ("-m", "scoop", "-n", "2")


def parallel_rows(sides: Sides) -> list[Row]:
    """Compare runs on two workers."""
    counts = dict.fromkeys((HERE, THERE), sides.runs(2000))
    single = sides.per_run("runs", {HERE: counts[HERE]})[HERE]
    rows = []
    reached: dict[str, float] = {}
    targets = {"QUEUE": 40, "PIPE": 40, "LOCAL": 40, "LOCK": 15, "NETQUEUE": 30, "NETLOCK": 12}
    for mode, target in targets.items():
        per_run = sides.per_run("runs", counts, **POOL, wrap_mode=mode)
        rows.append(rate_row(f"trivial runs, pool, {mode}", per_run, target))
        reached[mode] = 1 / per_run[HERE]
        if mode == "NETQUEUE":
            rows.append(Row("  against QUEUE", "", "", reached[mode] / reached["QUEUE"], 0.5))
        elif "LOCK" not in mode:
            rate = single / per_run[HERE]
            rows.append(Row("  against one core", f"{1 / single:.0f} runs/s", "", rate, 1))
    counts = dict.fromkeys((HERE, THERE), sides.runs(1000))
    per_run = sides.per_run("runs", counts, **PROCESS, wrap_mode="QUEUE")
    rows.append(rate_row("trivial runs, a process each, QUEUE", per_run, 6))
    # What no scheduler with a process for each run could do better on this machine.
    idle = sides.per_run("forks", counts)
    rows.append(rate_row("  processes that do nothing", idle, None))
    rows += array_rows(sides)
    rows.append(parameter_row(sides))
    rows.append(computing_row(sides))
    rows.append(memory_row(sides))
    return rows


def array_rows(sides: Sides) -> list[Row]:
    """Compare runs that store a million numbers each."""
    arrays = {HERE: sides.runs(20), THERE: max(2, sides.runs(4))}
    megabytes = 8e6 / MEGA
    per_run = sides.per_run("arrays", arrays, **POOL, wrap_mode="QUEUE")
    single = sides.per_run("arrays", {HERE: arrays[HERE]})[HERE]
    ours, theirs = (f"{megabytes / per_run[side]:.1f} MB/s" for side in (HERE, THERE))
    return [
        Row("10^6 normal numbers a run", ours, theirs, per_run[THERE] / per_run[HERE], 40),
        Row(
            "  against one core",
            f"{megabytes / single:.1f} MB/s",
            "",
            single / per_run[HERE],
            1.6,
        ),
    ]


def parameter_row(sides: Sides) -> Row:
    """Compare 100 parameters in the trajectory with 2."""
    count = {HERE: sides.runs(4000)}
    few = sides.per_run("runs", count, **POOL, wrap_mode="QUEUE")[HERE]
    many = sides.per_run("runs", count, **POOL, wrap_mode="QUEUE", parameters=100)[HERE]
    return Row(
        "100 parameters instead of 2, time", f"{many * MEGA:.0f} us/run", "", many / few, 1.1, False
    )


def computing_row(sides: Sides) -> Row:
    """Compare runs that compute for 50 ms with the ideal time of two workers."""
    runs = sides.runs(200)
    seconds = sides.best("compute", {HERE: runs}, **POOL, wrap_mode="QUEUE")[HERE]
    share = runs * 0.05 / 2 / seconds
    return Row("50 ms of computing, share of the ideal", f"{seconds:.2f} s", "", share, 0.95)


def memory_row(sides: Sides) -> Row:
    """Compare the memory of the main process for many and for few runs."""
    options = {**POOL, "wrap_mode": "QUEUE"}
    few, many = (
        sides.once("memory", HERE, runs, options)["bytes"]
        for runs in (sides.runs(1000), sides.runs(100_000))
    )
    text = f"{many / KIBI_SQUARED:.0f} MB"
    return Row("memory, 100,000 runs / 1,000", text, "", many / few, 3, False)


def dask_rows(sides: Sides) -> list[Row]:
    """Compare runs by Dask with as many tasks of its bare client, one a run."""
    count = {HERE: sides.runs(2000)}
    runs = sides.per_run("dask", count)[HERE]
    bare = sides.per_run("dask", count, "bare")[HERE]
    text = f"{1 / runs:.0f} runs/s"
    return [Row(f"trivial runs, Dask ({1 / bare:.0f} bare tasks/s)", text, "", bare / runs, 3)]


def scoop_rows(sides: Sides) -> list[Row]:
    """Compare runs in two workers of SCOOP."""
    counts = dict.fromkeys((HERE, THERE), sides.runs(2000))
    per_run = sides.per_run("runs", counts, **SCOOP)
    return [rate_row("trivial runs, SCOOP, LOCAL", per_run, 10)]


def netqueue_rows(sides: Sides) -> list[Row]:
    """Compare runs that store over the network; also with QUEUE, which has memory to share."""
    counts = dict.fromkeys((HERE, THERE), sides.runs(2000))
    per_run = sides.per_run("runs", counts, **POOL, wrap_mode="NETQUEUE")
    queue = sides.per_run("runs", {HERE: counts[HERE]}, **POOL, wrap_mode="QUEUE")
    arrays = {HERE: sides.runs(40)}
    seconds, plain = (
        sides.per_run("arrays", arrays, **POOL, wrap_mode=mode)[HERE]
        for mode in ("NETQUEUE", "QUEUE")
    )
    text = f"{seconds * 1000:.0f} ms/run"
    return [
        rate_row("trivial runs, pool, NETQUEUE", per_run, 30),
        Row("  against QUEUE", "", "", queue[HERE] / per_run[HERE], 0.5),
        Row("  time of 8 MB results against QUEUE", text, "", seconds / plain),
        encryption_row(sides),
    ]


def encryption_row(sides: Sides) -> Row:
    """Compare 8 MB results that are encrypted on their way to the writer with ones that are not."""
    runs = sides.runs(40)
    figures = sides.once("encryption", HERE, runs, POOL)
    text = f"{figures['seconds'] / runs * 1000:.0f} ms/run"
    share = figures["seconds"] / figures["plain"]
    return Row("  time of 8 MB results against no encryption", text, "", share, 1.25, False)


def netlock_rows(sides: Sides) -> list[Row]:
    """Compare runs that lock the file over the network."""
    counts = dict.fromkeys((HERE, THERE), sides.runs(2000))
    per_run = sides.per_run("runs", counts, **POOL, wrap_mode="NETLOCK")
    return [rate_row("trivial runs, pool, NETLOCK", per_run, 12)]


ENGINES: dict[str, Callable[[Sides], list[Row]]] = {
    "NETQUEUE": netqueue_rows,
    "NETLOCK": netlock_rows,
    "DASK": dask_rows,
    "SCOOP": scoop_rows,
}
"""Rows that are only printed when asked for by name."""


# ----- storing and loading on one core ----------------------------------------------------------


def storing_rows(sides: Sides) -> list[Row]:
    """Compare storing and loading of trivial runs."""
    counts = dict.fromkeys((HERE, THERE), sides.runs(2000))
    rows = [rate_row("storing trivial runs", sides.per_run("runs", counts), 50)]
    few, many = sides.runs(1000), sides.runs(100_000)
    rate = few and sides.per_run("runs", {HERE: few})[HERE]
    slow = sides.once("runs", HERE, many, {})["seconds"] / many
    rows.append(
        Row("rate at 100,000 runs / at 1,000", f"{1 / slow:.0f} runs/s", "", rate / slow, 0.8)
    )
    counts = {HERE: sides.runs(10_000), THERE: sides.runs(1000)}
    for figure, name, target in (
        ("load", "loading everything of trivial runs", 6),
        ("collect", "f_get_from_runs with auto-loading", 10),
    ):
        rows.append(rate_row(name, sides.per_run("load", counts, figure), target))
    return rows
