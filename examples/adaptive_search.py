"""Where does a population stop settling down? A search that chooses its own next runs.

The logistic map ``x -> r * x * (1 - x)`` describes a population with limited food (R. M. May,
Nature 261, 1976, p. 459). For small growth rates r it settles to one size; at r = 3 it begins to
alternate between two, and soon after, at ``r = 1 + sqrt(6) = 3.449490...``, between four.

A grid fine enough to find this number to four digits would take thousands of runs. Here
post-processing looks at the runs so far and asks for a few more where the period changes, until it
is known well enough: each round divides the interval by the number of its runs plus one.

The closer to the change, the more generations it takes until a population has settled: without
bound, so that waiting does not tell on which side of it a run is. Each run therefore solves for the
two sizes in turn, and looks whether a small disturbance of them shrinks or grows.

    python examples/adaptive_search.py
    python examples/adaptive_search.py --tolerance 1e-3
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np

from pypet import Environment, load_trajectory

POINTS = 8


def settle(traj):
    """Find after how many generations a population comes back: what happens in a single run."""
    r, x = traj.r, 0.5
    for _ in range(traj.transient):  # until it is near the two sizes
        x = r * x * (1 - x)
    for _ in range(traj.steps):  # Newton's method for: the same size two generations later
        y = r * x * (1 - x)
        growth = r * (1 - 2 * x) * r * (1 - 2 * y)  # of a disturbance in two generations
        x -= (r * y * (1 - y) - x) / (growth - 1)
    period = 2 if abs(growth) < 1 else 4
    traj.f_add_result("sizes", np.array([x, y]), comment="Sizes in turn, stable with period 2 only")
    traj.f_add_result("growth", growth, comment="Growth of a disturbance in two generations")
    traj.f_add_result("period", period, comment="Generations until a size comes back")
    return period


def look_closer(traj, results, tolerance):
    """Return growth rates around the change of period, None if it is known well enough.

    The environment calls this after every round and executes the runs that it asks for.
    """
    rates = traj.f_get("r").f_get_range()
    low = max(rates[index] for index, period in results if period == 2)
    high = min(rates[index] for index, period in results if period == 4)
    if high - low <= tolerance:
        traj.f_add_result("change", low=low, high=high, comment="The period doubles in between")
        return None
    return {"r": np.linspace(low, high, POINTS + 2)[1:-1]}


def search(filename: Path, tolerance: float, ncores: int) -> None:
    """Execute rounds of runs until the change is known up to ``tolerance``."""
    with Environment(
        trajectory="logistic",
        filename=str(filename),
        overwrite_file=True,
        multiproc=ncores > 1,
        use_pool=ncores > 1,
        ncores=ncores,
        wrap_mode="LOCAL",
        log_folder=str(filename.parent / "logs"),
        log_levels=logging.WARNING,
        report_progress=False,
    ) as env:
        traj = env.traj
        traj.f_add_parameter("r", 3.1, comment="Growth rate")
        traj.f_add_parameter("transient", 1000, comment="Generations before anybody looks")
        traj.f_add_parameter("steps", 20, comment="Steps of Newton's method")
        traj.f_explore({"r": np.linspace(3.1, 3.5, POINTS)})
        env.add_postprocessing(look_closer, tolerance)
        env.run(settle)


def report(filename: Path) -> None:
    """Print what the search found."""
    traj = load_trajectory(filename=str(filename), index=-1, load_parameters=2, load_results=2)
    low, high = traj.results.change.low, traj.results.change.high
    print(f"{len(traj)} runs in {filename}")
    print(f"the period doubles between r = {low:.9f} and {high:.9f}")
    print(f"theory: 1 + sqrt(6) = {1 + np.sqrt(6):.9f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tolerance", type=float, default=1e-4, help="default 1e-4")
    parser.add_argument("--ncores", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument(
        "--folder", type=Path, default=Path("logistic_results"), help="where to put the results"
    )
    options = parser.parse_args()
    filename = options.folder / "logistic.hdf5"
    search(filename, options.tolerance, options.ncores)
    report(filename)


if __name__ == "__main__":
    main()
