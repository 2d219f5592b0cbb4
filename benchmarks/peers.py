"""One number a run, stored, read back and as a table: pypet, signac and joblib in one run.

    python benchmarks/peers.py --runs 2000

signac and joblib are installed into a virtual environment for that (the network is needed);
``--environment FOLDER`` keeps it. Each job is a process of its own that has done the same for two
runs before, so that no imports are timed. The three take turns, and of each the best of a few
repetitions counts. Beside the time that passes there is that of the processor, which does not
depend on what else the machine does.

- ``store``: execute and store runs that multiply two numbers, on one core;
- ``read``: read the products of all runs back;
- ``table``: make a frame of pandas with parameters and products, one row a run;
- ``file``: the same by `read_table`, which loads no trajectory before; the others do what they do
  for ``table``.

signac keeps each run in a folder with two JSON files, joblib computes in a loop of `Parallel` that
saves an array of numpy a run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REQUIREMENTS = ("signac>=2.2", "joblib>=1.4", "numpy>=1.26", "pandas>=2.2")
MEGA = 1e6
JOBS = ("store", "read", "table", "file")


# ----- pypet -------------------------------------------------------------------------------------


def simulate(traj: Any) -> None:
    """Store the product."""
    traj.f_add_result("z", traj.x * traj.y)


def pypet_store(folder: Path, runs: int) -> None:
    """Execute and store an experiment."""
    from pypet import Environment

    path = str(folder / "t.hdf5")
    with Environment("t", filename=path, log_config=None, report_progress=False) as env:
        env.traj.f_add_parameter("x", 0.0)
        env.traj.f_add_parameter("y", 2.0)
        env.traj.f_explore({"x": [float(run) for run in range(runs)]})
        env.run(simulate)


def pypet_read(folder: Path, runs: int) -> list[float]:
    """Read the products as nodes are loaded."""
    from pypet import load_trajectory

    traj = load_trajectory("t", filename=str(folder / "t.hdf5"), load_results=0)
    return list(traj.f_get_from_runs("z", fast_access=True, auto_load=True).values())


def pypet_table(folder: Path, runs: int) -> list[float]:
    """Make a frame."""
    from pypet import load_trajectory

    traj = load_trajectory("t", filename=str(folder / "t.hdf5"), load_results=0)
    return list(traj.f_to_dataframe("z", parameters="all")["z"])


def pypet_file(folder: Path, runs: int) -> list[float]:
    """Make a frame without loading a trajectory."""
    from pypet.tables import read_table

    table = read_table(folder / "t.hdf5", results="z", parameters="all")
    return list(table.to_dataframe()["z"])


# ----- signac ------------------------------------------------------------------------------------


def signac_store(folder: Path, runs: int) -> None:
    """Make a job a run, with the product in its document."""
    import signac

    project = signac.init_project(str(folder))
    for run in range(runs):
        job = project.open_job({"x": float(run), "y": 2.0})
        job.init()
        job.document["z"] = job.statepoint["x"] * job.statepoint["y"]


def signac_read(folder: Path, runs: int) -> list[float]:
    """Read the documents of all jobs."""
    import signac

    return [job.document["z"] for job in signac.get_project(str(folder))]


def signac_table(folder: Path, runs: int) -> list[float]:
    """Make a frame by signac's own method."""
    import signac

    return list(signac.get_project(str(folder)).to_dataframe()["doc.z"])


# ----- joblib ------------------------------------------------------------------------------------


def compute(folder: Path, run: int) -> None:
    """Save the product in a file of the run."""
    import numpy as np

    np.save(folder / f"{run}.npy", float(run) * 2.0)


def joblib_store(folder: Path, runs: int) -> None:
    """Compute in a loop of joblib."""
    from joblib import Parallel, delayed

    Parallel(n_jobs=1)(delayed(compute)(folder, run) for run in range(runs))


def joblib_read(folder: Path, runs: int) -> list[float]:
    """Read one file after the other."""
    import numpy as np

    return [np.load(folder / f"{run}.npy").item() for run in range(runs)]


def joblib_table(folder: Path, runs: int) -> list[float]:
    """Make a frame by hand."""
    import pandas as pd

    values = joblib_read(folder, runs)
    return list(
        pd.DataFrame({"x": [float(run) for run in range(runs)], "y": 2.0, "z": values})["z"]
    )


SIDES: dict[str, tuple[Callable[..., Any], ...]] = {
    "pypet": (pypet_store, pypet_read, pypet_table, pypet_file),
    "signac": (signac_store, signac_read, signac_table, signac_table),
    "joblib": (joblib_store, joblib_read, joblib_table, joblib_table),
}


def run_job(side: str, job: str, folder: Path, runs: int) -> None:
    """Run one job in this process, and print how many seconds it took."""
    with tempfile.TemporaryDirectory() as small:  # whatever is imported on first use is there then
        for function in SIDES[side]:
            function(Path(small), 2)
    function = SIDES[side][JOBS.index(job)]
    began, computed = time.perf_counter(), time.process_time()
    found = function(folder, runs)
    seconds = time.perf_counter() - began, time.process_time() - computed
    if found is not None and sorted(found) != [run * 2.0 for run in range(runs)]:
        raise SystemExit(f"{side} has found other values.")
    print(json.dumps(seconds))


# ----- taking turns ------------------------------------------------------------------------------


def peer_python(folder: Path) -> str:
    """Return the Python of an environment with signac and joblib, made if necessary."""
    from established import run

    python = folder / "bin" / "python"
    if not python.exists():
        print(f"Making {folder} with {', '.join(REQUIREMENTS)} ...", flush=True)
        run(sys.executable, "-m", "venv", str(folder))
        run(str(python), "-m", "pip", "install", "-q", *REQUIREMENTS)
    return str(python)


def measure(python: str, runs: int, repetitions: int) -> dict[str, dict[str, list[float]]]:
    """Return the least microseconds per run, passed and computed, of each job and side."""
    from established import run

    best = {job: {side: [float("inf")] * 2 for side in SIDES} for job in JOBS}
    for _ in range(repetitions):
        with tempfile.TemporaryDirectory() as name:
            for job in JOBS:
                for side in SIDES:
                    folder = Path(name, side)
                    folder.mkdir(exist_ok=True)
                    interpreter = sys.executable if side == "pypet" else python
                    command = [interpreter, __file__, "--job", side, job, str(folder), str(runs)]
                    seconds = json.loads(run(*command).splitlines()[-1])
                    figures = [each / runs * MEGA for each in seconds]
                    best[job][side] = list(map(min, best[job][side], figures))
    return best


def main() -> int:
    """Print the figures; return 1 unless the table is faster than that of signac."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--environment", type=Path, help="folder of the environment, kept")
    parser.add_argument("--job", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        side, job, folder, runs = options.job
        run_job(side, job, Path(folder), int(runs))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        python = peer_python(options.environment or Path(folder, "environment"))
        best = measure(python, options.runs, options.repetitions)
    for number, what in enumerate(("passed", "of the processor")):
        print(f"\n{options.runs} runs, us/run {what}")
        print(f"{'job':8}" + "".join(f"{side:>10}" for side in SIDES) + f"{'signac / pypet':>18}")
        for job, figures in best.items():
            columns = "".join(f"{value[number]:10.1f}" for value in figures.values())
            print(f"{job:8}{columns}{figures['signac'][number] / figures['pypet'][number]:18.2f}")
    is_good = all(best[job]["pypet"][1] < best[job]["signac"][1] for job in ("table", "file"))
    print(f"\ntables are faster than that of signac: {'ok' if is_good else 'MISSED'}")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
