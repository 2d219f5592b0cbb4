"""Store what workers find over an encrypted network: by a lock for all of them, or by one writer.

Each run estimates pi by throwing darts. With ``NETLOCK`` workers open the file themselves, in turn,
so that a run can look up what is stored; with ``NETQUEUE`` they send what they found to the process
that stores. Both work with workers on other machines, too (see docs/clusters.md); here they are
two processes of a pool.

    python examples/network_storage.py
    python examples/network_storage.py --runs 1000 --port 7777

Needs ``pip install "pypet[net]"``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pypet import Environment, load_trajectory


def throw_darts(traj, loads):
    """Estimate pi from random points; with ``loads`` look up their number in the file."""
    if loads:
        traj.f_load_child("parameters.darts", load_data=3)
    points = traj.f_rng().random((2, traj.darts))
    hits = int(np.count_nonzero((points**2).sum(axis=0) < 1.0))
    traj.f_add_result("estimate", 4 * hits / traj.darts, comment="An estimate of pi")


def run(mode: str, options: argparse.Namespace) -> Path:
    """Execute all runs with a wrap mode; return the file."""
    filename = options.folder / f"{mode.lower()}.hdf5"
    with Environment(
        trajectory="darts",
        filename=str(filename),
        overwrite_file=True,
        multiproc=True,
        use_pool=True,
        ncores=2,
        wrap_mode=mode,
        port=options.port,
        seed=3,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("darts", 10_000, comment="Number of points a run")
        env.traj.f_add_parameter("repetition", 0)
        env.traj.f_explore({"repetition": list(range(options.runs))})
        env.run(throw_darts, mode == "NETLOCK")
        url = env.traj.f_get(f"config.environment.{env.name}.url").f_get()
        print(f"{mode}: the server listened at {url}")
    return filename


def mean_estimate(filename: Path) -> float:
    """Return the mean of all estimates in a file."""
    traj = load_trajectory("darts", filename=str(filename), load_results=2)
    estimates = traj.f_get_from_runs("estimate", fast_access=True)
    return float(np.mean(list(estimates.values())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100, help="runs a mode (default 100)")
    parser.add_argument("--port", type=int, help="where servers listen (default: any free port)")
    parser.add_argument(
        "--folder", type=Path, default=Path("darts_results"), help="where to put the results"
    )
    options = parser.parse_args()
    for mode in ("NETLOCK", "NETQUEUE"):
        print(f"{mode}: pi is about {mean_estimate(run(mode, options)):.4f}")


if __name__ == "__main__":
    main()
