"""An experiment for one node of a cluster: it goes on where it was ended, whenever it is started.

How long does a random walker with drift take to reach a wall? On average distance / drift, whatever
the noise. Submit this with one_node.sbatch, requeue.sbatch or one_node.qsub, or start it by hand:

    python walk.py --ncores 4

If the job is ended by SIGTERM, at the end of its time or because another one needs the node, what
the runs have stored is kept. Started once more, the script executes the runs that are left.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, load_trajectory

NAME = "walk"


def simulate(traj: Trajectory) -> float:
    """Let walkers go until each has reached the wall; store their times and return the mean."""
    rng = traj.f_rng()  # the same numbers wherever and in whatever order runs are executed
    position = np.zeros(traj.walkers)
    times = np.zeros(traj.walkers)
    while (walking := position < traj.distance).any():
        steps = rng.normal(traj.drift * traj.dt, traj.noise * traj.dt**0.5, traj.walkers)
        position[walking] += steps[walking]
        times[walking] += traj.dt
    traj.f_add_result("passage", times=times, mean=times.mean(), comment="Times at the wall")
    return float(times.mean())


def add_parameters(traj: Trajectory, *, runs: int, walkers: int) -> None:
    """Give the trajectory its parameters, and a range of drifts."""
    traj.f_add_parameter("distance", 5.0, comment="from start to wall")
    traj.f_add_parameter("noise", 0.5, comment="standard deviation after a time of 1")
    traj.f_add_parameter("dt", 0.05, comment="time step")
    traj.f_add_parameter("walkers", walkers, comment="number of walkers in a run")
    traj.f_add_parameter("drift", 1.0, comment="mean distance in a time of 1")
    traj.f_explore({"drift": np.linspace(0.5, 2.0, runs).tolist()})


def number_of_cores() -> int:
    """Return how many cores the job has, according to Slurm, Grid Engine or PBS."""
    for name in ("SLURM_CPUS_PER_TASK", "NSLOTS", "PBS_NP"):
        if name in os.environ:
            return int(os.environ[name])
    return 1


def load_if_begun(filename: Path) -> Trajectory | None:
    """Return the trajectory, None if the experiment has not begun."""
    if not filename.exists():
        return None
    try:
        return load_trajectory(NAME, filename=str(filename), load_derived_parameters=2)
    except ValueError:  # it was killed before it had stored anything
        return None


def open_environment(filename: Path, *, runs: int, walkers: int, ncores: int) -> Environment:
    """Begin the experiment, or load it if it has begun."""
    options = {"multiproc": True, "ncores": ncores, "use_pool": True, "wrap_mode": "QUEUE"}
    options["log_folder"] = str(filename.parent / "logs")
    traj = load_if_begun(filename)
    if traj is not None:
        return Environment(trajectory=traj, **options)
    env = Environment(NAME, filename=str(filename), seed=1, **options)
    add_parameters(env.traj, runs=runs, walkers=walkers)
    return env


def report(filename: Path) -> None:
    """Print what was measured beside what theory says."""
    traj = load_trajectory(NAME, filename=str(filename), load_data=2)
    print("   drift    mean  theory")
    for run in traj.f_iter_runs():
        print(f"{traj.drift:8.3f}{traj[run].passage.mean:8.3f}{traj.distance / traj.drift:8.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("walk"), help="for all files")
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--walkers", type=int, default=2000)
    parser.add_argument("--ncores", type=int, default=number_of_cores())
    arguments = parser.parse_args()
    filename = arguments.folder.resolve() / f"{NAME}.hdf5"
    with open_environment(
        filename, runs=arguments.runs, walkers=arguments.walkers, ncores=arguments.ncores
    ) as env:
        env.run(simulate)
    report(filename)


if __name__ == "__main__":
    main()
