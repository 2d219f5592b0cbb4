"""What resumable experiments cost, as ratios measured in one run, and how soon one goes on.

    python benchmarks/resuming.py [--runs 20000] [--arrays 100] [--crashed 100000]

Runs are executed with ``resumable=True`` and without, by turns and each time in a process of its
own. Of each the best of a few repetitions counts, and the figure is the ratio. The large arrays
are on the disk at the end on both sides: to be resumable means that, so the other side waits for
it, too.

Then an experiment is killed when 100 of its runs are missing, and another process resumes it; the
time goes from the start of that process until its first run begins.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import crash
from comparison import HERE, NO_BYTECODE, Row, Sides, print_rows

QUEUE = {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": "QUEUE"}
TRIVIAL_TARGET = 1.15
ARRAY_TARGET = 1.2
RESUME_SECONDS_TARGET = 5.0
MICRO, KILO = 1e6, 1e3


def price_row(
    sides: Sides,
    name: str,
    job: str,
    runs: int,
    repetitions: int,
    target: float | None = None,
    **options: Any,
) -> Row:
    """Compare an experiment that is resumable with one that is not."""
    seconds = {False: float("inf"), True: float("inf")}
    for _ in range(repetitions):
        for resumable in seconds:
            figures = sides.once(job, HERE, runs, {**options, "resumable": resumable})
            seconds[resumable] = min(seconds[resumable], figures["seconds"])
    each = seconds[True] / runs
    text = f"{each * MICRO:.0f} us/run" if each < 1 / KILO else f"{each * KILO:.1f} ms/run"
    return Row(name, text, "", seconds[True] / seconds[False], target, False)


def trivial_rows(sides: Sides, runs: int, repetitions: int) -> list[Row]:
    """Compare runs that do nothing but store a number; only ``'QUEUE'`` has a target."""
    several: dict[str, dict[str, Any]] = {
        "QUEUE, frozen input": {**QUEUE, "freeze_input": True},
        "LOCAL": {**QUEUE, "wrap_mode": "LOCAL"},
        "LOCK": {**QUEUE, "wrap_mode": "LOCK"},
        "no workers": {},
    }
    rows = [
        price_row(sides, "trivial runs, QUEUE", "runs", runs, repetitions, TRIVIAL_TARGET, **QUEUE)
    ]
    for name, options in several.items():
        rows.append(price_row(sides, f"  {name}", "runs", runs // 2, repetitions, **options))
    return rows


def array_rows(sides: Sides, runs: int, repetitions: int) -> list[Row]:
    """Compare runs that store a million normal numbers each, until these are on the disk."""
    synced = {**QUEUE, "synced": True}
    return [
        price_row(
            sides, "8 MB results, QUEUE", "arrays", runs, repetitions, ARRAY_TARGET, **synced
        ),
        price_row(
            sides, "  LOCK", "arrays", runs // 2, repetitions, **{**synced, "wrap_mode": "LOCK"}
        ),
    ]


def seconds_until_first_run(folder: Path, runs: int) -> float:
    """Return how long a process takes that resumes an experiment until its first run begins.

    Raises
    ------
    RuntimeError
        The experiment was not killed where it should be, or not resumed to its end.
    """
    command = [sys.executable, "-W", "ignore", str(Path(crash.__file__))]
    environment = {name: value for name, value in os.environ.items() if name != NO_BYTECODE}
    place = {"cwd": folder, "env": environment, "capture_output": True, "text": True}
    done = subprocess.run([*command, "begin", str(runs)], check=False, **place)
    if done.returncode != -signal.SIGKILL:
        raise RuntimeError(f"The experiment was not killed: {done.stderr}")
    began = time.time()
    done = subprocess.run([*command, "resume"], check=False, **place)
    if done.returncode:
        raise RuntimeError(f"The experiment was not resumed: {done.stderr}")
    return float((folder / crash.FIRST).read_text()) - began


def resume_row(runs: int) -> Row:
    """Measure how soon an experiment goes on."""
    with tempfile.TemporaryDirectory() as name:
        seconds = seconds_until_first_run(Path(name), runs)
    label = f"until the first of {crash.MISSING} missing runs of {runs}"
    return Row(label, f"{seconds:.2f} s", "", seconds, RESUME_SECONDS_TARGET, False)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20_000, help="trivial ones")
    parser.add_argument("--arrays", type=int, default=100, help="runs that store 8 MB each")
    parser.add_argument("--crashed", type=int, default=100_000, help="runs to resume")
    parser.add_argument("--repetitions", type=int, default=3, help="of each experiment")
    options = parser.parse_args()
    sides = Sides(None, options.repetitions, 1.0)
    rows = []
    if options.runs:
        rows += trivial_rows(sides, options.runs, options.repetitions)
    if options.arrays:
        rows += array_rows(sides, options.arrays, options.repetitions)
    if options.crashed:
        rows.append(resume_row(options.crashed))
    return 0 if print_rows(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
