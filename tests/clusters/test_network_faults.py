"""NETLOCK and NETQUEUE over several hosts, with cables that are cut, and with what dies or attacks.

After each fault all runs that could be done are done, none is there twice, what a worker was told
is stored is stored, and nothing hangs or is left.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from pypet import load_trajectory
from tests.long_tests import IS_LONG

pytest.importorskip("zmq")
pytest.importorskip("h5py")
pytestmark = pytest.mark.timeout(200)

SCRIPT = Path(__file__).with_name("network_experiment.py")
ROOT = Path(__file__).parents[2]
RUNS = 40
EVEN, ODD = range(0, RUNS, 2), range(1, RUNS, 2)
PAUSE = 0.1
PATIENCE_SECONDS = 120
MODES = ("NETLOCK", "NETQUEUE")


class Experiment:
    """An experiment on hosts, and what became of it."""

    def __init__(self, hosts, folder, mode, timeout="none"):
        self.hosts = hosts
        self.folder = folder
        self._processes = [self._start(hosts.popen, "head", folder, mode, RUNS, timeout)]
        self._names = []
        self._given = set()
        self.wait_for("task")
        self.url = (folder / "url").read_text()
        self.began = time.monotonic()

    def _start(self, popen, *arguments, on=None):
        command = [sys.executable, SCRIPT, *arguments]
        return popen(*(command if on is None else self.hosts.on(on, *command)))

    def work(self, host, name, runs, reconnect_seconds=12):
        what = ("worker", self.folder, name, json.dumps(list(runs)))
        arguments = (*what, PAUSE, reconnect_seconds)
        process = self._start(self.hosts.popen, *arguments, on=host)
        self._processes.append(process)
        self._names.append(name)
        self._given.update(runs)
        return process

    def wait_for(self, name):
        self.wait_until(lambda: (self.folder / name).exists(), name)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"no {what}: {sorted(self.folder.iterdir())}"
            time.sleep(0.05)

    def done(self, name):
        return [int(line) for line in self._lines(f"{name}.done")]

    def all_done(self):
        """Return the runs whose workers were told that they are stored."""
        return [run for name in self._names for run in self.done(name)]

    @property
    def given(self):
        """How many runs workers were to execute."""
        return len(self._given)

    def failed(self, name):
        return self._lines(f"{name}.failed")

    def _lines(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def kill_server(self):
        self.hosts.run("kill", "-9", (self.folder / "server").read_text())

    def end(self):
        """End the head; return what it told."""
        (self.folder / "end").touch()
        self.wait_for("told")
        self.seconds = time.monotonic() - self.began
        self.wait_until(lambda: not self.hosts.processes_naming(self.folder), "end of all")
        return json.loads((self.folder / "told").read_text())

    def stored(self):
        """Return the runs that are in the file, whose content is right."""
        filename = str(self.folder / "data.hdf5")
        traj = load_trajectory("hosts", filename=filename, load_data=2)
        found = traj.f_get_from_runs("z", fast_access=True)
        for name, values in found.items():
            assert values.tolist() == [int(name[-8:])] * 1000
        return sorted(int(name[-8:]) for name in found)

    def close(self):
        for process in self._processes:
            process.kill()
            process.wait()
        for host in ("w1", "w2", "w3"):
            self.hosts.mend(host)
            self.hosts.kill(host)


@pytest.fixture
def start(hosts, tmp_path):
    """A function that starts an experiment, which ends with the test."""
    begun = []

    def begin(mode, **options):
        begun.append(Experiment(hosts, tmp_path, mode, **options))
        return begun[0]

    yield begin
    for each in begun:
        each.close()


@pytest.fixture
def report(fault_row):
    """A function that puts a row into the table of faults."""

    def put(mode, fault, experiment, may_lose=False):
        stored, done = set(experiment.stored()), experiment.all_done()
        lost, doubled = set(done) - stored, len(done) - len(set(done))
        assert may_lose or not lost
        assert not doubled
        fault_row(
            engine="own workers",
            mode=mode,
            fault=fault,
            runs=experiment.given,
            done=len(stored),
            lost=len(lost),
            doubled=doubled,
            seconds=experiment.seconds,
        )

    return put


@pytest.mark.parametrize("mode", MODES)
def test_workers_of_two_hosts_store_in_one_file(start, report, mode):
    experiment = start(mode)
    experiment.work("w1", "one", EVEN)
    experiment.work("w2", "two", ODD)
    experiment.wait_for("one.ended")
    experiment.wait_for("two.ended")
    assert experiment.end() == {"error": "", "runs": []}
    assert experiment.stored() == list(range(RUNS))
    assert experiment.url.startswith("tcp://10.78.0.1:")
    report(mode, "none", experiment)


@pytest.mark.parametrize("mode", MODES)
def test_a_cable_without_contact_for_five_seconds_costs_nothing(start, report, mode):
    experiment = start(mode)
    experiment.work("w1", "one", EVEN)
    experiment.work("w2", "two", ODD)
    experiment.wait_until(lambda: len(experiment.done("one")) >= 5, "progress")
    experiment.hosts.cut("w1")
    time.sleep(5)
    experiment.hosts.mend("w1")
    experiment.wait_for("one.ended")
    experiment.wait_for("two.ended")
    assert experiment.end() == {"error": "", "runs": []}
    assert experiment.failed("one") == experiment.failed("two") == []
    assert experiment.stored() == list(range(RUNS))
    report(mode, "cable of a host out for 5 s", experiment)


@pytest.mark.parametrize("mode", MODES)
def test_a_host_whose_cable_is_cut_for_good_costs_its_own_runs(start, report, mode):
    experiment = start(mode)
    experiment.work("w1", "one", EVEN, reconnect_seconds=4)
    experiment.work("w2", "two", ODD)
    experiment.wait_until(lambda: len(experiment.done("one")) >= 5, "progress")
    experiment.hosts.cut("w1")
    experiment.wait_for("two.ended")
    experiment.wait_until(lambda: experiment.failed("one"), "error on the host that is cut off")
    assert experiment.failed("two") == []
    experiment.hosts.kill("w1")
    assert experiment.end()["error"] == ""
    stored = experiment.stored()
    assert set(stored) >= {*experiment.done("one"), *ODD}
    assert "out of reach for" in experiment.failed("one")[0]
    report(mode, "cable of a host cut for good", experiment)


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_that_is_killed_costs_its_own_runs(start, report, mode):
    experiment = start(mode)
    experiment.work("w1", "dies", EVEN)
    experiment.work("w2", "two", ODD)
    experiment.wait_for("dies.pid")
    experiment.wait_for("two.ended")
    assert experiment.end() == {"error": "", "runs": []}
    assert experiment.failed("two") == []
    assert experiment.stored() == sorted([0, 2, *ODD])
    with_lock = ", with the lock" if mode == "NETLOCK" else ""
    report(mode, f"worker killed{with_lock}", experiment)


def test_workers_killed_within_a_commit_leave_a_file_that_opens(start, report, capfd, caplog):
    experiment = start("NETLOCK")
    runs = range(12)
    torn = [
        experiment.work("w1", "torn-log", runs[0::3]),  # the redo log is half there
        experiment.work("w3", "torn-changes", runs[1::3]),  # it is, but carried out by half
    ]
    experiment.work("w2", "two", runs[2::3])
    for process in torn:
        assert process.wait(PATIENCE_SECONDS) != 0
    experiment.wait_for("two.ended")
    assert [*experiment.done("torn-log"), *experiment.done("torn-changes")] == [0, 3, 1, 4]
    assert experiment.stored() == [0, 1, 2, 3, 4, 5, 7, 8, 11]
    told = capfd.readouterr().err + caplog.text  # it may have been left to this process
    assert told.count("Finishing a commit to ") == 1
    missing = sorted(set(runs) - set(experiment.all_done()))
    experiment.work("w1", "again", missing)
    experiment.wait_for("again.ended")
    assert experiment.failed("two") == experiment.failed("again") == []
    assert experiment.end() == {"error": "", "runs": []}
    assert experiment.stored() == list(runs)
    report("NETLOCK", "two workers killed within a commit, runs given out again", experiment)


@pytest.mark.parametrize("mode", MODES)
def test_a_cable_that_delays_and_loses_packets_costs_nothing(start, report, mode):
    experiment = start(mode)
    with experiment.hosts.bad_cable("w1", delay=0.05, loss=0.1):
        experiment.work("w1", "one", EVEN[:6])
        experiment.work("w2", "two", ODD[:6])
        experiment.wait_for("one.ended")
        experiment.wait_for("two.ended")
    assert experiment.failed("one") == experiment.failed("two") == []
    assert experiment.end() == {"error": "", "runs": []}
    assert experiment.stored() == list(range(12))
    report(mode, "cable of a host delays by 50 ms and loses 10 %", experiment)


def test_a_stopped_owner_loses_the_lock_and_writes_nothing_then(start, report):
    experiment = start("NETLOCK", timeout="2.0")
    experiment.work("w1", "stops", EVEN)
    experiment.work("w2", "two", ODD)
    experiment.wait_for("stops.pid")
    experiment.wait_for("two.ended")
    experiment.hosts.run("kill", "-CONT", (experiment.folder / "stops.pid").read_text())
    experiment.wait_for("stops.ended")
    assert experiment.end() == {"error": "", "runs": []}
    (told,) = experiment.failed("stops")
    assert told.startswith("4 LeaseLostError: The lock of the storage has passed")
    assert experiment.stored() == [run for run in range(RUNS) if run != 4]
    report("NETLOCK", "owner of the lock stopped for longer than `timeout`", experiment)


@pytest.mark.parametrize("mode", MODES)
def test_the_death_of_the_server_is_told_and_the_file_opens(start, report, mode):
    experiment = start(mode)
    experiment.work("w1", "one", EVEN, reconnect_seconds=4)
    experiment.wait_until(lambda: len(experiment.done("one")) >= 10, "progress")
    experiment.kill_server()
    experiment.wait_until(lambda: experiment.failed("one"), "error")
    experiment.hosts.kill("w1")
    told = experiment.end()
    stored = set(experiment.stored())
    if mode == "NETQUEUE":
        assert "SIGKILL" in told["error"]
        assert len(stored) >= 1  # the writer had the others in memory
    assert stored <= set(EVEN)
    report(mode, "process of the server killed", experiment, may_lose=mode == "NETQUEUE")


FLOOD_SECONDS = {"NETQUEUE": 30 if IS_LONG else 5, "NETLOCK": 5}
"""Both have one kind of socket: one of them is flooded for long, where time does not matter."""
ATTACK = """
import socket, sys, time
sys.path.insert(0, sys.argv[1])
from tests.wrap_modes import attackers
url, folder, seconds = sys.argv[2], sys.argv[3], float(sys.argv[4])
answers = attackers.everything(url, folder)
host, _, port = url[len("tcp://"):].rpartition(":")
kept, number, until = [], 0, time.monotonic() + seconds
while time.monotonic() < until:
    try:
        kept.append(socket.create_connection((host, int(port)), 1))
        number += 1
    except OSError:
        kept.clear()
    if len(kept) > 800:
        kept.clear()
print(len(answers), number)
"""


@pytest.mark.parametrize("mode", MODES)
def test_attacks_from_another_host_get_no_answer_and_do_no_harm(
    start, report, mode, hosts, tmp_path_factory
):
    experiment = start(mode)
    victim = tmp_path_factory.mktemp("victim")
    seconds = FLOOD_SECONDS[mode]
    arguments = (ROOT, experiment.url, victim, seconds)
    experiment.work("w1", "one", EVEN)
    attack = hosts.run(
        *hosts.on("w3", sys.executable, "-c", ATTACK, *arguments), seconds=PATIENCE_SECONDS
    )
    experiment.work("w2", "two", ODD)
    answers, connections = map(int, attack.stdout.split())
    experiment.wait_for("one.ended")
    experiment.wait_for("two.ended")
    assert experiment.end() == {"error": "", "runs": []}
    assert answers == 0
    assert list(victim.iterdir()) == []
    assert experiment.stored() == list(range(RUNS))
    what = f"attacks and {connections} connections in {seconds} s from another host"
    report(mode, what, experiment)
