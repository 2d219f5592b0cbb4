"""How should a controller be tuned? A search that asks a sampler for its next points.

A tank of water is heated: ``T * dy/dt = -y + u(t - L)``, where y is the temperature, u the heating,
T = 10 the time constant and L = 2 the dead time. A controller has to bring y from 0 to 1 by
``u = K * (e + integral of e / Ti)`` with ``e = 1 - y``. Ziegler and Nichols (Transactions of the
ASME 64, 1942, p. 759) recommend K = 0.9 * T / L and Ti = L / 0.3. The search minimizes the time
integral of ``t * |e|``. Runs with gains so large that the loop is unstable fail.

    python examples/search.py
    python examples/search.py --sampler random --runs 100 --ncores 2

It may be interrupted or killed at any time, and goes on when it is started again: with as many
further runs as are missing. Start it with more ``--runs`` to search further.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory
from pypet.sampling import uniform

STEP, DURATION = 0.05, 60.0
"""In seconds."""


def control(traj: Trajectory) -> float:
    """Simulate the loop, and return how badly it is controlled."""
    delay = round(traj.dead_time / STEP)
    heating = [0.0] * (delay + 1)
    y = integral = cost = 0.0
    trace = []
    for step in range(int(DURATION / STEP)):
        error = 1 - y
        integral += error * STEP
        heating.append(traj.gain * (error + integral / traj.integral_time))
        y += STEP * (heating[-1 - delay] - y) / traj.time_constant
        if abs(y) > 100:
            raise OverflowError(f"the loop is unstable: y = {y:.3g} after {step * STEP} s")
        cost += step * STEP * abs(error) * STEP
        trace.append(y)
    traj.f_add_result("cost", cost, comment="Time integral of t * |e|")
    traj.f_add_result("trace", np.array(trace[::20]), comment="Temperature, once a second")
    return cost


def search(filename: Path, sampler: str, runs: int, ncores: int) -> Trajectory:
    """Search until there are so many runs, those of earlier starts included."""
    with Environment(
        trajectory=f"controller_{sampler}",
        filename=str(filename),
        on_existing="extend",
        seed=1,
        multiproc=ncores > 1,
        use_pool=ncores > 1,
        ncores=ncores,
        log_folder=str(filename.parent / "logs"),
    ) as env:
        traj = env.traj
        traj.f_add_parameter("time_constant", 10.0, comment="T, in seconds")
        traj.f_add_parameter("dead_time", 2.0, comment="L, in seconds")
        traj.f_add_parameter("gain", 4.5, comment="K")
        traj.f_add_parameter("integral_time", 2 / 0.3, comment="Ti, in seconds")
        traj.f_explore({"gain": [4.5], "integral_time": [2 / 0.3]})  # the recommended one first
        space = {"gain": uniform(0.1, 20, log=True), "integral_time": uniform(1, 100, log=True)}
        return env.search(control, sampler, "cost", space, max_runs=runs)


def report(traj: Trajectory) -> None:
    """Print what the search found."""
    costs = traj.f_get_from_runs("cost", use_indices=True, fast_access=True, auto_load=True)
    best = min(costs, key=lambda index: costs[index])
    failed = len(traj.f_get_run_errors())
    print(f"{len(traj)} runs in {traj.v_storage_service.filename}, {failed} of them unstable")
    for text, index in (("Ziegler and Nichols", 0), ("best", best)):
        traj.f_set_crun(index)
        print(
            f"{text:20} K = {traj.gain:6.3f}  Ti = {traj.integral_time:6.3f}  "
            f"cost = {costs[index]:8.3f}"
        )
    traj.f_restore_default()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sampler", default="optuna", help="optuna (default), random or sobol")
    parser.add_argument("--runs", type=int, default=40, help="runs in all (default 40)")
    parser.add_argument("--ncores", type=int, default=1, help="worker processes (default 1)")
    parser.add_argument(
        "--folder", type=Path, default=Path("controller_results"), help="where to put the results"
    )
    options = parser.parse_args()
    filename = options.folder / "controller.hdf5"
    report(search(filename, options.sampler, options.runs, options.ncores))


if __name__ == "__main__":
    main()
