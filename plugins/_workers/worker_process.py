"""What a worker process does: set itself up, execute tasks, report outcomes."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import takewhile
from multiprocessing.connection import Connection
from time import monotonic, time
from typing import Any, NamedTuple

from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.plugins._workers import pipe_io
from pypet.plugins._workers.lifetime import (
    EndRequested,
    end_on_request,
    end_with_main_process,
    ending_on_request,
    join_helpers,
    unblock_interrupts,
)
from pypet.plugins._workers.outbox import Outbox
from pypet.plugins._workers.outcomes import (
    exited_outcome,
    serialize,
    serialize_one,
    serialize_pieces,
)
from pypet.plugins._workers.task_lease import WorkerSlot
from pypet.plugins._workers.task_queue import PATIENCE_SECONDS
from pypet.support.optional import require

HEADER = struct.Struct("<iI")
"""Begins every report: the number of outcomes, and of tasks of the batch that are given back."""
READY = -1
FAILED_TO_START = -2
STARTED = b""
"""A process for one run sends this before it executes the run."""
IDLE = -1
"""`WorkerSlot.running` of a worker that executes no run."""
REPORT_SECONDS = 0.02
"""How long outcomes are gathered before they are reported. While the next run is executed they are
within reach of the main process, see `outbox`."""


# ----- executing tasks ----------------------------------------------------------------------


class TaskRunner(ABC):
    """Executes the tasks of a worker: in the worker itself, or in processes forked from it."""

    def __init__(self, function: TaskFunction) -> None:
        self._function = function

    @abstractmethod
    def start(self) -> None:
        """Set up the worker, before the first task."""

    @abstractmethod
    def __call__(self, task: Task) -> Any:
        """Execute a task, whatever its run does, and return its outcome or that in bytes."""

    @abstractmethod
    def serialize(self, done: Sequence[Any]) -> Sequence[bytes | memoryview]:
        """Return what calls returned in the form in which outcomes travel, in pieces."""

    @abstractmethod
    def detach(self, done: Any) -> bytes | None:
        """Return what a call returned as an outcome that needs nothing else of this process.

        None if there is no such outcome before everything is reported.
        """

    def forget(self, done: Sequence[Any]) -> None:
        """Drop what was deferred for these: their detached outcomes have arrived."""
        return


class InProcessRunner(TaskRunner):
    """Executes tasks in the worker itself."""

    def start(self) -> None:
        """Set up the task function."""
        self._function.start_worker()

    def __call__(self, task: Task) -> Outcome:
        """Execute a task."""
        return execute(self._function, task)

    def serialize(self, done: Sequence[Outcome]) -> Sequence[bytes | memoryview]:
        """Store what the task function has deferred, and serialize the outcomes."""
        return serialize_pieces(self._function.before_report(done))

    def detach(self, done: Outcome) -> bytes | None:
        """Serialize an outcome together with what the task function has deferred."""
        detached = self._function.detach(done)
        return None if detached is None else serialize_one(detached)

    def forget(self, done: Sequence[Outcome]) -> None:
        """Drop what the task function has deferred for these runs."""
        self._function.drop_deferred([outcome.index for outcome in done])


def execute(function: TaskFunction, task: Task) -> Outcome:
    """Execute a task; whatever its run raises becomes its outcome."""
    started = time()
    try:
        return function(task)
    except EndRequested:
        raise
    except KeyboardInterrupt as interrupt:
        return Outcome(task.index, None, started, time(), interrupt, interrupted=True)
    except BaseException as error:
        return exited_outcome(task.index, error, started)


def execute_alone(function: TaskFunction, task: Task) -> Outcome:
    """Execute the only task of this process; an error of its set-up becomes the outcome, too."""
    started = time()
    try:
        function.start_worker(task.index)
    except Exception as error:
        return Outcome(task.index, None, started, time(), error)
    return execute(function, task)


# ----- processes ----------------------------------------------------------------------------


class WorkerEnds(NamedTuple):
    """The ends of pipes that a worker gets; can be inherited, and pickled as an argument."""

    connection: Connection
    """To the main process."""
    foreign: Sequence[Connection]
    """Inherited ends of other pipes. While a worker keeps one open, the process at its other end
    cannot notice that its peer has died."""


def _set_up_process(niceness: int | None) -> None:
    """Set up signals and priority."""
    end_on_request()
    end_with_main_process()
    set_niceness(niceness)


def set_niceness(niceness: int | None) -> None:
    """Raise the nice value of this process to ``niceness``; never lower it.

    Errors are written to stderr and nothing else happens: a run matters more than its priority.
    """
    if niceness is None:
        return
    try:
        if hasattr(os, "nice"):
            current = os.nice(0)
            if current < niceness:
                os.nice(niceness - current)
        else:
            process = require("psutil", plugin="niceness", extra="monitor").Process()
            if process.nice() < niceness:
                process.nice(niceness)
    except Exception as error:
        sys.stderr.write(f"The nice value could not be set to {niceness}: {error!r}\n")


def run_single_task(
    connection: Connection, function: TaskFunction, task: Task, niceness: int | None
) -> None:
    """Be a process for one run: execute it and report the outcome."""
    with contextlib.suppress(BrokenPipeError), ending_on_request():
        _set_up_process(niceness)
        unblock_interrupts()
        connection.send_bytes(STARTED)
        connection.send_bytes(serialize([execute_alone(function, task)]))
        connection.close()


def serve(
    ends: WorkerEnds,
    slot: WorkerSlot,
    make_runner: type[TaskRunner],
    function: TaskFunction,
    niceness: int | None,
    inherited: Sequence[Task],
) -> None:
    """Be a worker of a pool: execute batches of tasks, ``inherited`` first, until asked to stop."""
    connection = ends.connection
    with contextlib.suppress(BrokenPipeError, EOFError), ending_on_request():
        _set_up_process(niceness)
        for each in ends.foreign:
            each.close()
        runner = make_runner(function)
        try:
            runner.start()
        except Exception:
            text = traceback.format_exc().encode("utf-8", "replace")
            pipe_io.send(connection, [HEADER.pack(FAILED_TO_START, 0), text])
            return
        finally:
            unblock_interrupts()
        pipe_io.send(connection, [HEADER.pack(READY, 0)])
        reports = _Reports(connection, slot.outbox, runner)
        if inherited:
            _execute_batch(reports, slot, runner, 0, inherited)
        while data := connection.recv_bytes():
            _execute_batch(reports, slot, runner, *pickle.loads(data))
        # The main process closes the storage when it gets this, so no thread of a run may store
        # afterwards. With daemon threads left it waits for the end of the process instead.
        if join_helpers():
            connection.send_bytes(b"")


class _Reports:
    """Gathers outcomes and sends them; meanwhile they are in the outbox, too."""

    def __init__(self, connection: Connection, outbox: Outbox, runner: TaskRunner) -> None:
        self._connection = connection
        self._outbox = outbox
        self._runner = runner
        self._gathered: list[Any] = []

    def add(self, done: Any) -> None:
        """Add what a call of the runner returned, for the next report."""
        self._gathered.append(done)

    def hold(self, number: int) -> bool:
        """Make what was added last, for the task of this number, available in the outbox.

        Returns False if that is not possible, so that everything has to be sent now.
        """
        detached = self._runner.detach(self._gathered[-1])
        return detached is not None and self._outbox.put(number, detached)

    def send(self, given_back: int = 0) -> None:
        """Report what the main process does not have yet, and how many tasks are given back."""
        gathered, self._gathered = self._gathered, []
        if taken := self._outbox.withdraw():
            self._runner.forget(gathered[:taken])
            gathered = gathered[taken:]
        if gathered or given_back:
            header = HEADER.pack(len(gathered), given_back)
            pipe_io.send(self._connection, [header, *self._runner.serialize(gathered)])


def _execute_batch(
    reports: _Reports, slot: WorkerSlot, runner: TaskRunner, first: int, tasks: Sequence[Task]
) -> None:
    """Execute tasks and report about them; give the rest back if they take too long.

    ``first`` is the number of the first task. Tasks that the main process revoked are skipped.
    """
    running, leases = slot.running, slot.leases
    begun = reported = monotonic()
    end = first + len(tasks)
    for number, task in enumerate(tasks, first):
        if not leases.acquire(number):
            break
        running.value = task.index
        reports.add(runner(task))
        running.value = IDLE
        now = monotonic()
        if now - begun > PATIENCE_SECONDS:
            # Only what this worker still has can be given back; the main process has the others.
            given_back = sum(1 for _ in takewhile(leases.acquire, range(number + 1, end)))
            reports.send(given_back)
            return
        # The last report of the batch follows at once.
        if number + 1 < end and (now - reported > REPORT_SECONDS or not reports.hold(number)):
            reports.send()
            reported = now
    reports.send()
