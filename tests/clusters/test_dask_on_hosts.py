"""Workers of Dask on hosts that fail."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack

import pytest

pytestmark = pytest.mark.timeout(280)

RUNS = 40
PATIENCE_SECONDS = 60
ADDRESS = "tcp://10.78.0.1:8786"

EXPERIMENT = f"""
import sys, time
from pathlib import Path
from pypet import Environment, load_trajectory

def work(traj, folder):
    Path(folder, f"begun-{{traj.x}}").touch()
    time.sleep(0.25)
    traj.f_add_result("z", 2 * traj.x)
    return traj.x

if __name__ == "__main__":
    folder = sys.argv[1]
    began = time.monotonic()
    env = Environment("t", filename=f"{{folder}}/t.hdf5", log_config=None, report_progress=False,
                      scheduler="dask", dask_address="{ADDRESS}", wrap_mode=sys.argv[2])
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({{"x": range({RUNS})}})
    results = env.run(work, folder)
    seconds = time.monotonic() - began
    traj = load_trajectory("t", filename=f"{{folder}}/t.hdf5", load_data=2)
    stored = list(traj.f_get_from_runs("z", fast_access=True).values())
    print(len(results), len(set(results)), stored == [2 * i for i in range({RUNS})], seconds)
"""


def cut_for_good(hosts, host):
    hosts.cut(host)


def cut_for_5_seconds(hosts, host):
    hosts.cut(host)
    time.sleep(5)
    hosts.mend(host)


def kill_all_processes(hosts, host):
    hosts.kill(host)


FAULTS = {
    cut_for_good: "cable of a host cut for good",
    cut_for_5_seconds: "cable of a host out for 5 s",
    kill_all_processes: "all processes of a host killed",
}


@pytest.fixture
def cluster(hosts, tmp_path):
    """A Dask scheduler on ``head`` with one worker on ``w1`` and one on ``w2``."""
    pytest.importorskip("distributed")
    environment = {
        "TMPDIR": str(tmp_path),
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "5s",
        "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s",
    }
    scheduler = ["distributed.cli.dask_scheduler", "--host", "10.78.0.1", "--port", "8786"]
    worker = ["distributed.cli.dask_worker", ADDRESS, "--nthreads", "1", "--no-dashboard"]
    commands = [[sys.executable, "-m", *scheduler, "--no-dashboard"]]
    commands += [hosts.on(host, sys.executable, "-m", *worker) for host in ("w1", "w2")]
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "log").open("w"))
        streams = {"stdout": log, "stderr": log}
        started = []
        try:
            for command in commands:
                process = hosts.popen(*command, cwd=tmp_path, env=environment, **streams)
                started.append(stack.enter_context(process))
            yield environment
        finally:
            for host in ("w1", "w2"):
                hosts.mend(host)
                hosts.kill(host)
            for process in started:
                process.kill()


@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        ("LOCAL", cut_for_good),
        ("LOCAL", cut_for_5_seconds),
        ("LOCAL", kill_all_processes),
        ("NETQUEUE", cut_for_good),
        ("NETLOCK", kill_all_processes),
    ],
)
def test_all_runs_are_done_once_whatever_happens_to_a_host(
    hosts, cluster, tmp_path, mode, fault, fault_row
):
    pytest.importorskip("h5py")
    if mode.startswith("NET"):
        pytest.importorskip("zmq")
    script = tmp_path / "experiment.py"
    script.write_text(EXPERIMENT)
    streams = dict.fromkeys(("stdout", "stderr"), -1)
    command = (sys.executable, script, tmp_path, mode)
    process = hosts.popen(*command, cwd=tmp_path, env=cluster, **streams)
    with process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(list(tmp_path.glob("begun-*"))) < 8:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        fault(hosts, "w1")
        try:
            out, err = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 0, err
    done, different, is_stored, seconds = out.split()
    assert int(done) == int(different) == RUNS
    assert is_stored == "True"
    fault_row(
        engine="Dask",
        mode=mode,
        fault=FAULTS[fault],
        runs=RUNS,
        done=int(done),
        lost=RUNS - int(different),
        doubled=int(done) - int(different),
        seconds=float(seconds),
    )
