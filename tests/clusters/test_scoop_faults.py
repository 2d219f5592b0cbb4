"""SCOOP over several hosts of which one fails, with each way to store."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pypet import load_trajectory
from tests.long_tests import LONG

pytest.importorskip("scoop")
pytest.importorskip("h5py")
pytest.importorskip("zmq")
pytestmark = pytest.mark.timeout(200)

ROOT = Path(__file__).parents[2]
HOSTS_FILE = ROOT / "examples" / "cluster" / "scoop_hosts"
SECONDS = 60
"""So long an experiment may take; it passes only if something hangs."""
RUNS = 20
WORKERS = 6
GATED = f'''
import json, os, socket, sys, time
from pathlib import Path
from pypet import Environment
from pypet.plugins.scoop import worker, worker_handle

MODE, IS_SHORT, IS_BEHIND_A_WALL = sys.argv[1], "short" in sys.argv, "wall" in sys.argv
if IS_SHORT:
    worker_handle.UNREACHABLE_SECONDS = 4
    worker.CONNECT_SECONDS = worker.LOST_SECONDS = 1
if IS_BEHIND_A_WALL:  # that swallows what comes to the ports of workers
    worker_handle.PortProbe._connect = lambda self: None


def wait(traj):
    """End when the gate is open; the first runs are held there, on one host with the lock."""
    host = socket.gethostname()
    Path("begun", str(traj.x)).touch()
    if MODE == "NETLOCK" and host == "w2" and not Path("gate").exists():
        traj.v_storage_service.acquire_lock()
        Path("locked").touch()
    while traj.x < {WORKERS} and not Path("gate").exists():
        time.sleep(0.02)
    if "torn" in sys.argv and host == "w1" and traj.x < {WORKERS}:
        tear_once()
    traj.f_add_result("z", traj.x)
    return host


def tear_once():
    """Let the first process that calls this be killed within its next commit to the file."""
    try:
        Path("torn").touch(exist_ok=False)
    except FileExistsError:
        return
    sys.path.insert(0, {str(ROOT)!r})
    from tests.clusters.network_experiment import tear

    tear("changes")


if __name__ == "__main__":
    with Environment("gated", filename="gated.hdf5", multiproc=True, use_scoop=True,
                     wrap_mode=MODE, report_progress=False) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({{"x": list(range({RUNS}))}})
        results = env.run(wait)
    hosts = sorted({{host for _, host in results}})
    told = {{"indices": [index for index, _ in results], "hosts": hosts}}
    Path("told").write_text(json.dumps(told))
'''
"""Runs 0 to 5 occupy the six workers until a file is there."""


class Gated:
    """An experiment whose six workers on three hosts are each in a run."""

    def __init__(self, hosts, folder, fault_row, mode, *options):
        self.hosts = hosts
        self.folder = folder
        self.mode = mode
        self._fault_row = fault_row
        shutil.copy(HOSTS_FILE, folder)
        (folder / "gated.py").write_text(GATED, encoding="utf8")
        (folder / "begun").mkdir()
        scoop = (sys.executable, "-m", "scoop", "--hostfile", "scoop_hosts", "-n", str(WORKERS))
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        self._process = hosts.popen(
            *scoop, "gated.py", mode, *options, cwd=folder, stderr=subprocess.STDOUT, **streams
        )

    def wait_for_workers(self):
        """Wait until all are in a run, for NETLOCK one of the host w2 with the lock."""
        wanted = WORKERS + (self.mode == "NETLOCK")
        folder = self.folder
        deadline = time.monotonic() + SECONDS
        while len([*(folder / "begun").iterdir(), *folder.glob("locked")]) < wanted:
            assert time.monotonic() < deadline
            assert self._process.poll() is None, self._process.stdout.read()
            time.sleep(0.05)
        self.began = time.monotonic()

    def finish(self, fault):
        """Open the gate; return the output, and from which hosts results came."""
        (self.folder / "gate").touch()
        output, _ = self._process.communicate(timeout=SECONDS)
        seconds = time.monotonic() - self.began
        traj = load_trajectory(filename=str(self.folder / "gated.hdf5"), load_data=2)
        assert traj.f_is_completed(), output
        told = json.loads((self.folder / "told").read_text())
        stored = traj.f_get_from_runs("z", fast_access=True)
        assert list(stored.values()) == list(range(RUNS))
        assert told["indices"] == list(range(RUNS))
        self._fault_row(
            engine="SCOOP",
            mode=self.mode,
            fault=fault,
            runs=RUNS,
            done=len(stored),
            lost=RUNS - len(stored),
            doubled=len(told["indices"]) - len(set(told["indices"])),
            seconds=seconds,
        )
        return output, told["hosts"]

    def check_nothing_is_left(self):
        deadline = time.monotonic() + SECONDS
        hosts = self.hosts
        while left := [
            *hosts.processes_naming("gated.py"),
            *hosts.processes("w1"),
            *hosts.processes("w2"),
        ]:
            assert time.monotonic() < deadline, left
            time.sleep(0.1)

    def close(self):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.communicate()
        for host in ("w1", "w2"):
            self.hosts.mend(host)
            self.hosts.kill(host)


@pytest.fixture
def start(hosts, tmp_path, fault_row):
    """A function that starts an experiment, which ends with the test."""
    begun = []

    def begin(*arguments):
        begun.append(Gated(hosts, tmp_path, fault_row, *arguments))
        begun[0].wait_for_workers()
        return begun[0]

    yield begin
    for each in begun:
        each.close()


@pytest.mark.parametrize("mode", ["LOCAL", pytest.param("NETQUEUE", marks=LONG)])
def test_all_processes_of_a_host_are_killed(start, mode):
    experiment = start(mode)
    experiment.hosts.kill("w2")
    output, hosts = experiment.finish("all processes of a host killed")
    assert output.count("on host w2 is gone") == 2
    assert hosts == ["head", "w1"]
    experiment.check_nothing_is_left()


def test_workers_are_killed_that_have_the_lock_or_are_within_a_commit(start):
    experiment = start("NETLOCK", "torn")
    experiment.hosts.kill("w2")
    output, hosts = experiment.finish(
        "all processes of a host killed, one has the lock, and later a worker within a commit"
    )
    assert output.count("on host w2 is gone") == 2
    assert output.count("on host w1 is gone") == 1
    assert hosts == ["head", "w1"]
    experiment.check_nothing_is_left()


@pytest.mark.parametrize(
    "mode", [pytest.param("LOCAL", marks=LONG), "NETLOCK", pytest.param("NETQUEUE", marks=LONG)]
)
def test_a_cable_is_out_for_five_seconds(start, mode):
    experiment = start(mode)
    experiment.hosts.cut("w2")
    time.sleep(5)  # the cable is out for so long, whatever else happens
    experiment.hosts.mend("w2")
    output, hosts = experiment.finish("cable of a host out for 5 s")
    assert "is gone" not in output
    assert hosts == ["head", "w1", "w2"]
    experiment.check_nothing_is_left()


@pytest.mark.parametrize(
    ("mode", "options"), [pytest.param("NETLOCK", (), marks=LONG), ("NETQUEUE", ("wall",))]
)
def test_a_cable_is_cut_for_good(start, mode, options):
    experiment = start(mode, "short", *options)
    experiment.hosts.cut("w2")
    wall = ", firewall before workers" if options else ""
    output, hosts = experiment.finish(f"cable of a host cut for good{wall}, given up after 4 s")
    assert output.count("on host w2 is gone") == 2
    assert hosts == ["head", "w1"]
    experiment.check_nothing_is_left()  # also on the host that nobody reaches
