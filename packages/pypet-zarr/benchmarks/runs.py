"""Trivial runs per second and MB/s of arrays, Zarr beside HDF5, in alternating processes.

python runs.py [RUNS] [ROUNDS] [FOLDER]
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from pypet import Environment, Trajectory, load_trajectory

PARALLEL = {"multiproc": True, "ncores": 2}
MODES = {
    "serial": {},
    "QUEUE": {**PARALLEL, "wrap_mode": "QUEUE", "force_wrap_mode": True},
    "direct": PARALLEL,
}
"""``direct``: workers store by themselves. HDF5 cannot do that, its wrap mode is QUEUE there."""
ARRAYS, MEGABYTES = 20, 8


def multiply(traj):
    """Execute a run."""
    traj.f_add_result("z", traj.x * traj.y, comment="product")


def experiment(service, mode, runs, folder):
    """Return the seconds that the runs of one experiment take; what they stored is checked."""
    filename = str(Path(folder) / f"{runs}.{service}")
    options = MODES[mode]
    if service == "hdf5" and mode != "serial":
        options = MODES["QUEUE"]
    with Environment(
        trajectory="job",
        filename=filename,
        storage_service=service,
        log_config=None,
        report_progress=False,
        **options,
    ) as env:
        traj = env.traj
        traj.f_add_parameter("x", 1.0)
        traj.f_add_parameter("y", 1.0)
        traj.f_explore({"x": [float(run) for run in range(runs)], "y": [2.0] * runs})
        began = time.perf_counter()
        env.run(multiply)
        seconds = time.perf_counter() - began
    loaded = load_trajectory("job", filename=filename, load_data=2)
    found = [loaded.f_get(f"results.runs.run_{run:08d}.z").f_get() for run in range(runs)]
    assert found == [2.0 * run for run in range(runs)]
    return seconds


def arrays(service, folder, count=ARRAYS):
    """Return the MB/s of storing arrays of 8 MB, and of loading them."""
    filename = str(Path(folder) / f"{count}.{service}")
    rng = np.random.default_rng(1)
    values = [rng.standard_normal(MEGABYTES << 17) for _ in range(count)]
    traj = Trajectory("arrays", filename=filename, storage_service=service)
    traj.f_store()
    began = time.perf_counter()
    with traj.v_storage_service.kept_open("arrays"):
        for number, value in enumerate(values):
            traj.f_store_item(traj.f_add_result(f"a{number}", value))
    stored = time.perf_counter()
    loaded = load_trajectory("arrays", filename=filename, load_data=2)
    ended = time.perf_counter()
    for number, value in enumerate(values):
        np.testing.assert_array_equal(loaded.f_get(f"results.a{number}").f_get(), value)
    total = count * MEGABYTES
    return total / (stored - began), total / (ended - stored)


def measured(*task):
    """Return the numbers that another process prints, after a few runs to warm up."""
    command = [sys.executable, __file__, "one", *map(str, task)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return list(map(float, output.stdout.split()))


def compared(rounds, *task):
    """Return the medians for HDF5 and Zarr, which take turns."""
    found = {"hdf5": [], "zarr": []}
    for _ in range(rounds):
        for service, numbers in found.items():
            numbers.append(measured(service, *task))
    return [[statistics.median(each) for each in zip(*found[name], strict=True)] for name in found]


def main(runs=2000, rounds=5, folder=None):
    """Print a line for each mode, and for arrays."""
    for mode in MODES:
        (hdf5,), (zarr,) = compared(rounds, mode, runs, folder or "")
        rates = f"HDF5 {runs / hdf5:.0f} runs/s, Zarr {runs / zarr:.0f}"
        print(f"{mode}: {rates}, {zarr / hdf5:.1f} times as long", flush=True)
    hdf5, zarr = compared(rounds, "arrays", 0, folder or "")
    for what, fast, slow in zip(("stored", "loaded"), zarr, hdf5, strict=True):
        print(f"{what}: HDF5 {slow:.0f} MB/s, Zarr {fast:.0f}, {fast / slow:.1f} times as fast")


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        service, mode, runs, *place = sys.argv[2:]
        with tempfile.TemporaryDirectory(dir=place[0] or None) as folder:
            if mode == "arrays":
                arrays(service, folder, 1)
                print(*arrays(service, folder))
            else:
                experiment(service, mode, 8, folder)
                print(experiment(service, mode, int(runs), folder))
    else:
        given = [int(each) if each.isdigit() else each for each in sys.argv[1:]]
        main(*given)
