"""From a sweep to figures: how the firing rate of a neuron depends on its input and on noise.

A leaky integrate-and-fire neuron fires when its membrane potential crosses a threshold. With little
noise it stays silent up to a certain input; noise makes it fire below. The script simulates all
combinations of inputs and noise levels, with several repetitions, and goes from there to a table
and to figures, each in one line:

    python examples/analysis.py --folder analysis_results

`analysis.ipynb` does the same in a notebook.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, cartesian_product, plotting

SECONDS, STEP = 1.0, 0.001


def simulate(traj: Trajectory) -> None:
    """Integrate the membrane potential by Euler's method, and count how often it is reset."""
    scale = traj.noise * (2 * STEP / traj.tau) ** 0.5
    kicks = scale * traj.f_rng().normal(size=int(SECONDS / STEP))
    potential, spikes = 0.0, 0
    potentials = np.empty(len(kicks))
    for position, kick in enumerate(kicks.tolist()):
        potential += STEP / traj.tau * (traj.current - potential) + kick
        if potential > 1:
            potential, spikes = 0.0, spikes + 1
        potentials[position] = potential
    traj.f_add_result("rate", spikes / SECONDS, comment="firing rate in Hz")
    traj.f_add_result("potential", potentials[:200], comment="membrane potential, first 0.2 s")


def sweep(filename: Path, repetitions: int) -> None:
    """Simulate all combinations."""
    with Environment(trajectory="neuron", filename=str(filename), seed=1, log_config=None) as env:
        traj = env.traj
        traj.f_add_parameter("tau", 0.02, comment="time constant in s")
        traj.f_add_parameter("current", 1.0, comment="input over threshold")
        traj.f_add_parameter("noise", 0.1, comment="standard deviation over threshold")
        traj.f_add_parameter("repetition", 0, comment="tells equal runs apart")
        points = {
            "current": np.linspace(0.5, 2.0, 7),
            "noise": [0.05, 0.1, 0.2, 0.4],
            "repetition": range(repetitions),
        }
        traj.f_explore(cartesian_product(points))
        env.run(simulate)


def analyse(filename: Path, folder: Path) -> None:
    """Print what the table of runs tells, and draw figures; nothing is loaded as a whole."""
    from pypet.tables import read_table

    table = read_table(filename).to_dataframe()
    best = table.loc[table["rate"].idxmax()]
    print(f"{len(table)} runs, {table['completed'].sum()} of them completed")
    print(f"fastest: {best['rate']:.0f} Hz in {best['name']}")
    print(table.pivot_table(values="rate", index="noise", columns="current").round(1).to_string())

    figures = {
        "rate": plotting.line(filename, x="current", y="rate", by="noise"),
        "map": plotting.heatmap(filename, x="current", y="noise", color="rate"),
        "all": plotting.parallel_coordinates(filename, color="rate"),
        "peaks": plotting.line(filename, x="noise", y="potential", reduce={"potential": np.max}),
        "importance": plotting.importance(filename, y="rate"),
    }
    for name, axes in figures.items():
        axes.figure.savefig(folder / f"{name}.png")
        print(f"{folder / name}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("analysis_results"))
    parser.add_argument("--repetitions", type=int, default=3)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    filename = arguments.folder.resolve() / "neuron.hdf5"
    if not filename.exists():
        sweep(filename, arguments.repetitions)
    analyse(filename, arguments.folder)


if __name__ == "__main__":
    main()
