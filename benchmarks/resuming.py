"""What resumable experiments cost, as ratios measured in one run, and how soon one goes on.

    python benchmarks/resuming.py [--runs 20000] [--arrays 100] [--crashed 100000]

Runs are executed with ``resumable=True`` and without, by turns and each time in a process of its
own, and of each the best of a few repetitions counts. The large arrays are on the disk at the end
on both sides: to be resumable means that, so the other side waits for it, too.

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
from comparison import HERE, NO_BYTECODE, POOL, Row, Sides, print_rows

TRIVIAL_TARGET = 1.15
ARRAY_TARGET = 1.2
RESUME_SECONDS_TARGET = 5.0
MICRO, KILO = 1e6, 1e3


def price_row(
    sides: Sides, name: str, job: str, runs: int, target: float, repetitions: int, **options: Any
) -> Row:
    """Compare an experiment that is resumable with one that is not."""
    seconds = {False: float("inf"), True: float("inf")}
    for _ in range(repetitions):
        for resumable in seconds:
            given = {**POOL, "wrap_mode": "QUEUE", **options, "resumable": resumable}
            figures = sides.once(job, HERE, runs, given)
            seconds[resumable] = min(seconds[resumable], figures["seconds"])
    each = seconds[True] / runs
    text = f"{each * MICRO:.0f} us/run" if each < 1 / KILO else f"{each * KILO:.1f} ms/run"
    return Row(name, text, "", seconds[True] / seconds[False], target, False)


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
        name = "trivial runs, QUEUE, resumable / not"
        rows.append(
            price_row(sides, name, "runs", options.runs, TRIVIAL_TARGET, options.repetitions)
        )
    if options.arrays:
        name = "8 MB results, QUEUE, resumable / not"
        row = price_row(
            sides, name, "arrays", options.arrays, ARRAY_TARGET, options.repetitions, synced=True
        )
        rows.append(row)
    if options.crashed:
        rows.append(resume_row(options.crashed))
    return 0 if print_rows(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
