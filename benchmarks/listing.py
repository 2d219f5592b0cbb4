"""How long ``pypet ls`` takes for a folder with many files, from start to end of the process.

    python benchmarks/listing.py [--files 1000] [--runs 20]

The files are copies of one with an experiment of ``--runs`` runs. Beside the process stands what
reading them takes within it, without starting Python and importing, and the processor time. The
figure is the best of a few repetitions, as is what it may be at most.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pypet import Environment
from pypet.catalog import listed_trajectories

REPETITIONS = 3
MOST_SECONDS = 3.0
"""For 1,000 files."""


def simulate(traj) -> None:
    """Store a number."""
    traj.f_add_result("z", traj.x * 2.0)


def make_files(folder: Path, files: int, runs: int) -> None:
    """Fill a folder with copies of the file of one experiment, a hundred in a folder each."""
    first = folder / "experiment.hdf5"
    with Environment(
        "experiment",
        filename=str(first),
        comment="one of many",
        add_time=False,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0.0)
        env.traj.f_explore({"x": [float(run) for run in range(runs)]})
        env.run(simulate)
    for number in range(1, files):
        target = folder / f"part_{number // 100:03}"
        target.mkdir(exist_ok=True)
        shutil.copy(first, target / f"experiment_{number}.hdf5")


def seconds_of_command(folder: Path, files: int) -> tuple[float, float]:
    """Return elapsed and processor seconds of one ``pypet ls``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pypet", "ls", str(folder)], capture_output=True, check=True
    )
    elapsed = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.stdout.count(b"\n") == files + 1
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    return elapsed, user + system


def seconds_of_reading(folder: Path, files: int) -> float:
    """Return the seconds that reading takes in this process."""
    began = time.perf_counter()
    assert sum(1 for _ in listed_trajectories(folder)) == files
    return time.perf_counter() - began


def main(argv: list[str] | None = None) -> int:
    """Measure, print a row, and return 1 if it takes too long."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder, arguments.files, arguments.runs)
        measured = [seconds_of_command(folder, arguments.files) for _ in range(REPETITIONS)]
        reading = min(seconds_of_reading(folder, arguments.files) for _ in range(REPETITIONS))
    elapsed, processor = min(measured)
    most = MOST_SECONDS * max(arguments.files / 1000, 1.0)
    is_good = elapsed <= most
    print(
        f"pypet ls, {arguments.files} files of {arguments.runs} runs: {elapsed:.2f} s "
        f"({processor:.2f} s of processor time), reading {reading:.2f} s; "
        f"at most {most:.1f} s: {'ok' if is_good else 'MISSED'}"
    )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
