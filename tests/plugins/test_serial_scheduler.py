"""The serial scheduler executes tasks lazily and in order."""

from __future__ import annotations

import pytest

from pypet.interfaces import Outcome, Task
from pypet.plugins.serial import SerialScheduler
from pypet.testing.schedulers import SchedulerConformance


@pytest.fixture
def executed():
    return []


@pytest.fixture
def scheduler(executed):
    def execute(task):
        executed.append(task.index)
        return Outcome(task.index, task.index**2, 0.0, 1.0)

    scheduler = SerialScheduler({})
    scheduler.start(execute)
    yield scheduler
    scheduler.stop()


def test_tasks_run_in_order_when_their_outcomes_are_asked_for(scheduler, executed):
    scheduler.submit([Task(2), Task(0), Task(1)])
    assert executed == []
    outcomes = scheduler.outcomes()
    assert next(outcomes).value == 4
    assert executed == [2]
    assert [outcome.index for outcome in outcomes] == [0, 1]


def test_there_is_room_only_when_nothing_is_pending(scheduler):
    assert scheduler.free_slots() > 1
    scheduler.submit([Task(0), Task(1)])
    outcomes = scheduler.outcomes()
    next(outcomes)
    assert scheduler.free_slots() == 0
    next(outcomes)
    assert scheduler.free_slots() > 1


def test_stop_gives_up_pending_tasks(scheduler, executed):
    scheduler.submit([Task(0), Task(1)])
    next(scheduler.outcomes())
    scheduler.stop()
    scheduler.stop()
    assert executed == [0]
    with pytest.raises(RuntimeError, match="start"):
        next(scheduler.outcomes())


def test_it_runs_in_the_main_process_and_raises_errors():
    assert SerialScheduler.in_process
    assert SerialScheduler.default_on_error == "raise"


class TestSerial(SchedulerConformance):
    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: SerialScheduler(options)
