"""Broken schedulers; each differs from a sound one in one thing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any

from pypet.interfaces import Activity, Outcome, Task
from pypet.plugins._workers.worker_pool import WorkerPool
from pypet.plugins.pool import PoolScheduler
from pypet.plugins.serial import SerialScheduler
from pypet.testing.scheduler_tasks import Travelling
from tests.mutants.leaks import forgotten, leak_file, leak_process, leak_thread
from tests.mutants.mutant import Members, Mutant
from tests.mutants.small_scheduler import SmallScheduler

Patch = Callable[[type], Members]


def calls(**given: Callable[..., Any]) -> Patch:
    """Replace methods by functions that get the base class as their first argument."""

    def bound(base: type, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, *args, **kwargs: function(base, self, *args, **kwargs)

    return lambda base: {name: bound(base, function) for name, function in given.items()}


def attributes(**given: Any) -> Patch:
    """Replace attributes of the class."""
    return lambda base: given


def outcome(change: Callable[[Outcome], Outcome]) -> Patch:
    """Change each outcome when it arrives."""
    return calls(outcomes=lambda base, self: map(change, base.outcomes(self)))


def tasks(change: Callable[[list[Task]], list[Task]]) -> Patch:
    """Change tasks when they are submitted."""
    return calls(submit=lambda base, self, given: base.submit(self, change(list(given))))


def executed(change: Callable[[Any, Task], Outcome]) -> Patch:
    """Change how a task is executed."""

    def start(base: Any, self: Any, execute: Any) -> None:
        base.start(self, lambda task: change(execute, task))

    return calls(start=start)


def after_start(action: Callable[[], None]) -> Patch:
    """Do something whenever the scheduler starts."""
    return calls(start=lambda base, self, execute: (base.start(self, execute), action()))


def each_twice(base: Any, self: Any) -> Any:
    for each in base.outcomes(self):
        yield each
        yield each


def lose_rest(base: Any, self: Any) -> Any:
    pending, self._pending = self._pending, deque()
    while pending:
        execute, task = pending.popleft()
        yield execute(task)


def wait_when_submitting(base: Any, self: Any, given: Any) -> None:
    base.submit(self, given)
    wait(list(self.active))


def check_once(base: Any, self: Any) -> Any:
    self.check()
    self.check = None
    return base.outcomes(self)


def without_check(base: Any, self: Any) -> Any:
    self.check = None
    return base.outcomes(self)


def swallow_checks(base: Any, self: Any) -> Any:
    check = self.check

    def swallow() -> None:
        with suppress(Exception):
            check()

    self.check = swallow
    return base.outcomes(self)


def forget_active(base: Any, self: Any) -> None:
    for process, _ in self.active.values():
        forgotten(process)
    self.active.clear()
    base.stop(self)


def hang_once(base: Any, self: Any) -> None:
    base.stop(self)
    if not hasattr(self, "hung"):
        self.hung = True
        time.sleep(600)


def raise_death(base: Any, self: Any, task: Task) -> Outcome:
    raise base.died(self, task).error


def drop_death(base: Any, self: Any, connection: Any) -> Any:
    return (each for each in list(base.receive(self, connection)) if each.error is None)


def argue_with_next(given: list[Task]) -> list[Task]:
    arguments = [each.args for each in given[1:] + given[:1]]
    return [each._replace(args=args) for each, args in zip(given, arguments, strict=True)]


def keep_first(base: Any, self: Any, execute: Any) -> None:
    base.start(self, self.execute or execute)


def replace_for_waiting(base: Any, self: Any, execute: Any) -> None:
    base.start(self, execute)
    self.queue = deque((execute, task) for _, task in self.queue)


def replace_for_pending(base: Any, self: Any, execute: Any) -> None:
    base.start(self, execute)
    self._pending = deque((execute, task) for _, task in self._pending)


def cut(outcome: Outcome) -> Outcome:
    return outcome._replace(value=outcome.value[: 1 << 16])


class Unreported(Travelling):
    """Does not store before it reports."""

    def serialized(self, dumps: Any = None) -> Unreported:
        copy = Unreported()
        copy.is_serialized = True
        return copy

    def before_report(self, outcomes: Any) -> Any:
        return outcomes


def text_instead(each: Outcome) -> Outcome:
    return each if each.error is None else each._replace(error=RuntimeError(str(each.error)))


def admit_without_exception(base: Any, self: Any) -> bool:
    active = len(self.active)
    return active < self.ncores and all(gate.admits(active) for gate in self.gates)


def pack_or_die(base: Any, self: Any, outcome: Outcome) -> bytes:
    import pickle

    return pickle.dumps(outcome)


SMALL, SERIAL, POOL = SmallScheduler, SerialScheduler, PoolScheduler
TWICE = "test_no_task_is_executed_twice"
ONE_OUTCOME = "test_every_task_has_one_outcome"
VALUES = "test_what_runs_return_arrives"
ARGUMENTS = "test_own_arguments_arrive"
FIELD = "test_every_field_of_an_outcome_arrives[{}]"
CANCEL = "test_cancelled_tasks_are_counted_and_not_executed"
ERRORS = "test_errors_of_runs_are_outcomes"
CHECK = "test_check_is_called_while_the_scheduler_waits"
DEATH = "test_a_worker_that_dies_costs_its_run_only[exit_at_three]"
SLOTS = "test_as_many_tasks_are_accepted_as_there_are_free_slots"
WAITING = "test_waiting_tasks_keep_the_function_that_they_were_submitted_with"
TRAVEL = "test_task_functions_travel_serialized_and_are_set_up"

MUTANTS = [
    # ----- tasks and outcomes
    Mutant(
        "LosesResults",
        "all runs are reported completed, and what they returned is lost",
        SMALL,
        outcome(lambda each: each._replace(value=None)),
        VALUES,
    ),
    Mutant(
        "LosesResultsSerially",
        "the same in the main process",
        SERIAL,
        outcome(lambda each: each._replace(value=None)),
        VALUES,
    ),
    Mutant(
        "NeverExecutes",
        "reports runs that it did not execute",
        SERIAL,
        executed(lambda execute, task: Outcome(task.index, None, 0.0, 1.0)),
        TWICE,
    ),
    Mutant(
        "DropsLastTask",
        "the last one of several tasks is dropped",
        SMALL,
        tasks(lambda given: given[:-1] or given),
        ONE_OUTCOME,
    ),
    Mutant("ReportsTwice", "outcomes come twice", SERIAL, calls(outcomes=each_twice), ONE_OUTCOME),
    Mutant(
        "ExecutesTwice",
        "each task is executed twice",
        SMALL,
        executed(lambda execute, task: (execute(task), execute(task))[1]),
        TWICE,
    ),
    Mutant(
        "SubmitsTwice",
        "tasks are queued twice",
        POOL,
        tasks(lambda given: given * 2),
        TWICE,
    ),
    Mutant(
        "ShiftsIndices",
        "outcomes have the index of their neighbour",
        SMALL,
        outcome(lambda each: each._replace(index=each.index ^ 1)),
        VALUES,
    ),
    Mutant(
        "ForgetsKeywords",
        "keyword arguments are lost",
        SMALL,
        tasks(lambda given: [Task(each.index, each.args) for each in given]),
        ARGUMENTS,
    ),
    Mutant(
        "MixesArguments",
        "tasks get the arguments of the next one",
        SMALL,
        tasks(argue_with_next),
        ARGUMENTS,
    ),
    Mutant(
        "RepeatsArguments",
        "all tasks get the arguments of the first one",
        SERIAL,
        tasks(lambda given: [each._replace(args=given[0].args) for each in given]),
        ARGUMENTS,
    ),
    Mutant(
        "BeginsLate",
        "runs begin when they are reported",
        SMALL,
        outcome(lambda each: each._replace(started=time.time())),
        FIELD.format("started"),
    ),
    Mutant(
        "EndsLate",
        "runs end when they are reported",
        SMALL,
        outcome(lambda each: each._replace(finished=time.time())),
        FIELD.format("finished"),
    ),
    Mutant(
        "LosesPayload",
        "what the wrap mode collected is lost",
        SMALL,
        outcome(lambda each: each._replace(payload=None)),
        FIELD.format("payload"),
    ),
    Mutant(
        "IgnoresInterruption",
        "that a process was interrupted is lost",
        SMALL,
        outcome(lambda each: each._replace(interrupted=False)),
        FIELD.format("interrupted"),
    ),
    Mutant(
        "IgnoresRefusal",
        "that storing failed is lost",
        SMALL,
        outcome(lambda each: each._replace(is_refused=False)),
        FIELD.format("is_refused"),
    ),
    Mutant(
        "LosesErrors",
        "failed runs are reported completed",
        SMALL,
        outcome(lambda each: each._replace(error=None)),
        ERRORS,
    ),
    Mutant(
        "ReplacesErrors",
        "exceptions become others with the text",
        SMALL,
        outcome(text_instead),
        ERRORS,
    ),
    Mutant(
        "IsElsewhere",
        "claims that runs execute in other processes",
        SERIAL,
        attributes(in_process=False),
        "test_runs_execute_where_the_scheduler_says",
    ),
    Mutant(
        "LosesRest",
        "who leaves the iterator loses what is pending",
        SERIAL,
        calls(outcomes=lose_rest),
        "test_the_iterator_may_be_left_and_asked_for_again",
    ),
    Mutant(
        "CutsValues",
        "large values are cut",
        SMALL,
        outcome(cut),
        "test_large_values_and_much_output",
    ),
    Mutant(
        "CutsArguments",
        "large arguments are lost",
        SMALL,
        tasks(
            lambda given: [
                each._replace(args=tuple(a[: 1 << 20] for a in each.args)) for each in given
            ]
        ),
        "test_large_arguments_arrive",
    ),
    # ----- waiting
    Mutant(
        "AcceptsTooMany",
        "has more free slots than tasks that it keeps",
        SMALL,
        lambda base: {
            "free_slots": lambda self: 100,
            "submit": lambda self, given: base.submit(self, given[:4]),  # type: ignore[attr-defined]
        },
        SLOTS,
    ),
    Mutant(
        "CountsBelowZero",
        "the number of free slots becomes negative",
        SMALL,
        calls(free_slots=lambda base, self: base.free_slots(self) or -1),
        SLOTS,
    ),
    Mutant(
        "NeverFree",
        "slots are never free again",
        SMALL,
        calls(
            submit=lambda base, self, given: (
                base.submit(self, given),
                setattr(self, "free_slots", lambda: 0),
            )
        ),
        "test_slots_are_free_again_after_the_outcomes",
    ),
    Mutant(
        "WaitsToSubmit",
        "submitting waits for the tasks",
        SMALL,
        calls(submit=wait_when_submitting),
        "test_submitting_does_not_wait_for_the_tasks",
    ),
    Mutant(
        "ReportsAtTheEnd",
        "outcomes come when all tasks have ended",
        SMALL,
        calls(outcomes=lambda base, self: iter(list(base.outcomes(self)))),
        "test_a_run_that_ends_is_reported_while_another_one_goes_on",
    ),
    Mutant("NeverChecks", "`check` is never called", SMALL, calls(outcomes=without_check), CHECK),
    Mutant("ChecksOnce", "`check` is called once only", SMALL, calls(outcomes=check_once), CHECK),
    Mutant(
        "IgnoresChecks",
        "what `check` raises is ignored",
        SMALL,
        calls(outcomes=swallow_checks),
        "test_what_should_end_the_experiment_is_raised_while_waiting",
    ),
    Mutant(
        "InventsActivity",
        "names runs that nobody submitted as active",
        SMALL,
        calls(activity=lambda base, self: Activity(2, [99])),
        "test_activity_is_about_runs_that_go_on",
    ),
    Mutant(
        "ObeysGates",
        "a gate that admits nothing stops everything",
        SMALL,
        calls(may_launch=admit_without_exception),
        "test_gates_cannot_stop_an_experiment",
    ),
    # ----- the function
    Mutant(
        "KeepsFunction",
        "goes on with the first function",
        SMALL,
        calls(start=keep_first),
        "test_the_function_can_be_replaced",
    ),
    Mutant(
        "ReplacesForWaiting",
        "waiting tasks get the function that comes after them",
        SMALL,
        calls(start=replace_for_waiting),
        WAITING,
    ),
    Mutant(
        "ReplacesForPending",
        "the same in the main process",
        SERIAL,
        calls(start=replace_for_pending),
        WAITING,
    ),
    Mutant(
        "SendsAsItIs",
        "the task function is not serialized",
        POOL,
        calls(start=lambda base, self, execute: WorkerPool.start(self, execute)),
        TRAVEL,
    ),
    Mutant(
        "LacksSetup", "workers are not set up", SMALL, calls(set_up=lambda *arguments: None), TRAVEL
    ),
    Mutant(
        "SetsUpTwice",
        "workers are set up twice",
        SMALL,
        calls(set_up=lambda base, self, *a: (base.set_up(self, *a), base.set_up(self, *a))),
        TRAVEL,
    ),
    Mutant(
        "LosesDeferred",
        "what runs deferred is not stored before they are reported",
        POOL,
        calls(start=lambda base, self, execute: base.start(self, Unreported())),
        "test_what_runs_deferred_is_stored_before_they_are_reported",
    ),
    # ----- faults
    Mutant(
        "OverlooksDeath", "a dead worker is not noticed", SMALL, calls(receive=drop_death), DEATH
    ),
    Mutant(
        "CompletesDeath",
        "the run of a dead worker is reported completed",
        SMALL,
        calls(died=lambda base, self, task: Outcome(task.index, None, 0.0, 0.0)),
        DEATH,
    ),
    Mutant("EndsByDeath", "a dead worker ends everything", SMALL, calls(died=raise_death), DEATH),
    Mutant(
        "TrustsValues",
        "a value that cannot be pickled kills its worker",
        SMALL,
        calls(pack=pack_or_die),
        "test_a_value_that_does_not_travel_is_an_error_of_its_run",
    ),
    Mutant(
        "TrustsErrors",
        "an exception that cannot be unpickled is one of the scheduler",
        SMALL,
        calls(pack=pack_or_die),
        "test_an_exception_that_does_not_travel_arrives_readable",
    ),
    # ----- the end
    Mutant(
        "CancelsNothing",
        "says that it cancelled what is executed nevertheless",
        SMALL,
        calls(cancel=lambda base, self: len(self.queue)),
        CANCEL,
    ),
    Mutant(
        "CancelsSilently",
        "does not say that tasks were cancelled",
        SERIAL,
        calls(cancel=lambda base, self: self._pending.clear() or 0),
        CANCEL,
    ),
    Mutant(
        "CountsActive",
        "counts active runs as cancelled",
        SMALL,
        calls(cancel=lambda base, self: base.cancel(self) + len(self.active)),
        CANCEL,
    ),
    Mutant(
        "IgnoresStop",
        "goes on after it was stopped",
        SERIAL,
        calls(stop=lambda base, self: None),
        "test_stopping_gives_up_what_is_pending",
    ),
    Mutant("HangsAtStop", "stop hangs", SMALL, calls(stop=hang_once), "test_stop_does_not_hang"),
    Mutant(
        "LeavesRuns",
        "stop leaves runs alone",
        SMALL,
        calls(stop=forget_active),
        "test_stop_ends_runs_that_go_on",
    ),
    Mutant(
        "LeavesProcess",
        "a helper stays",
        SMALL,
        after_start(leak_process),
        "test_no_process_is_left_behind",
    ),
    Mutant(
        "LeavesThread",
        "a thread stays",
        SERIAL,
        after_start(leak_thread),
        "test_no_thread_is_left_behind",
    ),
    Mutant(
        "LeavesFile",
        "a file stays open",
        SERIAL,
        after_start(leak_file),
        "test_no_open_file_is_left_behind",
    ),
]
