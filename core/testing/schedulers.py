"""The conformance suite of schedulers.

Derive a class whose name starts with ``Test`` and give a fixture ``make_scheduler`` that makes
schedulers, not started, with options to be changed by keywords::

    class TestMine(SchedulerConformance):
        @pytest.fixture
        def make_scheduler(self):
            return lambda **options: MyScheduler({"ncores": 2, ..., **options})

Schedulers that start the processes of workers themselves derive `ProcessesConformance`. Tasks leave
files in a temporary folder, so workers have to be on this host.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pypet.errors import WorkerDiedError
from pypet.interfaces import AdmissionGate, Outcome, Scheduler, Task
from pypet.testing.leftovers import Leftovers, time_limit
from pypet.testing.scheduler_tasks import (
    Travelling,
    call_sys_exit,
    echo,
    executed_in,
    exit_at_three,
    fail_at_odd,
    fail_awkwardly,
    kill_itself_at_three,
    leave_a_file,
    print_much,
    return_a_generator,
    return_all_fields,
    square,
    wait_for_permission,
)

MakeScheduler = Callable[..., Scheduler]
Start = Callable[..., Scheduler]

MANY = 2000
"""How many runs of nothing show that tasks go in batches."""


class Closed(AdmissionGate):
    """Admits no process beside others."""

    name = "closed"

    def admits(self, active: int) -> bool:
        """Return False."""
        return False


def execute_all(scheduler: Scheduler, tasks: list[Task]) -> list[Outcome]:
    """Feed tasks and take outcomes as the run loop does."""
    outcomes: list[Outcome] = []
    waiting = list(tasks)
    while len(outcomes) < len(tasks):
        room = scheduler.free_slots()
        assert room >= 0, "the number of free slots is negative"
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


def _tasks(count: int, *args: Any) -> list[Task]:
    return [Task(index, args) for index in range(count)]


class SchedulerConformance:
    """What every scheduler does."""

    PATIENCE_SECONDS: ClassVar[float] = 60.0
    """What takes longer hangs. No test waits for so long unless something is wrong."""
    SOME: ClassVar[int] = 10
    """How many runs most tests have."""

    @pytest.fixture
    def make_scheduler(self) -> MakeScheduler:
        """Return a function that makes schedulers with two workers."""
        raise NotImplementedError("Give a fixture `make_scheduler` in the derived class.")

    @pytest.fixture(autouse=True)
    def _time_limit(self) -> Iterator[None]:
        with time_limit(self.PATIENCE_SECONDS):
            yield

    @pytest.fixture
    def start(self, make_scheduler: MakeScheduler) -> Iterator[Start]:
        """Return a function that makes and starts a scheduler; all are stopped."""
        made = []
        foreign = multiprocessing.active_children()

        def start(
            execute: Callable[[Task], Outcome],
            check: Callable[[], None] | None = None,
            gates: Sequence[AdmissionGate] = (),
            **options: Any,
        ) -> Scheduler:
            scheduler = make_scheduler(**options)
            made.append(scheduler)
            scheduler.check, scheduler.gates = check, gates
            scheduler.start(execute)
            return scheduler

        yield start
        for scheduler in made:
            scheduler.stop()
            scheduler.stop()
            scheduler.wait_closed()
        assert [each for each in multiprocessing.active_children() if each not in foreign] == []

    # ----- tasks and outcomes --------------------------------------------------------------

    def test_every_task_has_one_outcome(self, start: Start) -> None:
        scheduler = start(square)
        outcomes = execute_all(scheduler, _tasks(self.SOME))
        assert list(scheduler.outcomes()) == []
        assert sorted(outcome.index for outcome in outcomes) == list(range(self.SOME))

    def test_what_runs_return_arrives(self, start: Start) -> None:
        outcomes = execute_all(start(square), _tasks(self.SOME))
        for outcome in outcomes:
            assert outcome.value is not None, f"the value of run {outcome.index} is lost"
        values = {outcome.index: outcome.value[0] for outcome in outcomes}
        assert values == {index: index**2 for index in range(self.SOME)}

    def test_no_task_is_executed_twice(self, start: Start, tmp_path: Path) -> None:
        execute_all(start(leave_a_file), _tasks(self.SOME, tmp_path))
        assert executed_in(tmp_path) == list(range(self.SOME))

    def test_runs_execute_where_the_scheduler_says(self, start: Start) -> None:
        scheduler = start(square)
        outcomes = execute_all(scheduler, _tasks(4))
        here = {outcome.value[1] == os.getpid() for outcome in outcomes}
        assert here == {scheduler.in_process}

    def test_own_arguments_arrive(self, start: Start) -> None:
        tasks = [Task(index, (index, "a"), {"b": [index]}) for index in range(5)]
        outcomes = execute_all(start(echo), tasks)
        assert sorted((o.index, o.value) for o in outcomes) == [
            (index, ((index, "a"), {"b": [index]})) for index in range(5)
        ]

    @pytest.mark.parametrize("field", Outcome._fields)
    def test_every_field_of_an_outcome_arrives(self, start: Start, field: str) -> None:
        task = Task(8 if field == "value" else 7)  # a failed run returns nothing
        expected = return_all_fields(task)
        (outcome,) = execute_all(start(return_all_fields), [task])
        actual = getattr(outcome, field)
        assert type(actual) is type(getattr(expected, field))
        if field == "error":
            assert actual.args == ("refused", 7)
        else:
            assert actual == getattr(expected, field)

    def test_errors_of_runs_are_outcomes(self, start: Start) -> None:
        outcomes = execute_all(start(fail_at_odd), _tasks(6))
        errors = {o.index: o.error.args for o in outcomes if isinstance(o.error, ValueError)}
        assert errors == {1: ("odd", 1), 3: ("odd", 3), 5: ("odd", 5)}
        assert {o.index: o.value for o in outcomes if o.error is None} == {0: 0, 2: 2, 4: 4}

    def test_there_are_no_outcomes_without_tasks(self, start: Start) -> None:
        scheduler = start(square)
        assert scheduler.free_slots() > 0
        assert list(scheduler.outcomes()) == []

    def test_the_iterator_may_be_left_and_asked_for_again(self, start: Start) -> None:
        scheduler = start(square)
        submitted = [Task(0), Task(1)][: scheduler.free_slots()]
        scheduler.submit(submitted)
        seen = [next(scheduler.outcomes()).index]
        if scheduler.free_slots() and seen == [0]:
            submitted.append(Task(2))
            scheduler.submit(submitted[-1:])
        seen += [outcome.index for outcome in scheduler.outcomes()]
        assert sorted(seen) == [task.index for task in submitted]

    # ----- waiting -------------------------------------------------------------------------

    def test_as_many_tasks_are_accepted_as_there_are_free_slots(self, start: Start) -> None:
        scheduler = start(square)
        submitted = 0
        while submitted < 200 and (room := scheduler.free_slots()):
            assert room > 0
            tasks = [Task(submitted + i) for i in range(min(room, 200))]
            scheduler.submit(tasks)
            submitted += len(tasks)
        assert sorted(o.index for o in scheduler.outcomes()) == list(range(submitted))

    def test_slots_are_free_again_after_the_outcomes(self, start: Start) -> None:
        scheduler = start(square)
        for first in (0, 100, 200):
            tasks = [Task(first + i) for i in range(min(scheduler.free_slots(), 50))]
            assert tasks
            scheduler.submit(tasks)
            assert len(list(scheduler.outcomes())) == len(tasks)

    def test_submitting_does_not_wait_for_the_tasks(self, start: Start, tmp_path: Path) -> None:
        scheduler = start(wait_for_permission)
        permission = tmp_path / "go"
        scheduler.submit([Task(0, (permission, self.PATIENCE_SECONDS / 3))])
        permission.touch()
        assert [outcome.value for outcome in scheduler.outcomes()] == [True], "submit was waiting"

    def test_a_run_that_ends_is_reported_while_another_one_goes_on(
        self, start: Start, tmp_path: Path
    ) -> None:
        scheduler = start(wait_for_permission)
        if scheduler.in_process:
            pytest.skip("runs execute one after the other in the main process")
        gate, seconds = tmp_path / "go", self.PATIENCE_SECONDS / 3
        scheduler.submit([Task(0, (gate, seconds))])
        scheduler.submit([Task(1, (tmp_path, seconds))])
        outcomes = scheduler.outcomes()
        first = next(outcomes)
        gate.touch()
        (second,) = outcomes
        assert [first.index, second.index] == [1, 0]
        assert second.value, "run 1 was reported when run 0 had ended"

    def test_check_is_called_while_the_scheduler_waits(self, start: Start, tmp_path: Path) -> None:
        calls: list[float] = []
        gate = tmp_path / "go"

        def check() -> None:
            calls.append(time.monotonic())
            if len(calls) == 3:
                gate.touch()

        scheduler = start(wait_for_permission, check=check)
        if scheduler.in_process:
            pytest.skip("a scheduler in the main process does not wait")
        (outcome,) = execute_all(scheduler, [Task(0, (gate, self.PATIENCE_SECONDS / 3))])
        assert outcome.value, f"it was called {len(calls)} times"
        # Once a second is promised, on a machine that has nothing else to do.
        assert max(b - a for a, b in itertools.pairwise(calls)) < 5.0

    def test_activity_is_about_runs_that_go_on(self, start: Start, tmp_path: Path) -> None:
        scheduler = start(wait_for_permission)
        if scheduler.in_process or scheduler.activity() is None:
            pytest.skip("the scheduler does not say what its workers do")
        gate = tmp_path / "go"
        scheduler.submit([Task(index, (gate, self.PATIENCE_SECONDS / 3)) for index in (3, 4)])
        seen: set[int] = set()

        def check() -> None:
            activity = scheduler.activity()
            assert activity is not None
            assert activity.workers >= len(activity.running)
            seen.update(activity.running)
            if len(list(tmp_path.glob("go.begun*"))) == 2:
                gate.touch()

        scheduler.check = check
        assert all(outcome.value for outcome in scheduler.outcomes())
        assert seen <= {3, 4}
        activity = scheduler.activity()
        assert activity is not None
        assert not activity.running

    # ----- the function --------------------------------------------------------------------

    def test_the_function_can_be_replaced(self, start: Start) -> None:
        scheduler = start(square)
        if scheduler.workers_stay and not scheduler.accepts_new_work:
            pytest.skip("workers stay, and the scheduler declares that it accepts no new work")
        former = [Task(10)]  # has a worker at once
        scheduler.submit(former)
        scheduler.start(echo)
        rest = _tasks(2, "new")[: scheduler.free_slots()]
        scheduler.submit(rest)
        values = {outcome.index: outcome.value for outcome in scheduler.outcomes()}
        assert {task.index: values[task.index] for task in rest} == {
            task.index: (("new",), {}) for task in rest
        }
        assert [values[task.index][0] for task in former] == [t.index**2 for t in former]
        (outcome,) = execute_all(scheduler, _tasks(1, "newer"))
        assert outcome.value == (("newer",), {})

    def test_waiting_tasks_keep_the_function_that_they_were_submitted_with(
        self, start: Start
    ) -> None:
        scheduler = start(square)
        if scheduler.workers_stay and not scheduler.accepts_new_work:
            pytest.skip("workers stay, and the scheduler declares that it accepts no new work")
        former = _tasks(min(20, scheduler.free_slots()))  # more than there are workers
        scheduler.submit(former)
        scheduler.start(echo)
        values = {outcome.index: outcome.value for outcome in scheduler.outcomes()}
        assert {index: value[0] for index, value in values.items()} == {
            task.index: task.index**2 for task in former
        }

    def test_task_functions_travel_serialized_and_are_set_up(self, start: Start) -> None:
        function = Travelling()
        scheduler = start(function)
        if scheduler.in_process:
            pytest.skip("nothing travels to the main process")
        outcomes = execute_all(scheduler, _tasks(6))
        assert [outcome.error for outcome in outcomes] == [None] * 6
        for outcome in outcomes:
            assert outcome.value[0] == 1, f"start_worker was called {outcome.value[0]} times"
        if scheduler.workers_stay:
            assert all(outcome.value[1] for outcome in outcomes), "it was not serialized"

    def test_what_runs_deferred_is_stored_before_they_are_reported(self, start: Start) -> None:
        scheduler = start(Travelling())
        if scheduler.in_process or not scheduler.workers_stay:
            pytest.skip("only workers that stay defer anything")
        outcomes = execute_all(scheduler, _tasks(12))
        assert {outcome.payload for outcome in outcomes} == {"reported"}

    # ----- the end -------------------------------------------------------------------------

    def test_cancelled_tasks_are_counted_and_not_executed(
        self, start: Start, tmp_path: Path
    ) -> None:
        scheduler = start(leave_a_file)
        submitted = min(20, scheduler.free_slots())
        scheduler.submit(_tasks(submitted, tmp_path))
        cancelled = scheduler.cancel()
        assert 0 <= cancelled <= submitted
        outcomes = list(scheduler.outcomes())
        assert len(outcomes) == submitted - cancelled
        # What a scheduler gave up too late to count it is an error.
        completed = sorted(outcome.index for outcome in outcomes if outcome.error is None)
        assert executed_in(tmp_path) == completed

    def test_tasks_are_accepted_after_others_were_cancelled(self, start: Start) -> None:
        scheduler = start(square)
        scheduler.submit(_tasks(min(20, scheduler.free_slots())))
        scheduler.cancel()
        list(scheduler.outcomes())
        assert scheduler.free_slots() > 0
        assert [o.index for o in execute_all(scheduler, [Task(50)])] == [50]

    def test_stopping_gives_up_what_is_pending(self, start: Start) -> None:
        scheduler = start(square)
        scheduler.submit([Task(0)])
        scheduler.stop()
        with pytest.raises(RuntimeError, match="start"):
            next(scheduler.outcomes())

    def test_nothing_is_executed_after_the_stop(self, start: Start, tmp_path: Path) -> None:
        scheduler = start(leave_a_file)
        scheduler.submit(_tasks(min(200, scheduler.free_slots()), tmp_path))
        scheduler.stop()
        scheduler.wait_closed()
        executed = executed_in(tmp_path)
        time.sleep(0.2)
        assert executed_in(tmp_path) == executed

    def test_stop_does_not_hang(self, start: Start) -> None:
        scheduler = start(square)
        execute_all(scheduler, _tasks(4))
        before = time.monotonic()
        scheduler.stop()
        scheduler.stop()
        scheduler.wait_closed()
        assert time.monotonic() - before < self.PATIENCE_SECONDS / 2

    def test_no_process_is_left_behind(self, make_scheduler: MakeScheduler) -> None:
        left = Leftovers()
        self._execute_and_end(make_scheduler)
        left.assert_no_processes()

    def test_no_thread_is_left_behind(self, make_scheduler: MakeScheduler) -> None:
        left = Leftovers()
        self._execute_and_end(make_scheduler)
        left.assert_no_threads()

    def test_no_open_file_is_left_behind(self, make_scheduler: MakeScheduler) -> None:
        self._execute_and_end(make_scheduler)  # helpers that are started once come with files
        left = Leftovers()
        self._execute_and_end(make_scheduler)
        left.assert_no_files()

    def _execute_and_end(self, make_scheduler: MakeScheduler) -> None:
        scheduler = make_scheduler()
        scheduler.start(square)
        try:
            execute_all(scheduler, _tasks(4))
            scheduler.submit([Task(4)])
        finally:
            scheduler.stop()
            scheduler.wait_closed()


class ProcessesConformance(SchedulerConformance):
    """What schedulers with processes of their own do besides."""

    FEW: ClassVar[int] = 50
    """How many runs make a fair test where a process costs a while."""

    def test_many_runs_of_nothing(self, start: Start) -> None:
        outcomes = execute_all(start(square), _tasks(self.FEW))
        assert sorted(outcome.index for outcome in outcomes) == list(range(self.FEW))

    @pytest.mark.timeout(60)
    def test_workers_cost_nothing_before_there_are_tasks_for_them(self, start: Start) -> None:
        outcomes = execute_all(start(square, ncores=1_000_000), [Task(0), Task(1)])
        assert sorted(outcome.index for outcome in outcomes) == [0, 1]

    def test_an_exception_that_does_not_travel_arrives_readable(self, start: Start) -> None:
        (outcome,) = execute_all(start(fail_awkwardly), [Task(0)])
        assert outcome.error is not None
        assert "Awkward" in f"{type(outcome.error)} {outcome.error}"
        assert "1 and 2" in str(outcome.error)

    def test_a_value_that_does_not_travel_is_an_error_of_its_run(self, start: Start) -> None:
        outcomes = execute_all(start(return_a_generator), _tasks(4))
        errors = {o.index: o.error for o in outcomes if o.error is not None}
        assert list(errors) == [1]
        assert "generator" in str(errors[1])

    @pytest.mark.parametrize("execute", [kill_itself_at_three, exit_at_three])
    def test_a_worker_that_dies_costs_its_run_only(
        self, start: Start, execute: Callable[[Task], Outcome]
    ) -> None:
        outcomes = execute_all(start(execute), _tasks(8))
        errors = {o.index: o.error for o in outcomes if o.error is not None}
        assert list(errors) == [3]
        assert isinstance(errors[3], WorkerDiedError)
        assert "run 3" in str(errors[3]).lower()
        assert sorted(o.value for o in outcomes if o.error is None) == [0, 1, 2, 4, 5, 6, 7]

    def test_sys_exit_ends_the_run_only(self, start: Start) -> None:
        (outcome,) = execute_all(start(call_sys_exit), [Task(0)])
        assert outcome.index == 0
        assert isinstance(outcome.error, WorkerDiedError)

    def test_large_values_and_much_output(self, start: Start) -> None:
        outcomes = execute_all(start(print_much), _tasks(6))
        assert [len(outcome.value) for outcome in outcomes] == [1_000_000] * 6

    def test_large_arguments_arrive(self, start: Start) -> None:
        tasks = [Task(index, (bytes([index]) * 2_000_000,)) for index in range(4)]
        outcomes = execute_all(start(echo), tasks)
        assert {o.index: o.value[0] for o in outcomes} == {task.index: task.args for task in tasks}

    def test_gates_cannot_stop_an_experiment(self, start: Start) -> None:
        outcomes = execute_all(start(square, gates=[Closed({})]), _tasks(3))
        assert sorted(outcome.index for outcome in outcomes) == [0, 1, 2]

    def test_stop_ends_runs_that_go_on(self, start: Start, tmp_path: Path) -> None:
        left = Leftovers()
        scheduler = start(wait_for_permission)
        never = tmp_path / "never"
        scheduler.submit([Task(0, (never, 10 * self.PATIENCE_SECONDS))])
        gate = tmp_path / "never.begun0"

        def check() -> None:
            if gate.exists():
                raise InterruptedError

        scheduler.check = check
        with pytest.raises(InterruptedError):
            list(scheduler.outcomes())
        scheduler.stop()
        scheduler.wait_closed()
        left.assert_no_processes()

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
                execute_all(scheduler, _tasks(self.FEW))
        finally:
            scheduler.stop()
            scheduler.wait_closed()
        assert multiprocessing.active_children() == []
