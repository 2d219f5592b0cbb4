"""How contagious was the influenza in an English boarding school in 1978?

In January 1978 influenza broke out among the 763 boys of a boarding school. The school's doctors
counted every day how many boys were confined to bed (British Medical Journal, 4 March 1978,
p. 587). The outbreak is often described by the SIR model: susceptible boys S fall ill at the rate
``beta * S * I / N``, ill boys I recover at the rate ``gamma * I``.

This script simulates the outbreak for a grid of transmission rates beta and recovery rates gamma,
each pair one run, and stores every curve in one HDF5 file. A second step opens the file again,
finds the pair that fits the counts best, and plots it. The basic reproduction number
``R0 = beta / gamma`` says how many others a boy infects while nobody is immune yet; published
fits of this outbreak are near 3.7.

    python examples/influenza.py
    python examples/influenza.py --points 41 --folder fine_grid
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, cartesian_product, load_trajectory
from pypet.pypetconstants import LOAD_DATA

DAYS = np.arange(1, 15)
IN_BED = np.array([3, 8, 26, 76, 225, 298, 258, 233, 189, 128, 68, 29, 14, 4])


def sir_curve(beta, gamma, boys, first_ill, steps_per_day):
    """Return how many boys are ill on each of `DAYS`, by the classical Runge-Kutta method.

    ``beta`` and ``gamma`` are rates per day.
    """

    def change(state):
        susceptible, ill = state
        infections = beta * susceptible * ill / boys
        return np.array([-infections, infections - gamma * ill])

    step = 1.0 / steps_per_day
    state = np.array([boys - first_ill, first_ill], dtype=float)
    curve = [state[1]]
    for _ in DAYS[1:]:
        for _ in range(steps_per_day):
            k1 = change(state)
            k2 = change(state + step / 2 * k1)
            k3 = change(state + step / 2 * k2)
            k4 = change(state + step * k3)
            state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        curve.append(state[1])
    return np.array(curve)


def outbreak(traj):
    """Simulate one outbreak and compare it with the counts: what happens in a single run."""
    curve = sir_curve(traj.beta, traj.gamma, traj.boys, traj.first_ill, traj.steps_per_day)
    error = float(np.sum((curve - IN_BED) ** 2))
    traj.f_add_result("curve", curve, comment="Ill boys on each day")
    traj.f_add_result("error", error, comment="Squared distance to the counts, over all days")


def sweep(filename: Path, points: int) -> None:
    """Simulate ``points * points`` outbreaks and store them in ``filename``."""
    with Environment(
        trajectory="influenza",
        comment="SIR models of the boarding school outbreak of 1978",
        filename=str(filename),
        overwrite_file=True,
        log_folder=str(filename.parent / "logs"),
        log_levels=logging.WARNING,
        report_progress=(20, "print"),
    ) as env:
        traj = env.traj
        traj.f_add_parameter("boys", 763, comment="All boys of the school")
        traj.f_add_parameter("first_ill", 3, comment="Boys in bed on the first day")
        traj.f_add_parameter("steps_per_day", 10, comment="Time steps of the integration")
        traj.f_add_parameter("beta", 1.5, comment="Transmission rate, per day")
        traj.f_add_parameter("gamma", 0.5, comment="Recovery rate, per day")
        traj.f_explore(
            cartesian_product(
                {
                    "beta": np.linspace(1.2, 2.2, points),
                    "gamma": np.linspace(0.3, 0.6, points),
                }
            )
        )
        env.run(outbreak)


def load_sweep(filename: Path) -> Trajectory:
    """Return the trajectory that was stored in ``filename`` with all its data."""
    return load_trajectory(
        index=-1, filename=str(filename), load_parameters=LOAD_DATA, load_results=LOAD_DATA
    )


def report(filename: Path) -> Path:
    """Print the best pair of rates in ``filename``, plot it, and return the plot's path."""
    traj = load_sweep(filename)
    errors = traj.f_get_from_runs("error", fast_access=True)
    best = min(errors, key=errors.get)
    traj.v_crun = best
    beta, gamma, curve = traj.beta, traj.gamma, traj.results.crun.curve
    print(f"{len(errors)} runs in {filename}, the best is {best}:")
    print(f"  transmission rate  beta  = {beta:.3f} per day")
    print(f"  recovery rate      gamma = {gamma:.3f} per day (ill for {1 / gamma:.1f} days)")
    print(f"  reproduction number  R0  = {beta / gamma:.2f}")
    print(f"  root mean square error   = {np.sqrt(errors[best] / len(DAYS)):.1f} boys")
    traj.f_restore_default()
    landscape = (
        traj.f_get("beta").f_get_range(),
        traj.f_get("gamma").f_get_range(),
        list(errors.values()),
    )
    return plot(filename.with_suffix(".png"), landscape, (beta, gamma), curve)


def plot(path: Path, landscape, best, curve) -> Path:
    """Draw errors over both rates and the best curve over the counts into ``path``."""
    import matplotlib

    matplotlib.use("Agg")  # no screen needed
    import matplotlib.pyplot as plt

    betas, gammas, errors = landscape
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    contours = left.tricontourf(betas, gammas, np.log10(errors), levels=20, cmap="viridis_r")
    figure.colorbar(contours, ax=left, label="log10 of the squared error")
    left.plot(*best, "r*", markersize=14, label=f"best, R0 = {best[0] / best[1]:.2f}")
    left.set(xlabel="transmission rate (1/day)", ylabel="recovery rate (1/day)")
    left.legend()
    right.plot(DAYS, IN_BED, "ko", label="confined to bed")
    right.plot(DAYS, curve, "r-", label="best SIR model")
    right.set(xlabel="day", ylabel="boys")
    right.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=31, help="values of each rate (default 31)")
    parser.add_argument(
        "--folder", type=Path, default=Path("influenza_results"), help="where to put the results"
    )
    options = parser.parse_args()
    filename = options.folder / "influenza.hdf5"
    sweep(filename, options.points)
    print(f"\nPlot: {report(filename)}")


if __name__ == "__main__":
    main()
