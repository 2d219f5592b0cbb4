"""Executing tasks in a worker, whatever they do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from time import time
from typing import Any

from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.plugins._workers.ending import Ended
from pypet.plugins._workers.outcomes import ended_by_run, pack_pieces

Execute = Callable[[Task], Outcome]


class Perform(ABC):
    """How a worker executes its tasks."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    @abstractmethod
    def start(self) -> None:
        """Get ready, before the first task."""

    @abstractmethod
    def __call__(self, task: Task) -> Any:
        """Execute a task, whatever it does."""

    @abstractmethod
    def pack(self, done: Sequence[Any]) -> Sequence[bytes | memoryview]:
        """Return what calls returned in the form in which outcomes travel, in pieces."""


class InPlace(Perform):
    """Executes tasks in the worker itself."""

    def start(self) -> None:
        """Set up the work."""
        if isinstance(self._execute, TaskFunction):
            self._execute.start_worker()

    def __call__(self, task: Task) -> Outcome:
        """Execute a task."""
        return perform(self._execute, task)

    def pack(self, done: Sequence[Outcome]) -> Sequence[bytes | memoryview]:
        """Return outcomes in the form in which they travel."""
        if isinstance(self._execute, TaskFunction):
            done = self._execute.before_report(done)
        return pack_pieces(done)


def perform(execute: Execute, task: Task) -> Outcome:
    """Execute a task, whatever it does short of ending the process for good."""
    started = time()
    try:
        return execute(task)
    except Ended:
        raise
    except KeyboardInterrupt as interrupt:
        return Outcome(task.index, None, started, time(), interrupt, interrupted=True)
    except BaseException as error:
        return ended_by_run(task.index, error, started)


def perform_alone(execute: Execute, task: Task) -> Outcome:
    """Execute the only task of this process, or return why that is impossible."""
    started = time()
    try:
        # Not `isinstance`: what an abstract class remembers of it is dear just after a fork.
        start_worker = getattr(execute, "start_worker", None)
        if start_worker is not None:
            start_worker(task.index)
    except Exception as error:
        return Outcome(task.index, None, started, time(), error)
    return perform(execute, task)
