"""The conformance suite of schedulers.

Derive a class whose name starts with ``Test`` and give a fixture ``make_scheduler`` that makes
schedulers, not started, with options to be changed by keywords::

    class TestMine(SchedulerConformance):
        @pytest.fixture
        def make_scheduler(self):
            return lambda **options: MyScheduler({"ncores": 2, ..., **options})
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pypet.errors import WorkerDiedError
from pypet.interfaces import Outcome, Scheduler, Task

MakeScheduler = Callable[..., Scheduler]

MANY = 2000


def square(task: Task) -> Outcome:
    """Return the square of the index, and the process that calculated it."""
    now = time.time()
    return Outcome(task.index, (task.index**2, os.getpid()), now, time.time())


def echo(task: Task) -> Outcome:
    """Return the arguments of the task."""
    return Outcome(task.index, (task.args, dict(task.kwargs)), 0.0, 1.0)


def fail_at_odd(task: Task) -> Outcome:
    """Fail in every other run."""
    if task.index % 2:
        return Outcome(task.index, None, 0.0, 1.0, ValueError("odd", task.index))
    return Outcome(task.index, task.index, 0.0, 1.0)


class Awkward(Exception):  # noqa: N818 - a name for messages
    """An exception that can be pickled but not unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def fail_awkwardly(task: Task) -> Outcome:
    """Fail with an exception that does not travel."""
    return Outcome(task.index, None, 0.0, 1.0, Awkward(1, 2))


def return_a_generator(task: Task) -> Outcome:
    """Return what cannot be pickled, in the run of index 1."""
    value = (i for i in range(3)) if task.index == 1 else task.index
    return Outcome(task.index, value, 0.0, 1.0)


def kill_itself_at_three(task: Task) -> Outcome:
    """Kill the process that executes run 3."""
    if task.index == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(task.index, task.index, 0.0, 1.0)


def exit_at_three(task: Task) -> Outcome:
    """End the process that executes run 3 without any cleaning up."""
    if task.index == 3:
        os._exit(7)
    return Outcome(task.index, task.index, 0.0, 1.0)


def call_sys_exit(task: Task) -> Outcome:
    """Do what `sys.exit` does."""
    raise SystemExit(5)


def print_much(task: Task) -> Outcome:
    """Print and return a megabyte."""
    text = "x" * 1_000_000
    print(text)  # noqa: T201 - that is the point
    return Outcome(task.index, text, 0.0, 1.0)


def execute_all(scheduler: Scheduler, tasks: list[Task]) -> list[Outcome]:
    """Feed tasks and take outcomes as the run loop does."""
    outcomes: list[Outcome] = []
    waiting = list(tasks)
    while len(outcomes) < len(tasks):
        room = scheduler.free_slots()
        now, waiting = waiting[:room], waiting[room:]
        if now:
            scheduler.submit(now)
        before = len(outcomes)
        for outcome in scheduler.outcomes():
            outcomes.append(outcome)
            if waiting and scheduler.free_slots():
                break
        assert len(outcomes) > before, "tasks are pending, but there are no outcomes"
    return outcomes


class SchedulerConformance:
    """What every scheduler does."""

    @pytest.fixture
    def make_scheduler(self) -> MakeScheduler:
        """Return a function that makes schedulers with two workers."""
        raise NotImplementedError("Give a fixture `make_scheduler` in the derived class.")

    @pytest.fixture
    def start(self, make_scheduler: MakeScheduler) -> Iterator[Callable[..., Scheduler]]:
        """Return a function that makes and starts a scheduler; all are stopped."""
        made = []
        foreign = multiprocessing.active_children()

        def start(execute: Callable[[Task], Outcome], **options: Any) -> Scheduler:
            scheduler = make_scheduler(**options)
            made.append(scheduler)
            scheduler.start(execute)
            return scheduler

        yield start
        for scheduler in made:
            scheduler.stop()
            scheduler.stop()
            scheduler.wait_closed()
        assert [each for each in multiprocessing.active_children() if each not in foreign] == []

    def test_every_task_has_one_outcome(self, start: Callable[..., Scheduler]) -> None:
        scheduler = start(square)
        outcomes = execute_all(scheduler, [Task(index) for index in range(20)])
        values = {outcome.index: outcome.value[0] for outcome in outcomes}
        assert values == {index: index**2 for index in range(20)}
        assert len(outcomes) == 20

    def test_runs_execute_where_the_scheduler_says(self, start: Callable[..., Scheduler]) -> None:
        scheduler = start(square)
        outcomes = execute_all(scheduler, [Task(index) for index in range(4)])
        here = {outcome.value[1] == os.getpid() for outcome in outcomes}
        assert here == {scheduler.in_process}

    def test_own_arguments_arrive(self, start: Callable[..., Scheduler]) -> None:
        tasks = [Task(index, (index, "a"), {"b": [index]}) for index in range(5)]
        outcomes = execute_all(start(echo), tasks)
        assert sorted((o.index, o.value) for o in outcomes) == [
            (index, ((index, "a"), {"b": [index]})) for index in range(5)
        ]

    def test_there_are_no_outcomes_without_tasks(self, start: Callable[..., Scheduler]) -> None:
        scheduler = start(square)
        assert scheduler.free_slots() > 0
        assert list(scheduler.outcomes()) == []

    def test_the_iterator_may_be_left_and_asked_for_again(
        self, start: Callable[..., Scheduler]
    ) -> None:
        scheduler = start(square)
        scheduler.submit([Task(0), Task(1)][: scheduler.free_slots()])
        seen = {next(scheduler.outcomes()).index}
        if scheduler.free_slots() and seen == {0}:
            scheduler.submit([Task(2)])
        seen |= {outcome.index for outcome in scheduler.outcomes()}
        assert {0, 1} <= seen

    def test_errors_of_runs_are_outcomes(self, start: Callable[..., Scheduler]) -> None:
        outcomes = execute_all(start(fail_at_odd), [Task(index) for index in range(6)])
        errors = {o.index: o.error.args for o in outcomes if isinstance(o.error, ValueError)}
        assert errors == {1: ("odd", 1), 3: ("odd", 3), 5: ("odd", 5)}

    def test_stopping_gives_up_what_is_pending(self, start: Callable[..., Scheduler]) -> None:
        scheduler = start(square)
        scheduler.submit([Task(0)])
        scheduler.stop()
        with pytest.raises(RuntimeError, match="start"):
            next(scheduler.outcomes())


class ProcessesConformance(SchedulerConformance):
    """What schedulers with processes of their own do besides."""

    FEW = 50
    """How many runs make a fair test where a process costs a while."""

    def test_many_runs_of_nothing(self, start: Callable[..., Scheduler]) -> None:
        outcomes = execute_all(start(square), [Task(index) for index in range(self.FEW)])
        assert sorted(outcome.index for outcome in outcomes) == list(range(self.FEW))

    @pytest.mark.timeout(60)
    def test_workers_cost_nothing_before_there_are_tasks_for_them(
        self, start: Callable[..., Scheduler]
    ) -> None:
        outcomes = execute_all(start(square, ncores=1_000_000), [Task(0), Task(1)])
        assert sorted(outcome.index for outcome in outcomes) == [0, 1]

    def test_an_exception_that_does_not_travel_arrives_readable(
        self, start: Callable[..., Scheduler]
    ) -> None:
        (outcome,) = execute_all(start(fail_awkwardly), [Task(0)])
        assert "Awkward: 1 and 2" in str(outcome.error)
        assert "Awkward: 1 and 2" in str(outcome.error.__cause__)  # type: ignore[union-attr]

    def test_a_value_that_does_not_travel_is_an_error_of_its_run(
        self, start: Callable[..., Scheduler]
    ) -> None:
        outcomes = execute_all(start(return_a_generator), [Task(index) for index in range(4)])
        errors = {o.index: o.error for o in outcomes if o.error is not None}
        assert list(errors) == [1]
        assert "generator" in str(errors[1])

    @pytest.mark.parametrize(
        ("execute", "words"), [(kill_itself_at_three, "SIGKILL"), (exit_at_three, "exit code 7")]
    )
    def test_a_worker_that_dies_costs_its_run_only(
        self, start: Callable[..., Scheduler], execute: Callable[[Task], Outcome], words: str
    ) -> None:
        outcomes = execute_all(start(execute), [Task(index) for index in range(8)])
        errors = {o.index: o.error for o in outcomes if o.error is not None}
        assert list(errors) == [3]
        assert isinstance(errors[3], WorkerDiedError)
        assert "run 3" in str(errors[3])
        assert words in str(errors[3])
        assert sorted(o.value for o in outcomes if o.error is None) == [0, 1, 2, 4, 5, 6, 7]

    def test_sys_exit_ends_the_run_only(self, start: Callable[..., Scheduler]) -> None:
        (outcome,) = execute_all(start(call_sys_exit), [Task(0)])
        assert isinstance(outcome.error, WorkerDiedError)
        assert "SystemExit(5)" in str(outcome.error)

    def test_large_values_and_much_output(self, start: Callable[..., Scheduler]) -> None:
        outcomes = execute_all(start(print_much), [Task(index) for index in range(6)])
        assert [len(outcome.value) for outcome in outcomes] == [1_000_000] * 6

    def test_what_should_end_the_experiment_is_raised_while_waiting(
        self, make_scheduler: MakeScheduler
    ) -> None:
        def check() -> None:
            raise RuntimeError("the writer is gone")

        scheduler = make_scheduler()
        scheduler.check = check
        scheduler.start(square)
        try:
            with pytest.raises(RuntimeError, match="the writer is gone"):
                execute_all(scheduler, [Task(index) for index in range(self.FEW)])
        finally:
            scheduler.stop()
            scheduler.wait_closed()
        assert multiprocessing.active_children() == []
