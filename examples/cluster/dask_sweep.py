"""When do random graphs hang together? A sweep by Dask, here or on the nodes of a cluster.

In a random graph (Erdős and Rényi, 1959) of n nodes, each joined to c others on average, there is
one large component as soon as c exceeds 1. It has a share S of the nodes that solves
``S = 1 - exp(-c S)``.

Every pair of c and repetition is one run. Without arguments, workers are processes of this machine;
on the login node of a cluster with Slurm, each is a job of its own:

    python examples/cluster/dask_sweep.py --workers 4
    python examples/cluster/dask_sweep.py --workers 20 --slurm PARTITION

For Grid Engine or PBS, take `SGECluster` or `PBSCluster` of dask-jobqueue in the place of
`SLURMCluster`. Needs ``pip install "pypet[default,dask]"``.
"""

from __future__ import annotations

import argparse
import os
from contextlib import nullcontext
from math import exp
from pathlib import Path

import numpy as np

from pypet import Environment, cartesian_product, load_trajectory


def grow(traj):
    """Draw a graph and store which share its largest component has: what happens in a run."""
    rng, nodes = traj.f_rng(), traj.nodes
    edges = rng.integers(nodes, size=(rng.poisson(traj.degree * nodes / 2), 2))
    neighbours = [[] for _ in range(nodes)]
    for one, other in edges.tolist():
        neighbours[one].append(other)
        neighbours[other].append(one)
    traj.f_add_result("share", max(components(neighbours)) / nodes, comment="largest component")
    traj.f_add_result("job", os.environ.get("SLURM_JOB_ID", "none"), comment="Job of the worker")


def components(neighbours):
    """Yield the number of nodes of each component."""
    seen = [False] * len(neighbours)
    for start in range(len(neighbours)):
        if seen[start]:
            continue
        seen[start], reached = True, [start]
        for node in reached:
            for other in neighbours[node]:
                if not seen[other]:
                    seen[other] = True
                    reached.append(other)
        yield len(reached)


def make_cluster(options: argparse.Namespace):
    """Return a cluster of Slurm jobs, or None for one on this machine, which pypet starts."""
    if options.slurm is None:
        return nullcontext()
    from dask_jobqueue import SLURMCluster

    folder = options.folder.absolute()
    cluster = SLURMCluster(
        queue=options.slurm,
        cores=1,  # one run at a time in each worker
        processes=1,
        memory="1GB",
        walltime="00:30:00",
        security=True,  # only who has the certificate, a file in the shared folder, gets in
        shared_temp_directory=str(folder),
        log_directory=str(folder / "jobs"),
        local_directory=os.environ.get("TMPDIR", "/tmp"),
    )
    cluster.scale(jobs=options.workers)
    return cluster


def sweep(filename: Path, options: argparse.Namespace) -> None:
    """Execute all runs and store them in ``filename``."""
    with (
        make_cluster(options) as cluster,
        Environment(
            trajectory="graphs",
            filename=str(filename),
            overwrite_file=True,
            scheduler="dask",
            dask_address=cluster,
            ncores=options.workers,
            wrap_mode="LOCAL",
            freeze_input=True,
            seed=1959,
            log_config=None,
            report_progress=(25, "print"),
        ) as env,
    ):
        traj = env.traj
        traj.f_add_parameter("nodes", options.nodes, comment="Number of nodes")
        traj.f_add_parameter("degree", 0.0, comment="Others that a node is joined to, on average")
        traj.f_add_parameter("repetition", 0, comment="Number of the graph")
        traj.f_explore(
            cartesian_product(
                {
                    "degree": np.linspace(0.5, 3.0, 11),
                    "repetition": range(options.repetitions),
                }
            )
        )
        env.run(grow)


def report(filename: Path) -> None:
    """Print the share of the largest component at each degree beside theory."""
    traj = load_trajectory(filename=str(filename), index=-1, load_parameters=2, load_results=2)
    degrees = np.array(traj.f_get("degree").f_get_range())
    shares = np.array(list(traj.f_get_from_runs("share", fast_access=True).values()))
    jobs = set(traj.f_get_from_runs("job", fast_access=True).values())
    print(f"{len(traj)} runs in {filename}, by the jobs {', '.join(sorted(jobs))}")
    print("degree  measured share  theory")
    for degree in np.unique(degrees):
        theory = 1.0
        for _ in range(1000):
            theory = 1 - exp(-degree * theory)
        print(f"{degree:6.2f}  {shares[degrees == degree].mean():14.3f}  {theory:6.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, help="how many (default 2)")
    parser.add_argument("--slurm", metavar="PARTITION", help="start workers as jobs of Slurm")
    parser.add_argument("--nodes", type=int, default=20_000, help="of a graph (default 20000)")
    parser.add_argument("--repetitions", type=int, default=5, help="graphs a degree (default 5)")
    parser.add_argument(
        "--folder", type=Path, default=Path("graph_results"), help="shared by all nodes"
    )
    options = parser.parse_args()
    (options.folder / "jobs").mkdir(parents=True, exist_ok=True)
    sweep(options.folder / "graphs.hdf5", options)
    report(options.folder / "graphs.hdf5")


if __name__ == "__main__":
    main()
