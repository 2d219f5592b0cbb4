"""At which temperature does a magnet lose its magnetisation? A sweep that survives its own death.

In Ising's model each spin of a square lattice is up or down, and prefers to be like its four
neighbours. L. Onsager (1949) found its magnetisation: ``m = (1 - sinh(2 / T) ** -4) ** (1 / 8)``
up to ``T = 2 / log(1 + sqrt(2)) = 2.269...``, and none above.

Start the script, kill it in whatever way you like, `kill -9` of all its processes included, and
start it again: with ``resumable=True`` runs that were completed are there, and only the others are
executed. Started once more when all is done, it reports what it has.

    python examples/resuming.py
    python examples/resuming.py --sweeps 5000 --ncores 4
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, load_trajectory

NAME = "ising"


def magnetise(traj: Trajectory) -> float:
    """Let a magnet come to rest at its temperature: what happens in a single run."""
    rng = traj.f_rng()  # the same numbers in a run that is executed again
    spins = np.ones((traj.size, traj.size))
    odd = np.indices(spins.shape).sum(axis=0) % 2 == 1
    sizes = np.empty(traj.sweeps)
    for sweep in range(traj.sweeps):
        for colour in (odd, ~odd):  # the neighbours of one colour have all the other one
            field = sum(np.roll(spins, shift, axis) for shift in (1, -1) for axis in (0, 1))
            flips = rng.random(spins.shape) < np.exp(-2 * spins * field / traj.temperature)
            spins[colour & flips] *= -1
        sizes[sweep] = abs(spins.mean())
    late = float(sizes[traj.sweeps // 2 :].mean())
    traj.f_add_result("magnetisation", sizes, comment="Magnetisation after each sweep")
    traj.f_add_result("mean", late, comment="Mean of the second half")
    return late


def add_parameters(traj: Trajectory, *, sweeps: int, size: int) -> None:
    """Give the trajectory its parameters, and a range of temperatures."""
    traj.f_add_parameter("size", size, comment="Spins on each side of the lattice")
    traj.f_add_parameter("sweeps", sweeps, comment="Updates of all spins")
    traj.f_add_parameter("temperature", 1.0, comment="In units of the coupling")
    traj.f_explore({"temperature": np.linspace(1.5, 3.4, 20).tolist()})


def execute(filename: Path, resume_folder: Path, options: argparse.Namespace) -> None:
    """Execute the runs, or those that are left of an experiment that has died."""
    with Environment(
        NAME,
        filename=str(filename),
        resumable=True,
        resume_folder=str(resume_folder),
        multiproc=True,
        use_pool=True,
        ncores=options.ncores,
        wrap_mode="QUEUE",
        seed=1949,
        log_folder=str(filename.parent / "logs"),
        log_levels=logging.WARNING,
        report_progress=(5, "print"),
    ) as env:
        if has_died(resume_folder):
            print("The experiment has died before its end: going on.")
            env.resume(NAME)
        else:
            print("The experiment begins.")
            add_parameters(env.traj, sweeps=options.sweeps, size=options.size)
            env.run(magnetise)


def has_died(resume_folder: Path) -> bool:
    """Return whether there is something to resume: at the end of an experiment its folder goes."""
    return (resume_folder / NAME / "environment.ecnt").exists()


def is_completed(filename: Path) -> bool:
    """Return whether all runs are in the file."""
    try:
        traj = load_trajectory(NAME, filename=str(filename))
    except (FileNotFoundError, ValueError):  # no file, or nothing in it
        return False
    return bool(traj.f_is_completed())


def report(filename: Path) -> None:
    """Print the magnetisation at each temperature beside theory."""
    traj = load_trajectory(NAME, filename=str(filename), load_parameters=2)
    means = traj.f_get_from_runs("mean", fast_access=True, auto_load=True)
    print(f"{len(traj)} runs in {filename}")
    print("temperature  measured m  theory")
    for temperature, mean in zip(
        traj.f_get("temperature").f_get_range(), means.values(), strict=True
    ):
        theory = max(0.0, 1 - np.sinh(2 / temperature) ** -4) ** (1 / 8)
        print(f"{temperature:11.2f}  {mean:10.3f}  {theory:6.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ncores", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--size", type=int, default=64, help="of the lattice (default 64)")
    parser.add_argument("--sweeps", type=int, default=2000, help="updates (default 2000)")
    parser.add_argument(
        "--folder", type=Path, default=Path("ising_results"), help="where to put everything"
    )
    options = parser.parse_args()
    filename = options.folder / f"{NAME}.hdf5"
    resume_folder = options.folder / "resume"
    if is_completed(filename) and not has_died(resume_folder):
        print("The experiment is completed.")
    else:
        execute(filename, resume_folder, options)
    report(filename)


if __name__ == "__main__":
    main()
