"""How large is the largest eigenvalue of a random matrix? A sweep that grows from start to start.

Take a symmetric matrix of n x n independent numbers with variance 1. The larger it is, the closer
its largest eigenvalue comes to ``2 * sqrt(n)`` (E. P. Wigner, Annals of Mathematics 67, 1958,
p. 325). Larger matrices take longer, so start with small ones:

    python examples/growing_sweep.py --sizes 20 40 80
    python examples/growing_sweep.py --sizes 20 40 80 160 320

The second start executes the runs of the sizes that are new. A start that was interrupted, or
killed, is simply repeated, with or without ``--ncores 2``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, cartesian_product


def simulate(traj: Trajectory) -> None:
    """Draw a matrix and store its largest eigenvalue, in units of the limit for large ones."""
    numbers = traj.f_rng().normal(size=(traj.size, traj.size))
    symmetric = (numbers + numbers.T) / 2**0.5
    largest = np.linalg.eigvalsh(symmetric)[-1]
    traj.f_add_result("largest", largest / (2 * traj.size**0.5), comment="Largest eigenvalue")


def sweep(filename: Path, sizes: Sequence[int], repetitions: int, ncores: int) -> None:
    """Execute what is missing of the sweep, and print the means of all runs that it asks for."""
    with Environment(
        trajectory="eigenvalues",
        filename=str(filename),
        on_existing="extend",
        seed=1,
        multiproc=ncores > 1,
        use_pool=ncores > 1,
        ncores=ncores,
        wrap_mode="QUEUE" if ncores > 1 else "LOCK",
        log_folder=str(filename.parent / "logs"),
    ) as env:
        traj = env.traj
        traj.f_add_parameter("size", 10, comment="Rows and columns")
        traj.f_add_parameter("repetition", 0, comment="Tells equal runs apart")
        points = {"size": sizes, "repetition": range(repetitions)}
        traj.f_explore(cartesian_product(points))
        executed = env.run(simulate)
        print(f"{len(executed)} of {len(sizes) * repetitions} runs were executed now.")
        traj.f_load(load_results=2)  # also of those that earlier starts have executed
        print("  size  mean  (1 for large matrices)")
        for size in sizes:
            runs = traj.f_find_idx(["size", "repetition"], lambda n, k, n0=size: n == n0)
            largest = [traj.f_get(f"results.runs.{traj.f_idx_to_run(run)}.largest") for run in runs]
            print(f"{size:6}{np.mean([result.f_get() for result in largest]):7.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("growing_sweep"), help="for all files")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 40, 80])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--ncores", type=int, default=1)
    arguments = parser.parse_args()
    filename = arguments.folder.resolve() / "eigenvalues.hdf5"
    sweep(filename, arguments.sizes, arguments.repetitions, arguments.ncores)


if __name__ == "__main__":
    main()
