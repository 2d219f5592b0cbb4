"""Processes that execute one task each, started as multiprocessing starts them."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import time
from typing import Any, NamedTuple

from pypet.interfaces import Activity, AdmissionGate, Outcome, Task, Work
from pypet.plugins._workers.outcomes import killed, unpack, unreadable
from pypet.plugins._workers.starting import end_processes, start_process
from pypet.plugins._workers.worker import perform_one
from pypet.support.interrupts import without_interrupts

WAIT_SECONDS = 0.5
"""The longest time between two looks at helpers and gates."""

_numbers = itertools.count(1)


class _Active(NamedTuple):
    """A process and the run that it executes."""

    process: BaseProcess
    connection: Connection
    task: Task
    started: float


class SingleUseWorkers:
    """Starts a process for each task, at most ``ncores`` at once, as far as gates admit them."""

    def __init__(self, ncores: int, start_method: str, niceness: int | None) -> None:
        """``start_method`` is one that does not fork."""
        self._ncores = ncores
        self._context: Any = multiprocessing.get_context(start_method)
        self._niceness = niceness
        self._execute: Callable[[Task], Outcome] | None = None
        self._queue: deque[Task] = deque()
        self._active: dict[int, _Active] = {}
        self._reports: dict[int, Outcome] = {}
        self._arrived: deque[Outcome] = deque()
        self.gates: Sequence[AdmissionGate] = ()
        self.check: Callable[[], None] | None = None

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Execute tasks by ``execute``, which is pickled here, from now on.

        Raises
        ------
        Exception
            It cannot be pickled.
        """
        self._execute = execute.packed() if isinstance(execute, Work) else execute

    def room(self) -> int:
        """Return how many processes could be started now."""
        return max(0, self._ncores - len(self._active) - len(self._queue))

    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks and start as many of them as possible."""
        self._queue.extend(tasks)
        self._launch()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes in the order in which their processes end.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._execute is None:
            raise RuntimeError("The scheduler was not started; call `start` first.")
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if not (self._active or self._queue):
                return
            self._launch()
            self._wait()

    def activity(self) -> Activity:
        """Return the runs whose processes are active."""
        return Activity(self._ncores, [each.task.index for each in self._active.values()])

    def cancel(self) -> int:
        """Give up the tasks for which no process was started."""
        count = len(self._queue)
        self._queue.clear()
        return count

    def stop(self) -> None:
        """End all processes; those that execute a run are terminated."""
        self._queue.clear()
        self._arrived.clear()
        self._execute = None
        active, self._active = list(self._active.values()), {}
        self._reports.clear()
        end_processes([each.process for each in active], at_once=True)
        for each in active:
            each.connection.close()

    # ----- processes ------------------------------------------------------------------------

    def _launch(self) -> None:
        while self._queue and len(self._active) < self._ncores:
            count = len(self._active)
            if count and not all(gate.admits(count) for gate in self.gates):
                return
            self._start_process(self._queue.popleft())

    def _start_process(self, task: Task) -> None:
        here, there = self._context.Pipe(duplex=False)
        process: BaseProcess = self._context.Process(
            target=perform_one,
            name=f"Process-{next(_numbers)}",
            args=(there, self._execute, task, self._niceness),
        )
        with without_interrupts():  # until it is known to `stop`
            try:
                start_process(process)
            except BaseException:
                here.close()
                raise
            finally:
                there.close()
            self._active[process.sentinel] = _Active(process, here, task, time())

    def _wait(self) -> None:
        """Wait until a process reports or ends, at most for a moment."""
        waiting: list[Any] = list(self._active)
        waiting += [
            each.connection
            for sentinel, each in self._active.items()
            if sentinel not in self._reports
        ]
        ready = set(wait(waiting, WAIT_SECONDS))
        for sentinel, each in list(self._active.items()):
            ended = sentinel in ready
            if sentinel not in self._reports and (each.connection in ready or ended):
                self._receive(sentinel, each)
            if ended:
                self._collect(sentinel, each)
        if self.check is not None:
            self.check()

    def _receive(self, sentinel: int, each: _Active) -> None:
        """Take the report of a process; there is none if it died."""
        if not each.connection.poll():
            return
        try:
            data = each.connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            (self._reports[sentinel],) = unpack(data)
        except Exception as error:
            self._reports[sentinel] = unreadable(each.task.index, error)

    def _collect(self, sentinel: int, each: _Active) -> None:
        """Take leave of a process that has ended."""
        each.process.join()
        outcome = self._reports.pop(sentinel, None)
        if outcome is None:
            process = each.process
            outcome = killed(each.task.index, process.pid, process.exitcode, each.started)
        del self._active[sentinel]
        each.connection.close()
        each.process.close()
        self._arrived.append(outcome)
