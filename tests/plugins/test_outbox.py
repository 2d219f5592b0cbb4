"""Outcomes that a worker has not reported arrive although it executes a run without end."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.interfaces import Outcome, Task
from pypet.plugins._workers import worker_pool, worker_process
from pypet.plugins._workers.outbox import IS_AVAILABLE, Outbox
from pypet.plugins._workers.task_queue import BatchSizing
from pypet.plugins.pool import PoolScheduler
from pypet.plugins.process import ProcessScheduler
from tests.processes import DEADLINE_SECONDS, wait_until

pytestmark = pytest.mark.skipif(
    not IS_AVAILABLE, reason="this platform has no non-blocking pipes, so no outcome is gathered"
)

LONG = 6
RUNS = 20


# ----- the pipe ------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 40_000), st.sampled_from(["take", "report"]))))
def test_each_outcome_belongs_to_one_side(steps):
    outbox = Outbox()
    gathered, taken, reported = [], [], []

    def report():
        here = outbox.withdraw()
        reported.extend(gathered[here:])
        gathered.clear()
        outbox.note_report()

    for number, step in enumerate(steps):
        if step == "take":
            taken += [(held.number, bytes(held.data)) for held in outbox.take()]
        elif step == "report":
            report()
        else:
            gathered.append((number, bytes([number % 256]) * step))
            if not outbox.put(*gathered[-1]):
                report()
    report()
    assert outbox.take() == []
    expected = [
        (number, bytes([number % 256]) * step)
        for number, step in enumerate(steps)
        if type(step) is int
    ]
    assert sorted(taken + reported) == expected


def test_an_outcome_that_is_read_in_two_parts_is_left_to_the_report():
    outbox = Outbox()
    assert outbox.put(0, b"whole")
    assert outbox.put(1, bytes(100))
    size = outbox._written - 50  # some system might end a read there
    read, outbox._read = outbox._read, lambda _: read(size)
    assert [held.number for held in outbox.take()] == [0]
    outbox._read = read
    assert outbox.take() == []
    assert outbox.withdraw() == 1


# ----- workers -------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _workers_gather_all_that_they_can(monkeypatch):
    """Let batches be large however slow the machine is, and report them at the end only."""
    monkeypatch.setattr(BatchSizing, "batch_size", RUNS)
    for name in ("REPORT_SECONDS", "PATIENCE_SECONDS"):
        monkeypatch.setattr(worker_process, name, 1e9)


def wait_for_gate(folder):
    wait_until(lambda: (folder / "gate").exists())


def hold_interpreter_lock(folder):
    """Do the same in C, where no other thread of Python can do anything."""
    with open(folder / "fifo", "r+b", 0) as fifo:
        request = (ctypes.c_int * 2)(fifo.fileno(), select.POLLIN)
        ready = ctypes.PyDLL(None).poll(request, 1, 1000 * DEADLINE_SECONDS)
    assert ready == 1, "nobody has opened the gate"


def fork_and_wait(folder):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    wait_for_gate(folder)


def execute(task):
    folder, wait = task.args
    with open(folder / "executed", "a", encoding="utf-8") as file:
        file.write(f"{task.index}\n")
    error = None
    if task.index == LONG:
        try:
            wait(folder)
        except AssertionError as late:
            error = late
    return Outcome(task.index, None, 0.0, 1e-6, error)


def executed(folder):
    return sorted(map(int, (folder / "executed").read_text(encoding="utf-8").split()))


@pytest.fixture
def start():
    started = []

    def start(kind, ncores=1, method="fork"):
        options = {
            "ncores": ncores,
            "start_method": method,
            "niceness": None,
            "immediate_postproc": False,
        }
        scheduler = kind.from_options(options)
        started.append(scheduler)
        scheduler.start(execute)
        return scheduler

    yield start
    for scheduler in started:
        scheduler.stop()
        scheduler.wait_closed()


WAITS = [wait_for_gate, hold_interpreter_lock, fork_and_wait]


@pytest.mark.parametrize(
    ("kind", "wait"),
    [(PoolScheduler, wait) for wait in WAITS] + [(ProcessScheduler, wait_for_gate)],
    ids=["pool", "pool, C code", "pool, fork", "process"],
)
def test_short_runs_count_while_a_long_one_is_executed(start, tmp_path, kind, wait):
    os.mkfifo(tmp_path / "fifo")
    gate = os.open(tmp_path / "fifo", os.O_RDWR)
    scheduler = start(kind)
    scheduler.submit([Task(index, (tmp_path, wait)) for index in range(RUNS)])
    outcomes = []
    for outcome in scheduler.outcomes():
        outcomes.append(outcome)
        if len(outcomes) == LONG:
            (tmp_path / "gate").touch()
            os.write(gate, b"x")
    os.close(gate)
    assert [outcome.index for outcome in outcomes] == list(range(RUNS))
    assert [outcome.error for outcome in outcomes] == [None] * RUNS
    assert executed(tmp_path) == list(range(RUNS))


def kill_this_process(folder):
    os.kill(os.getpid(), signal.SIGKILL)


def test_short_runs_count_although_the_next_one_kills_their_worker(start, tmp_path):
    scheduler = start(PoolScheduler)
    scheduler.submit([Task(index, (tmp_path, kill_this_process)) for index in range(RUNS)])
    outcomes = list(scheduler.outcomes())
    assert sorted(outcome.index for outcome in outcomes) == list(range(RUNS))
    assert [outcome.index for outcome in outcomes if outcome.error] == [LONG]
    assert executed(tmp_path) == list(range(RUNS)), "a run was executed twice"


@pytest.mark.parametrize("kind", [PoolScheduler, ProcessScheduler], ids=["pool", "process"])
def test_each_run_counts_once_however_often_outboxes_are_read(start, tmp_path, kind, monkeypatch):
    monkeypatch.setattr(worker_pool, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(worker_pool, "WAIT_SECONDS", 0.0)
    scheduler = start(kind, ncores=2)
    runs = 2000 if kind is PoolScheduler else 60
    scheduler.submit([Task(index, (tmp_path, None)) for index in range(runs) if index != LONG])
    found = sorted(outcome.index for outcome in scheduler.outcomes())
    assert found == [index for index in range(runs) if index != LONG]
    assert executed(tmp_path) == found


@pytest.mark.skipif(sys.platform == "win32", reason="needs files of processes")
def test_spawned_workers_have_outboxes_too(start, tmp_path):
    scheduler = start(PoolScheduler, method="spawn")
    scheduler.submit([Task(index, (tmp_path, kill_this_process)) for index in range(RUNS)])
    outcomes = list(scheduler.outcomes())
    assert [outcome.index for outcome in outcomes if outcome.error] == [LONG]
    assert len(outcomes) == RUNS
