"""The experiment of walk.py, made resumable: what has been completed stays, however the job ends.

    python resuming_walk.py --ncores 4

Submit this with resuming.sbatch, or start it by hand. If it is killed, start it again: it finds
what is left of the experiment in its resume folder, and goes on with the runs that are missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from walk import NAME, add_parameters, number_of_cores, report, simulate

from pypet import Environment


def execute(folder: Path, *, runs: int, walkers: int, ncores: int) -> None:
    """Execute the experiment, or what is missing of it."""
    filename, resume_folder = folder / f"{NAME}.hdf5", folder / "resume"
    has_died = (resume_folder / NAME / "environment.ecnt").exists()
    if filename.exists() and not has_died:
        print("The experiment is completed.")
        return
    with Environment(
        NAME,
        filename=str(filename),
        resumable=True,
        resume_folder=str(resume_folder),
        multiproc=True,
        ncores=ncores,
        use_pool=True,
        wrap_mode="QUEUE",
        seed=1,
        log_folder=str(folder / "logs"),
    ) as env:
        if has_died:
            print("The experiment has died before its end: going on.")
            env.resume(NAME)
        else:
            print("The experiment begins.")
            add_parameters(env.traj, runs=runs, walkers=walkers)
            env.run(simulate)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("walk"), help="for all files")
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--walkers", type=int, default=2000)
    parser.add_argument("--ncores", type=int, default=number_of_cores())
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    execute(folder, runs=arguments.runs, walkers=arguments.walkers, ncores=arguments.ncores)
    report(folder / f"{NAME}.hdf5")


if __name__ == "__main__":
    main()
