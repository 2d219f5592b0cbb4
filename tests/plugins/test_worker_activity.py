"""What schedulers tell of their workers: those that are about to begin a run are busy."""

from __future__ import annotations

import os

import pytest

from pypet.interfaces import Outcome, Task
from pypet.plugins._workers import task_queue, worker_pool
from pypet.plugins.pool import PoolScheduler
from pypet.plugins.process import ProcessScheduler

RUNS = 40


def execute(task):
    return Outcome(task.index, os.getpid(), 0.0, 1.0)  # long enough to be sent one by one


@pytest.mark.parametrize(
    ("kind", "method"),
    [(PoolScheduler, "fork"), (ProcessScheduler, "fork"), (ProcessScheduler, "spawn")],
    ids=["pool", "process", "process, spawn"],
)
def test_no_worker_is_idle_while_there_are_tasks(kind, method, monkeypatch):
    for module in (task_queue, worker_pool):
        monkeypatch.setattr(module, "WAIT_SECONDS", 0.0)  # to be asked as often as possible
    options = {"ncores": 2, "start_method": method, "niceness": None, "immediate_postproc": False}
    scheduler = kind.from_options(options)
    runs = 6 if method == "spawn" else RUNS
    seen = []
    ended = 0

    def look():
        if ended < runs // 3:
            seen.append(len(scheduler.activity().running))

    scheduler.check = look
    scheduler.start(execute)
    try:
        scheduler.submit([Task(index) for index in range(runs)])
        for _ in scheduler.outcomes():
            ended += 1
    finally:
        scheduler.stop()
        scheduler.wait_closed()
    assert ended == runs
    assert set(seen) == {2}
