"""Processes that execute one task each, started as multiprocessing starts them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import time
from typing import Any, NamedTuple

from pypet.errors import WorkerDiedError
from pypet.interfaces import Activity, Outcome, Task, TaskFunction
from pypet.plugins._workers.outcomes import killed, unpack, unreadable
from pypet.plugins._workers.starting import end_processes, start_process
from pypet.plugins._workers.worker import STARTED, perform_one
from pypet.plugins._workers.workers import WAIT_SECONDS, Workers
from pypet.support.processes import MAIN_GUARD_ADVICE, deferred_interrupts, describe_exit

_numbers = itertools.count(1)


class _Active(NamedTuple):
    """A process and the run that it executes."""

    process: BaseProcess
    connection: Connection
    task: Task
    started: float


class SingleUseWorkers(Workers):
    """Starts a process for each task, at most ``ncores`` at once, as far as gates admit them."""

    def __init__(self, ncores: int, start_method: str, niceness: int | None) -> None:
        """``start_method`` is one that does not fork."""
        super().__init__(ncores, start_method, niceness)
        self._active: dict[int, _Active] = {}
        self._reports: dict[int, Outcome] = {}
        self._started: set[int] = set()
        """Sentinels of active processes that have got as far as to execute something."""
        self._any_started = False

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Execute tasks by ``execute``, which is pickled here, from now on.

        Raises
        ------
        Exception
            It cannot be pickled.
        """
        self._execute = execute.serialized() if isinstance(execute, TaskFunction) else execute

    def free_slots(self) -> int:
        """Return how many processes could be started now."""
        return max(0, self._ncores - len(self._active) - len(self._queue))

    def activity(self) -> Activity:
        """Return the runs whose processes are active."""
        return Activity(self._ncores, [each.task.index for each in self._active.values()])

    # ----- processes ------------------------------------------------------------------------

    def _busy(self) -> int:
        return len(self._active)

    def _dispatch(self) -> None:
        while self._queue and self._may_start(len(self._active)):
            self._start_process(self._queue.popleft())

    def _end(self) -> None:
        active, self._active = list(self._active.values()), {}
        self._reports.clear()
        self._started.clear()
        end_processes([each.process for each in active], at_once=True)
        for each in active:
            each.connection.close()

    def _start_process(self, task: Task) -> None:
        here, there = self._context.Pipe(duplex=False)
        process: BaseProcess = self._context.Process(
            target=perform_one,
            name=f"Process-{next(_numbers)}",
            args=(there, self._execute, task, self._niceness),
        )
        with deferred_interrupts():  # until it is known to `stop`
            try:
                start_process(process)
            except BaseException:
                here.close()
                raise
            finally:
                there.close()
            self._active[process.sentinel] = _Active(process, here, task, time())

    def _wait(self) -> None:
        waiting: list[Any] = list(self._active)
        waiting += [
            each.connection
            for sentinel, each in self._active.items()
            if sentinel not in self._reports
        ]
        if self.check is not None:
            self.check()
        ready = set(wait(waiting, WAIT_SECONDS))
        for sentinel, each in list(self._active.items()):
            ended = sentinel in ready
            if sentinel not in self._reports and (each.connection in ready or ended):
                self._receive(sentinel, each)
            if ended:
                self._collect(sentinel, each)

    def _receive(self, sentinel: int, each: _Active) -> None:
        """Take the report of a process; there is none if it died."""
        data = STARTED
        try:
            while data == STARTED:
                if not each.connection.poll():
                    return
                data = each.connection.recv_bytes()
                self._started.add(sentinel)
                self._any_started = True
        except (EOFError, OSError):
            return
        try:
            (self._reports[sentinel],) = unpack(data)
        except Exception as error:
            self._reports[sentinel] = unreadable(each.task.index, error)

    def _collect(self, sentinel: int, each: _Active) -> None:
        """Take leave of a process that has ended.

        Raises
        ------
        WorkerDiedError
            It failed to start, as all did so far: the others would do the same.
        """
        each.process.join()
        outcome = self._reports.pop(sentinel, None)
        pid, exit_code = each.process.pid, each.process.exitcode
        failed_to_start = exit_code == 1 and outcome is None and sentinel not in self._started
        self._started.discard(sentinel)
        del self._active[sentinel]
        each.connection.close()
        each.process.close()
        if failed_to_start and not self._any_started:
            raise WorkerDiedError(
                f"The process for run {each.task.index} (pid {pid}) could not start: it "
                f"{describe_exit(exit_code)}; no run was executed. What it wrote to stderr tells "
                f"why. {MAIN_GUARD_ADVICE}"
            )
        if outcome is None:
            outcome = killed(each.task.index, pid, exit_code, each.started)
            if failed_to_start and outcome.error is not None:
                outcome.error.add_note(f"pypet: {MAIN_GUARD_ADVICE}")
        self._arrived.append(outcome)
