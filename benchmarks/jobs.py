"""What is timed on both sides of a comparison: one job in a process of its own.

    python jobs.py JOB RUNS key=value ...

Uses what the established pypet and this one have in common, so that either can be given as the
interpreter. Prints one JSON object. Before the clock starts, a few runs of the same kind are
executed, so that neither side pays for imports.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack

import numpy as np

from pypet import Environment, load_trajectory

WARM_UP_RUNS = 8
COMPUTING_SECONDS = 0.05
ARRAY_LENGTH = 1_000_000
ENCRYPTION_TURNS = 5


def multiply(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="product")


def store_array(traj):
    """Store numbers that were drawn before: to draw them takes half as long as to store them."""
    traj.f_add_result("z", NUMBERS, comment="standard normal")


def compute(traj):
    """Keep a core busy for `COMPUTING_SECONDS`."""
    until = time.process_time() + COMPUTING_SECONDS
    while time.process_time() < until:
        pass
    traj.f_add_result("z", traj.x * traj.y, comment="product")


NUMBERS = np.random.RandomState(1).standard_normal(ARRAY_LENGTH)
FUNCTIONS = {"runs": multiply, "arrays": store_array, "compute": compute}


def execute(function, runs, folder, parameters=2, synced=False, **options):
    """Return the seconds of one experiment, and the file that it is stored in.

    ``synced`` includes the time until the file is on the disk.
    """
    os.makedirs(folder)
    filename = os.path.join(folder, "job.hdf5")
    settings = {"log_config": None, "report_progress": False, **options}
    env = Environment(trajectory="job", filename=filename, **settings)
    traj = env.trajectory
    traj.f_add_parameter("x", 1.0)
    traj.f_add_parameter("y", 1.0)
    for number in range(parameters - 2):
        traj.f_add_parameter(f"group{number % 10}.p{number}", float(number))
    traj.f_explore({"x": [float(run) for run in range(runs)], "y": [2.0] * runs})
    began = time.perf_counter()
    env.run(function)
    if synced:
        with open(filename, "rb") as file:
            os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    env.disable_logging()
    return seconds, filename


def run_job(kind, runs, folder, **options):
    function = FUNCTIONS[kind]
    execute(function, WARM_UP_RUNS, os.path.join(folder, "warm"), **options)
    seconds, filename = execute(function, runs, os.path.join(folder, "timed"), **options)
    return {"seconds": seconds, "bytes": os.path.getsize(filename)}


def memory_job(runs, folder, **options):
    """Return the peak memory of this process, which is the main one."""
    execute(multiply, runs, os.path.join(folder, "timed"), **options)
    unit = 1 if sys.platform == "darwin" else 1024
    return {"bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit}


def fork_job(runs, folder):
    """Return the seconds of as many processes that do nothing, forked from two like this one."""
    execute(multiply, WARM_UP_RUNS, os.path.join(folder, "warm"))
    began = time.perf_counter()
    forking = [_fork(lambda: _fork_one_by_one(runs // 2)) for _ in range(2)]
    for process in forking:
        os.waitpid(process, 0)
    return {"seconds": time.perf_counter() - began}


def dask_job(runs, folder):
    """Return the seconds of runs by Dask, stored, and of as many bare tasks that store nothing."""
    import dask.config
    from distributed import Client, LocalCluster

    nowhere = "127.0.0.1:0"
    with (
        dask.config.set({"temporary-directory": folder}),
        LocalCluster(2, threads_per_worker=1, dashboard_address=nowhere) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(2)
        options = {"scheduler": "dask", "dask_address": client, "wrap_mode": "LOCAL"}
        options["freeze_input"] = True
        execute(multiply, WARM_UP_RUNS, os.path.join(folder, "warm"), **options)
        seconds, _ = execute(multiply, runs, os.path.join(folder, "timed"), **options)
        client.gather([client.submit(_product, x, 2.0, pure=False) for x in range(WARM_UP_RUNS)])
        began = time.perf_counter()
        client.gather([client.submit(_product, x, 2.0, pure=False) for x in range(runs)])
        return {"seconds": seconds, "bare": time.perf_counter() - began}


def encryption_job(runs, folder, **options):
    """Return the seconds of runs that store arrays by NETQUEUE, and of the same in the clear.

    Nobody can switch encryption off; here sockets are not secured. Both take turns, so that a
    busy moment of the machine does not hit only one of them.
    """
    from unittest.mock import patch

    from pypet.wrap_modes._net.keys import ServerKey, WorkerKey

    def remain_plain(key, zmq, socket):
        pass

    options = {**options, "wrap_mode": "NETQUEUE", "start_method": "fork"}
    execute(store_array, WARM_UP_RUNS, os.path.join(folder, "warm"), **options)
    best = {"seconds": float("inf"), "plain": float("inf")}
    for turn in range(ENCRYPTION_TURNS):
        for figure in best:
            place = os.path.join(folder, f"{figure}{turn}")
            with ExitStack() as stack:
                if figure == "plain":
                    for key in (ServerKey, WorkerKey):
                        stack.enter_context(patch.object(key, "secure", remain_plain))
                seconds, _ = execute(store_array, runs, place, **options)
            best[figure] = min(best[figure], seconds)
            shutil.rmtree(place)
    return best


def _product(x, y):
    return x * y


def _fork_one_by_one(count):
    for _ in range(count):
        os.waitpid(_fork(lambda: None), 0)


def _fork(function):
    process = os.fork()
    if not process:
        function()
        os._exit(0)
    return process


def load_job(runs, folder):
    """Return the seconds to load everything, and one result of all runs with auto-loading."""
    seconds = {}
    for count, name in ((WARM_UP_RUNS, "warm"), (runs, "timed")):
        _, filename = execute(multiply, count, os.path.join(folder, name))
        began = time.perf_counter()
        traj = load_trajectory(name="job", filename=filename, load_data=2)
        seconds["load"] = time.perf_counter() - began
        if traj.f_get(f"results.runs.run_{count - 1:08d}.z").f_get() != 2.0 * (count - 1):
            raise SystemExit("Not what was stored.")
        traj = load_trajectory(name="job", filename=filename, load_parameters=2, load_results=1)
        began = time.perf_counter()
        found = traj.f_get_from_runs("z", fast_access=True, auto_load=True)
        seconds["collect"] = time.perf_counter() - began
        if len(found) != count:
            raise SystemExit(f"Found {len(found)} of {count} results.")
    return seconds


def main():
    kind, runs, *rest = sys.argv[1:]
    options = {key: json.loads(value) for key, _, value in (each.partition("=") for each in rest)}
    folder = tempfile.mkdtemp()
    here = os.getcwd()
    os.chdir(folder)
    try:
        if kind == "load":
            figures = load_job(int(runs), folder)
        elif kind == "dask":
            figures = dask_job(int(runs), folder)
        elif kind == "encryption":
            figures = encryption_job(int(runs), folder, **options)
        elif kind == "forks":
            figures = fork_job(int(runs), folder)
        elif kind == "memory":
            figures = memory_job(int(runs), folder, **options)
        else:
            figures = run_job(kind, int(runs), folder, **options)
    finally:
        os.chdir(here)
        shutil.rmtree(folder)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
