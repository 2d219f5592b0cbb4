"""A process for each run: inheritance, gates, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import time

import pytest

from pypet.interfaces import AdmissionGate, Outcome, Task
from pypet.plugins.process import ProcessScheduler
from pypet.testing.schedulers import ProcessesConformance, execute_all, square


def make_processes(**options):
    defaults = {"ncores": 2, "start_method": "fork", "niceness": None}
    return ProcessScheduler({**defaults, **options})


class TestForkedProcesses(ProcessesConformance):
    @pytest.fixture
    def make_scheduler(self):
        return make_processes


class TestSpawnedProcesses(ProcessesConformance):
    FEW = 4

    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: make_processes(start_method="spawn", **options)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork server")
class TestProcessesOfForkServer(TestSpawnedProcesses):
    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: make_processes(start_method="forkserver", **options)


@pytest.fixture
def run():
    made = []

    def run(execute, count, gates=(), **options):
        scheduler = make_processes(**options)
        scheduler.gates = gates
        made.append(scheduler)
        scheduler.start(execute)
        return execute_all(scheduler, [Task(index) for index in range(count)])

    yield run
    for scheduler in made:
        scheduler.stop()
    assert multiprocessing.active_children() == []


def test_every_run_has_its_process(run):
    assert len({outcome.value[1] for outcome in run(square, 10)}) == 10


def test_nothing_need_be_picklable_where_processes_are_forked(run):
    values = (i for i in (7,))
    (outcome,) = run(lambda task: Outcome(task.index, next(values), 0.0, 1.0), 1)
    assert outcome.value == 7


def when(task):
    started = time.monotonic()
    time.sleep(0.02)
    return Outcome(task.index, (started, time.monotonic()), 0.0, 1.0)


def most_at_once(outcomes):
    times = sorted(outcome.value for outcome in outcomes)
    return max(sum(a <= start < b for a, b in times) for start, _ in times)


def test_there_are_at_most_so_many_processes_as_cores(run):
    assert most_at_once(run(when, 12, ncores=3)) <= 3


class Closed(AdmissionGate):
    name = "closed"

    def __init__(self):
        self.asked = []

    def admits(self, active):
        self.asked.append(active)
        return False


@pytest.mark.timeout(60)
def test_one_process_always_starts_whatever_gates_say(run):
    gate = Closed()
    outcomes = run(when, 4, gates=(gate,), ncores=4)
    assert most_at_once(outcomes) == 1
    assert set(gate.asked) == {1}


def test_processes_of_a_stopped_scheduler_are_ended():
    scheduler = make_processes()
    scheduler.start(lambda task: time.sleep(60))
    scheduler.submit([Task(0), Task(1)])
    began = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - began < 10
    assert multiprocessing.active_children() == []


def test_cancelled_tasks_have_no_process(run):
    scheduler = make_processes(ncores=1)
    scheduler.start(lambda task: Outcome(task.index, os.getpid(), 0.0, 1.0))
    scheduler.submit([Task(0), Task(1)])
    assert scheduler.cancel() == 1
    assert [outcome.index for outcome in scheduler.outcomes()] == [0]
    scheduler.stop()
