"""The run loop: feeds tasks to a scheduler and takes outcomes from it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from pypet.environment.interruption import sigint_handling
from pypet.environment.job import Job
from pypet.environment.on_error import ErrorPolicy, describe_run
from pypet.environment.postprocessing import Results
from pypet.interfaces import Outcome, ProgressReporter, Scheduler, Task

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from pypet.environment.environment import Environment
    from pypet.manager import PluginManager

_logger = logging.getLogger("pypet")

BLOCK = 4096
BATCH_SECONDS = 0.2
"""How long outcomes are gathered before plugins are told about them."""


class RunLoop:
    """Executes the runs of one round; made anew for each."""

    def __init__(
        self,
        environment: Environment,
        manager: PluginManager,
        scheduler: Scheduler,
        job: Job,
        results: Results,
        progress: Sequence[ProgressReporter],
        policy: ErrorPolicy,
    ) -> None:
        self._environment = environment
        self._scheduler = scheduler
        self._job = job
        self._results = results
        self._progress = progress
        self._policy = policy
        self._tell_started = manager.listens("pypet_runs_started")
        self._manager = manager
        self._finished = OutcomeBatch(
            environment, manager.runs_finished if manager.listens("pypet_runs_finished") else None
        )
        self._failures: dict[int, int] = {}
        self._retries: list[Task] = []
        self._pending = 0
        self._tasks: dict[int, Task] = {}

    def execute(
        self, indices: np.ndarray[Any, np.dtype[np.int64]], run: Callable[[Task], Outcome]
    ) -> None:
        """Execute the runs of these indices and append what they return to the results.

        Stops early, without an error, after a signal that should end the experiment gracefully.

        Raises
        ------
        Exception
            A run raised and the policy says so, or an iterable of arguments is too short.
        """
        first = len(self._results)
        remaining = _each(indices)
        self._scheduler.start(run)
        try:
            self._feed(remaining)
            while self._pending:
                self._take_outcomes()
                if sigint_handling.hit and self._scheduler.in_process:
                    return
                self._feed(remaining)
        finally:
            self._scheduler.stop()
            self._finished.tell()
            # In place: post-processing and the caller of `run` hold the same list.
            self._results[first:] = sorted(self._results[first:], key=lambda pair: pair[0])

    def _feed(self, remaining: Iterator[int]) -> None:
        """Submit as many tasks as the scheduler takes, none after an interruption."""
        if sigint_handling.hit:
            return
        room = self._scheduler.room()
        tasks, self._retries = self._retries[:room], self._retries[room:]
        room -= len(tasks)
        if self._job.draws and self._scheduler.in_process:
            room = min(room, 1)  # generators may depend on the runs before
        tasks += map(self._job.task, islice(remaining, room))
        if not tasks:
            return
        if self._tell_started:
            self._manager.runs_started(self._environment, [task.index for task in tasks])
        if self._policy.retries:
            self._tasks.update((task.index, task) for task in tasks)
        self._scheduler.submit(tasks)
        self._pending += len(tasks)

    def _take_outcomes(self) -> None:
        """Take outcomes until there is room for further tasks."""
        for outcome in self._scheduler.outcomes():
            self._pending -= 1
            if outcome.error is None:
                self._results.append((outcome.index, outcome.value))
                if self._policy.retries:
                    self._tasks.pop(outcome.index, None)
                self._finished.add(outcome)
                for reporter in self._progress:
                    reporter.advance()
            else:
                self._failed(outcome, outcome.error)
            if sigint_handling.hit or self._scheduler.room():
                return

    def _failed(self, outcome: Outcome, error: BaseException) -> None:
        """Try a failed run again, raise its error, or go on without it."""
        self._finished.tell()
        if self._manager.listens("pypet_runs_failed"):
            self._manager.runs_failed(self._environment, [outcome])
        what = describe_run(self._environment.trajectory, outcome.index)
        times = self._failures.get(outcome.index, 0) + 1
        self._failures[outcome.index] = times
        if times <= self._policy.retries:
            _logger.warning("Attempt %d at %s failed, it is tried again: %r", times, what, error)
            self._retries.append(self._tasks[outcome.index])
            return
        for reporter in self._progress:
            reporter.advance(0, failed=1)
        _logger.error("Failed: %s", what, exc_info=error)
        if self._policy.raises:
            error.add_note(f"pypet: raised in {what}")
            raise error


def _each(indices: np.ndarray[Any, np.dtype[np.int64]]) -> Iterator[int]:
    """Yield plain numbers, a block at a time: a million at once would be large."""
    for start in range(0, len(indices), BLOCK):
        yield from indices[start : start + BLOCK].tolist()


class OutcomeBatch:
    """Gathers outcomes for listeners; does nothing without any."""

    def __init__(
        self,
        environment: Environment,
        listener: Callable[[Environment, Sequence[Outcome]], Any] | None,
    ) -> None:
        self._environment = environment
        self._listener = listener
        self._outcomes: list[Outcome] = []
        self._due = 0.0

    def add(self, outcome: Outcome) -> None:
        """Take an outcome, and tell if the first one has waited long enough."""
        if self._listener is None:
            return
        now = time.monotonic()
        if not self._outcomes:
            self._due = now + BATCH_SECONDS
        self._outcomes.append(outcome)
        if now >= self._due:
            self.tell()

    def tell(self) -> None:
        """Tell about what was gathered."""
        if self._outcomes and self._listener is not None:
            outcomes, self._outcomes = self._outcomes, []
            self._listener(self._environment, outcomes)
