"""What all processes of this machine that execute tasks have in common: a queue and a loop."""

from __future__ import annotations

import multiprocessing
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

from pypet.interfaces import Activity, AdmissionGate, Outcome, Task
from pypet.plugins._workers.starting import end_processes

WAIT_SECONDS = 0.5
"""The longest time between two looks at helpers and gates."""


class Workers(ABC):
    """Takes tasks, hands them to processes, and yields their outcomes.

    A scheduler delegates to it; see `pypet.interfaces.Scheduler` for what the methods mean.
    """

    def __init__(self, ncores: int, start_method: str, niceness: int | None) -> None:
        """Nothing is started yet."""
        self._ncores = ncores
        self._context: Any = multiprocessing.get_context(start_method)
        self._niceness = niceness
        self._execute: Callable[[Task], Outcome] | None = None
        self._queue: deque[Task] = deque()
        """Tasks that no process has."""
        self._ending: list[BaseProcess] = []
        """Processes that have nothing to do any more."""
        self._arrived: deque[Outcome] = deque()
        self.gates: Sequence[AdmissionGate] = ()
        """Those that may withhold a process; see `Scheduler.gates`."""
        self.check: Callable[[], None] | None = None

    @abstractmethod
    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Execute tasks by ``execute`` from now on."""

    @abstractmethod
    def free_slots(self) -> int:
        """Return how many tasks to submit so that processes do not run out of them."""

    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks and hand out as many of them as possible."""
        self._queue.extend(tasks)
        self._dispatch()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes as they arrive, until there are no tasks any more.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        WorkerDiedError
            Processes cannot be started or die without executing anything.
        """
        if self._execute is None:
            raise RuntimeError("The scheduler was not started; call `start` first.")
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if not self._queue and not self._busy():
                return
            self._dispatch()
            self._wait()

    @abstractmethod
    def activity(self) -> Activity:
        """Return the runs that are being executed."""

    def cancel(self) -> int:
        """Give up the tasks that no process has yet."""
        count = len(self._queue)
        self._queue.clear()
        return count

    def stop(self) -> None:
        """End all processes; those that execute a run are terminated."""
        self._queue.clear()
        self._arrived.clear()
        self._execute = None
        self._end()

    def wait_closed(self) -> None:
        """Wait until the processes that were told to end are gone."""
        ending, self._ending = self._ending, []
        end_processes(ending, at_once=False)

    @abstractmethod
    def _busy(self) -> int:
        """Return how many processes have tasks."""

    @abstractmethod
    def _dispatch(self) -> None:
        """Hand out tasks, to new processes if need be."""

    @abstractmethod
    def _wait(self) -> None:
        """Wait until a process reports or ends, at most for a moment; take what it tells."""

    @abstractmethod
    def _end(self) -> None:
        """End all processes."""

    def _may_start(self, active: int) -> bool:
        """Return whether another process may become active; the first one always may."""
        if active >= self._ncores:
            return False
        return not active or all(gate.admits(active) for gate in self.gates)
