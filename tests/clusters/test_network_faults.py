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

pytest.importorskip("zmq")
pytest.importorskip("h5py")

SCRIPT = Path(__file__).with_name("network_experiment.py")
ROOT = Path(__file__).parents[2]
RUNS = 40
PAUSE = 0.1
PATIENCE_SECONDS = 120
MODES = ("NETLOCK", "NETQUEUE")


class Experiment:
    """An experiment on hosts, and what became of it."""

    def __init__(self, hosts, folder, mode, timeout="none"):
        self.hosts = hosts
        self.folder = folder
        self._processes = [self._start(hosts.popen, "head", folder, mode, RUNS, timeout)]
        self.wait_for("task")
        self.url = (folder / "url").read_text()
        self.began = time.monotonic()

    def _start(self, popen, *arguments, on=None):
        command = [sys.executable, SCRIPT, *arguments]
        return popen(*(command if on is None else self.hosts.on(on, *command)))

    def work(self, host, name, first, step):
        arguments = ("worker", self.folder, name, first, step, PAUSE)
        self._processes.append(self._start(self.hosts.popen, *arguments, on=host))

    def wait_for(self, name):
        self.wait_until(lambda: (self.folder / name).exists(), name)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"no {what}: {sorted(self.folder.iterdir())}"
            time.sleep(0.05)

    def done(self, name):
        return [int(line) for line in self._lines(f"{name}.done")]

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


def report(request, experiment, fault):
    """Print a row of the table of faults."""
    stored = experiment.stored()
    with request.getfixturevalue("capsys").disabled():
        sys.stdout.write(
            f"\n{fault}: {len(stored)} of {RUNS} runs stored, none twice, "
            f"{experiment.seconds:.1f} s\n"
        )


@pytest.mark.parametrize("mode", MODES)
def test_workers_of_two_hosts_store_in_one_file(start, request, mode):
    experiment = start(mode)
    experiment.work("w1", "one", 0, 2)
    experiment.work("w2", "two", 1, 2)
    experiment.wait_for("one.ended")
    experiment.wait_for("two.ended")
    assert experiment.end() == {"error": "", "runs": []}
    assert experiment.stored() == list(range(RUNS))
    assert experiment.url.startswith("tcp://10.78.0.1:")
    report(request, experiment, f"{mode}, no fault")


@pytest.mark.parametrize("mode", MODES)
def test_a_cable_without_contact_for_five_seconds_costs_nothing(start, request, mode):
    experiment = start(mode)
    experiment.work("w1", "one", 0, 2)
    experiment.work("w2", "two", 1, 2)
    experiment.wait_until(lambda: len(experiment.done("one")) >= 5, "progress")
    experiment.hosts.cut("w1")
    time.sleep(5)
    experiment.hosts.mend("w1")
    experiment.wait_for("one.ended")
    experiment.wait_for("two.ended")
    assert experiment.end() == {"error": "", "runs": []}
    assert experiment.failed("one") == experiment.failed("two") == []
    assert experiment.stored() == list(range(RUNS))
    report(request, experiment, f"{mode}, cable cut for 5 s")


@pytest.mark.parametrize("mode", MODES)
def test_a_host_whose_cable_is_cut_for_good_costs_its_own_runs(start, request, mode):
    experiment = start(mode)
    experiment.work("w1", "one", 0, 2)
    experiment.work("w2", "two", 1, 2)
    experiment.wait_until(lambda: len(experiment.done("one")) >= 5, "progress")
    experiment.hosts.cut("w1")
    experiment.wait_for("two.ended")
    experiment.wait_until(lambda: experiment.failed("one"), "error on the host that is cut off")
    assert experiment.failed("two") == []
    experiment.hosts.kill("w1")
    assert experiment.end()["error"] == ""
    stored = experiment.stored()
    assert set(stored) >= {*experiment.done("one"), *range(1, RUNS, 2)}
    assert "out of reach for" in experiment.failed("one")[0]
    report(request, experiment, f"{mode}, cable cut for good")


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_that_is_killed_costs_its_own_runs(start, request, mode):
    experiment = start(mode)
    experiment.work("w1", "dies", 0, 2)
    experiment.work("w2", "two", 1, 2)
    experiment.wait_for("dies.pid")
    experiment.wait_for("two.ended")
    assert experiment.end() == {"error": "", "runs": []}
    assert experiment.failed("two") == []
    assert experiment.stored() == sorted([0, 2, *range(1, RUNS, 2)])
    report(request, experiment, f"{mode}, worker killed" + ", with the lock" * (mode == "NETLOCK"))


def test_a_stopped_owner_loses_the_lock_and_writes_nothing_then(start, request):
    experiment = start("NETLOCK", timeout="2.0")
    experiment.work("w1", "stops", 0, 2)
    experiment.work("w2", "two", 1, 2)
    experiment.wait_for("stops.pid")
    experiment.wait_for("two.ended")
    experiment.hosts.run("kill", "-CONT", (experiment.folder / "stops.pid").read_text())
    experiment.wait_for("stops.ended")
    assert experiment.end() == {"error": "", "runs": []}
    (told,) = experiment.failed("stops")
    assert told.startswith("4 LeaseLostError: The lock of the storage has passed")
    assert experiment.stored() == [run for run in range(RUNS) if run != 4]
    report(request, experiment, "NETLOCK, owner stopped for longer than its timeout")


@pytest.mark.parametrize("mode", MODES)
def test_the_death_of_the_server_is_told_and_the_file_opens(start, request, mode):
    experiment = start(mode)
    experiment.work("w1", "one", 0, 2)
    experiment.wait_until(lambda: len(experiment.done("one")) >= 10, "progress")
    experiment.kill_server()
    experiment.wait_until(lambda: experiment.failed("one"), "error")
    experiment.hosts.kill("w1")
    told = experiment.end()
    stored = set(experiment.stored())
    if mode == "NETQUEUE":
        assert "SIGKILL" in told["error"]
        assert len(stored) >= 1
    else:
        assert stored >= set(experiment.done("one"))
    assert stored <= set(range(0, RUNS, 2))
    report(request, experiment, f"{mode}, server killed")


FLOOD_SECONDS = {"NETQUEUE": 30, "NETLOCK": 5}
"""Both have one kind of socket: one of them is flooded for long."""
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
    start, request, mode, hosts, tmp_path_factory
):
    experiment = start(mode)
    victim = tmp_path_factory.mktemp("victim")
    seconds = FLOOD_SECONDS[mode]
    arguments = (ROOT, experiment.url, victim, seconds)
    experiment.work("w1", "one", 0, 2)
    attack = hosts.run(
        *hosts.on("w3", sys.executable, "-c", ATTACK, *arguments), seconds=PATIENCE_SECONDS
    )
    experiment.work("w2", "two", 1, 2)
    answers, connections = map(int, attack.stdout.split())
    experiment.wait_for("one.ended")
    experiment.wait_for("two.ended")
    assert experiment.end() == {"error": "", "runs": []}
    assert answers == 0
    assert list(victim.iterdir()) == []
    assert experiment.stored() == list(range(RUNS))
    what = f"{mode}, attacks and {connections} connections in {seconds} s from a host"
    report(request, experiment, what)
