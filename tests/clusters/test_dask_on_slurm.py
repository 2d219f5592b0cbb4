"""Workers of Dask as jobs of a real Slurm."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest

from tests.long_tests import LONG

EXAMPLE = Path(__file__).parents[2] / "examples" / "cluster" / "dask_sweep.py"

pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module", autouse=True)
def _needs_packages():
    pytest.importorskip("h5py")
    pytest.importorskip("dask_jobqueue")


def test_the_example_runs_in_jobs_of_slurm(slurm, tmp_path):
    small = ("--nodes", "2000", "--repetitions", "2", "--workers", "2")
    done = slurm.run(
        sys.executable,
        EXAMPLE,
        *small,
        *("--slurm", "main", "--folder", tmp_path / "out"),
        seconds=150,
        cwd=tmp_path,
        env={"TMPDIR": str(tmp_path)},
    )
    rows = [line.split() for line in done.stdout.splitlines() if re.match(r" +\d", line)]
    assert len(rows) == 11
    assert all(
        abs(float(share) - float(theory)) < 0.1
        for degree, share, theory in rows
        if abs(float(degree) - 1) > 0.4
    )
    jobs = re.search("by the jobs (.*)", done.stdout).group(1).split(", ")
    assert all(job.isdigit() for job in jobs)
    for job in jobs:
        slurm.wait(job)  # they end with the script


CANCELLED = """
import os, subprocess, sys, time
from pathlib import Path
from dask_jobqueue import SLURMCluster
from pypet import Environment, load_trajectory

def work(traj, folder):
    mark = Path(folder, "cancelled")
    if traj.x == 3 and not mark.exists():
        mark.touch()
        subprocess.run(["scancel", os.environ["SLURM_JOB_ID"]], check=True)
        time.sleep(600)
    traj.f_add_result("z", 2 * traj.x)
    return traj.x

if __name__ == "__main__":
    folder = sys.argv[1]
    with SLURMCluster(queue="main", cores=1, processes=1, memory="1GB", log_directory=folder,
                      local_directory=folder) as cluster:
        cluster.scale(jobs=2)
        with Environment("t", filename=f"{folder}/t.hdf5", log_config=None, report_progress=False,
                         scheduler="dask", dask_address=cluster, wrap_mode="LOCAL") as env:
            env.traj.f_add_parameter("x", 0)
            env.traj.f_explore({"x": range(12)})
            results = env.run(work, folder)
    assert [index for index, _ in results] == list(range(12)), results
    traj = load_trajectory("t", filename=f"{folder}/t.hdf5", load_data=2)
    print(list(traj.f_get_from_runs("z", fast_access=True).values()))
"""


def test_runs_of_a_job_that_is_cancelled_are_executed_by_others(slurm, tmp_path):
    script = tmp_path / "cancelled.py"
    script.write_text(CANCELLED)
    environment = {"TMPDIR": str(tmp_path)}
    done = slurm.run(sys.executable, script, tmp_path, seconds=150, cwd=tmp_path, env=environment)
    assert (tmp_path / "cancelled").exists()
    assert done.stdout.splitlines()[-1] == str([2 * i for i in range(12)])


AT_WALLTIME = """
import os, subprocess, sys, time
from pathlib import Path
from dask_jobqueue import SLURMCluster
from pypet import Environment, load_trajectory

def work(traj, folder):
    job = os.environ["SLURM_JOB_ID"]
    if traj.x == 3:
        with open(Path(folder, "attempts"), "a") as file:
            file.write(f"{job}\\n")
        if not Path(folder, "met").exists():
            Path(folder, "met").touch()
            time.sleep(600)
    traj.f_add_result("job", job)
    return traj.x

if __name__ == "__main__":
    folder, *directives = sys.argv[1:]
    with SLURMCluster(queue="main", cores=1, processes=1, memory="1GB", walltime="00:00:10",
                      job_extra_directives=directives, log_directory=folder,
                      local_directory=folder) as cluster:
        cluster.adapt(minimum_jobs=1, maximum_jobs=2)
        with Environment("t", filename=f"{folder}/t.hdf5", log_config=None, report_progress=False,
                         scheduler="dask", dask_address=cluster, wrap_mode="NETQUEUE") as env:
            env.traj.f_add_parameter("x", 0)
            env.traj.f_explore({"x": range(12)})
            results = env.run(work, folder)
    assert [index for index, _ in results] == list(range(12)), results
    traj = load_trajectory("t", filename=f"{folder}/t.hdf5", load_data=2)
    print(traj.f_get("results.runs.run_00000003.job").f_get())
"""


@LONG
@pytest.mark.parametrize("directives", [(), ("--signal=TERM@30",), ("--signal=B:TERM@30",)])
def test_runs_of_a_job_that_meets_its_walltime_are_executed_by_others(
    slurm, tmp_path, directives, capsys
):
    pytest.importorskip("zmq")
    script = tmp_path / "walltime.py"
    script.write_text(AT_WALLTIME)
    environment = {"TMPDIR": str(tmp_path)}
    began = time.monotonic()
    done = slurm.run(
        *(sys.executable, script, tmp_path, *directives),
        seconds=240,
        cwd=tmp_path,
        env=environment,
    )
    first, *others = (tmp_path / "attempts").read_text().split()
    last = done.stdout.split()[-1]
    shown = slurm.run("scontrol", "--oneliner", "show", "job", first).stdout
    with capsys.disabled():
        seconds = time.monotonic() - began
        sys.stdout.write(f"\n{directives}: {slurm.state(first)} after {seconds:.0f} s in all\n")
    assert "TimeLimit=00:01:00" in shown  # Slurm knows whole minutes only
    if not directives:
        assert slurm.wait(first) == "TIMEOUT"
    assert others == [last]
    assert last != first
    assert list(tmp_path.glob(".pypet-*.key")) == []
