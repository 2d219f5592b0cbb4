"""When does water find a way through? Runs on all the hosts that SCOOP is told of.

A square lattice whose sites are open with probability p has a way from top to bottom if p is above
0.5927 (site percolation), never below, once the lattice is large. Each pair of probability and
repetition is one run. On this machine:

    python -m scoop -n 4 scoop_percolation.py

On several machines that share this folder and take ssh without a password:

    python -m scoop --hostfile scoop_hosts -n 6 scoop_percolation.py

By a job of Grid Engine:

    qsub scoop_percolation.qsub

Needs ``pip install "pypet[default,scoop]"`` on all of them.
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, cartesian_product, load_trajectory

THRESHOLD = 0.592746


def percolate(traj: Trajectory) -> str:
    """Flood a lattice from the top; store how deep that goes, and return who did it."""
    is_open = traj.f_rng().random((traj.size, traj.size)) < traj.p
    wet = np.zeros_like(is_open)
    wet[0] = is_open[0]
    count = 0
    while (now := int(wet.sum())) > count:
        count = now
        wet[1:] |= wet[:-1] & is_open[1:]
        wet[:-1] |= wet[1:] & is_open[:-1]
        wet[:, 1:] |= wet[:, :-1] & is_open[:, 1:]
        wet[:, :-1] |= wet[:, 1:] & is_open[:, :-1]
    traj.f_add_result("wet", fraction=float(wet.mean()), comment="Part of all sites that is wet")
    traj.f_add_result("passes", bool(wet[-1].any()), comment="Whether water comes out below")
    return socket.gethostname()


def execute(filename: Path, size: int, repetitions: int) -> None:
    """Let the workers of SCOOP execute all runs, and store what they find."""
    with Environment(
        trajectory="percolation",
        filename=str(filename),
        overwrite_file=True,
        multiproc=True,
        use_scoop=True,
        wrap_mode="LOCAL",
        freeze_input=True,
        timeout=600.0,
        seed=1957,
        log_folder=str(filename.parent / "logs"),
    ) as env:
        traj = env.traj
        traj.f_add_parameter("size", size, comment="sites along each side")
        traj.f_add_parameter("p", 0.5, comment="probability that a site is open")
        traj.f_add_parameter("repetition", 0, comment="only the random numbers differ")
        traj.f_explore(
            cartesian_product(
                {"p": [0.50, 0.55, 0.59, 0.63, 0.68], "repetition": list(range(repetitions))}
            )
        )
        hosts = {host for _, host in env.run(percolate)}
    print(f"Executed on: {', '.join(sorted(hosts))}")


def show(filename: Path) -> None:
    """Print how often water passes for each probability."""
    traj = load_trajectory("percolation", filename=str(filename), load_data=2)
    passes: dict[float, list[bool]] = {}
    for run in traj.f_iter_runs():
        passes.setdefault(traj.p, []).append(traj[run].passes)
    for p, each in passes.items():
        side = "above" if p > THRESHOLD else "below"
        print(f"p = {p:.2f} ({side} the threshold): {np.mean(each):4.0%} of {len(each)} pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=Path("percolation_results"))
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    filename = options.folder / "percolation.hdf5"
    execute(filename, options.size, options.repetitions)
    show(filename)


# Workers import this script, so everything that only the main process does is below this line.
if __name__ == "__main__":
    main()
