"""At which coupling do fireflies flash together? A sweep over all cores.

Kuramoto's model (Lecture Notes in Physics 39, 1975, p. 420) has N oscillators with frequencies of
their own, each drawn towards the others with coupling K. The order parameter r tells how much they
agree: 0 for none, 1 for all. With frequencies from a Cauchy distribution of width gamma, infinitely
many oscillators start to agree at ``K_c = 2 * gamma``, and above it ``r = sqrt(1 - K_c / K)``.

Every pair of coupling and repetition is one run; worker processes execute them, and a process of
its own writes what they find into one HDF5 file.

    python examples/parallel_sweep.py
    python examples/parallel_sweep.py --oscillators 5000 --repetitions 10 --ncores 4
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np

from pypet import Environment, cartesian_product, load_trajectory


def synchronise(traj):
    """Let the oscillators run, and store how much they agree: what happens in a single run."""
    rng = traj.f_rng()
    quantiles = (np.arange(traj.oscillators) + 0.5) / traj.oscillators
    frequencies = traj.gamma * np.tan(np.pi * (quantiles - 0.5))
    phases = rng.uniform(0, 2 * np.pi, traj.oscillators)
    agreement = np.empty(traj.steps)
    for step in range(traj.steps):
        field = np.mean(np.exp(1j * phases))
        agreement[step] = abs(field)
        pull = traj.coupling * np.imag(field * np.exp(-1j * phases))
        phases += traj.dt * (frequencies + pull)
    late = agreement[traj.steps // 2 :]
    traj.f_add_result("agreement", agreement, comment="Order parameter r in each time step")
    traj.f_add_result("order", mean=float(late.mean()), std=float(late.std()))
    return float(late.mean())


def sweep(filename: Path, options: argparse.Namespace) -> None:
    """Execute all runs in worker processes and store them in ``filename``."""
    with Environment(
        trajectory="kuramoto",
        filename=str(filename),
        overwrite_file=True,
        multiproc=True,
        ncores=options.ncores,
        use_pool=True,
        freeze_input=True,
        wrap_mode="QUEUE",
        seed=1975,
        log_folder=str(filename.parent / "logs"),
        log_levels=logging.WARNING,
        report_progress=(20, "print"),
    ) as env:
        traj = env.traj
        traj.f_add_parameter("oscillators", options.oscillators, comment="Number of oscillators")
        traj.f_add_parameter("gamma", 0.5, comment="Width of the frequencies")
        traj.f_add_parameter("dt", 0.05, comment="Time step")
        traj.f_add_parameter("steps", options.steps, comment="Number of time steps")
        traj.f_add_parameter("coupling", 0.0, comment="Pull towards the others")
        traj.f_add_parameter("repetition", 0, comment="Number of the start with other phases")
        traj.f_explore(
            cartesian_product(
                {
                    "coupling": np.linspace(0.0, 3.0, 13),
                    "repetition": range(options.repetitions),
                }
            )
        )
        env.run(synchronise)


def report(filename: Path) -> None:
    """Print the order parameter at each coupling beside Kuramoto's theory."""
    traj = load_trajectory(filename=str(filename), index=-1, load_parameters=2, load_results=2)
    couplings = np.array(traj.f_get("coupling").f_get_range())
    orders = traj.f_get_from_runs("order")
    measured = np.array([order.f_get("mean") for order in orders.values()])
    critical = 2 * traj.gamma
    print(f"{len(traj)} runs in {filename}, theory: agreement above K_c = {critical}")
    print("coupling  measured r  theory")
    for coupling in np.unique(couplings):
        theory = np.sqrt(1 - critical / coupling) if coupling > critical else 0.0
        print(f"{coupling:8.2f}  {measured[couplings == coupling].mean():10.3f}  {theory:6.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ncores", type=int, default=2, help="worker processes (default 2)")
    parser.add_argument("--oscillators", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--steps", type=int, default=1000, help="time steps (default 1000)")
    parser.add_argument("--repetitions", type=int, default=3, help="runs a coupling (default 3)")
    parser.add_argument(
        "--folder", type=Path, default=Path("kuramoto_results"), help="where to put the results"
    )
    options = parser.parse_args()
    filename = options.folder / "kuramoto.hdf5"
    sweep(filename, options)
    report(filename)


if __name__ == "__main__":
    main()
