"""Execute every run in a process of its own.

Where the platform can fork, runs inherit everything, so that nothing but what they return needs
to be picklable.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import time
from typing import Any, ClassVar, NamedTuple

from pypet.interfaces import Activity, Option, Outcome, Scheduler, Task, Work
from pypet.markers import hookimpl
from pypet.plugins._workers.outcomes import killed, unpack, unreadable
from pypet.plugins._workers.settling import OPTIONS, settle_processes
from pypet.plugins._workers.starting import end_processes, start_process
from pypet.plugins._workers.worker import perform_one

WAIT_SECONDS = 0.5
"""The longest time between two looks at helpers and gates."""

_numbers = itertools.count(1)


class _Active(NamedTuple):
    """A process and the run that it executes."""

    process: BaseProcess
    connection: Connection
    task: Task
    started: float


class ProcessScheduler(Scheduler):
    """Starts a process for each run, at most ``ncores`` at once, as far as gates admit them."""

    name: ClassVar[str] = "process"
    options: ClassVar[tuple[Option, ...]] = OPTIONS
    default_on_error: ClassVar[str] = "continue"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        settled = settle_processes(options, self.name)
        self._ncores: int = settled["ncores"]
        self._context: Any = multiprocessing.get_context(settled["start_method"])
        self._forks = settled["start_method"] == "fork"
        self._niceness: int | None = options["niceness"]
        self._execute: Callable[[Task], Outcome] | None = None
        self._queue: deque[Task] = deque()
        self._active: dict[int, _Active] = {}
        self._reports: dict[int, Outcome] = {}
        self._arrived: deque[Outcome] = deque()

    @classmethod
    def settle(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``ncores`` and ``start_method`` as they are in effect."""
        return settle_processes(options, cls.name)

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Execute tasks by ``execute`` from now on; without fork it is pickled here.

        Raises
        ------
        Exception
            It cannot be pickled and processes are not forked.
        """
        if isinstance(execute, Work) and not self._forks:
            execute = execute.packed()
        self._execute = execute

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
            raise RuntimeError("The process scheduler was not started; call `start` first.")
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if not (self._active or self._queue):
                return
            self._launch()
            self._wait()

    def activity(self) -> Activity | None:
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
        foreign = [here, *(each.connection for each in self._active.values())]
        process: BaseProcess = self._context.Process(
            target=perform_one,
            name=f"Process-{next(_numbers)}",
            args=(there, foreign if self._forks else (), self._execute, task, self._niceness),
        )
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


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the scheduler with a process for each run."""
    return [ProcessScheduler]
