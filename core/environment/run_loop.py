"""The run loop: feeds tasks to a scheduler and takes outcomes from it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic, time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pypet.environment.job import Job
from pypet.environment.pipeline import Results
from pypet.environment.reporting import FailureLog, describe_run
from pypet.environment.run_table_flusher import RunTableFlusher
from pypet.environment.shared_storage import SharedStorage
from pypet.environment.signals import sigint_handling, sigterm_handling
from pypet.errors import (
    NotStoredError,
    PluginError,
    RunSkippedError,
    RunTimeoutError,
    StorageLostError,
)
from pypet.interfaces import Outcome, ProgressReporter, Scheduler, Task
from pypet.options.checks import RAISE, RETRY_PREFIX
from pypet.runs import run_table_of
from pypet.services.failures import (
    MAX_CONSECUTIVE_FAILURES,
    MAX_FINAL_FAILURES,
    is_storage_failure,
)
from pypet.support.collections import result_sort
from pypet.support.tracebacks import RAISED_IN

if TYPE_CHECKING:
    from pypet.environment.due_runs import Indices
    from pypet.environment.environment import Environment
    from pypet.manager import PluginManager


BATCH_SECONDS = 0.2
"""Time for which outcomes are collected before plugins are notified."""

_logger = logging.getLogger("pypet")


class RunSupply(Protocol):
    """Adds runs to the trajectory while others are executed, and learns how they end."""

    def draw(self, free: int, active: int, workers: int) -> Sequence[int]:
        """Return indices of new runs, at most ``free``; none while none is active is the end.

        ``active`` runs have not ended yet. There are ``workers`` that execute them.
        """
        ...

    def task(self, index: int) -> Task: ...
    def completed(self, outcome: Outcome) -> None:
        """Called with the outcome of a run that completed."""
        ...

    def failed(self, index: int) -> None:
        """Called after the last attempt at a run has failed."""
        ...


class RunLoop:
    """Executes the runs of one pass; one is created for each pass.

    Parameters
    ----------
    storage
        Shares the storage with other processes, None if runs are executed here.
    refill
        Called when the last run was submitted; it may return the indices of more.
    record_started
        Called with the indices of runs before they are submitted.
    decode
        Decodes the values of outcomes from other processes.
    supply
        Adds runs whenever the scheduler has free slots.
    """

    def __init__(
        self,
        environment: Environment,
        manager: PluginManager,
        scheduler: Scheduler,
        job: Job,
        results: Results,
        progress: Sequence[ProgressReporter],
        policy: ErrorPolicy,
        flusher: RunTableFlusher,
        failures: FailureLog,
        storage: SharedStorage | None = None,
        refill: Callable[[], Indices | None] | None = None,
        record_started: Callable[[Sequence[int]], None] | None = None,
        decode: Callable[[Any], Any] | None = None,
        supply: RunSupply | None = None,
    ) -> None:
        self._environment = environment
        self._supply = supply
        self._make_task = job.task if supply is None else supply.task
        self._runs = run_table_of(environment.trajectory)
        self._hexsha = environment.hexsha
        self._scheduler = scheduler
        self._job = job
        self._results = results
        self._progress = progress
        self._policy = policy
        self._flusher = flusher
        self._failure_log = failures
        self._refusals = 0
        self._refusal: BaseException | None = None
        self._storage = storage
        self._refill = refill
        self._record_started = record_started
        self._decode = decode
        self._notifies_started = manager.listens("pypet_runs_started")
        self._manager = manager
        self._finished = OutcomeBatch(
            environment, manager.runs_finished if manager.listens("pypet_runs_finished") else None
        )
        self._failures: dict[int, int] = {}
        self._retries: list[Task] = []
        self._pending = 0
        self._tasks: dict[int, Task] = {}
        self._remaining = _Remaining(())
        self._may_refill = refill is not None

    @property
    def failed(self) -> set[int]:
        """The runs that failed at least once."""
        return set(self._failures)

    def execute(self, indices: Indices, run: Callable[[Task], Outcome]) -> None:
        """Execute the runs of these indices and append what they return to the results.

        Stops early, without an error, after a signal that should end the experiment gracefully.

        Raises
        ------
        Exception
            A run raised and the policy says so, or an iterable of arguments is too short.
        NotStoredError
            Nothing can be stored anymore.
        """
        first = len(self._results)
        self._remaining = _Remaining(indices)
        self._scheduler.start(run)
        try:
            with sigterm_handling.interruptible():
                self._feed()
                while self._pending:
                    self._refill_when_empty(run)
                    self._take_outcomes()
                    if sigint_handling.hit:
                        if self._scheduler.in_process:
                            return
                        self._pending -= self._scheduler.cancel()
                    self._feed()
            if self._refusals >= MAX_FINAL_FAILURES:
                raise self._refusal_error()
        finally:
            self._scheduler.stop()
            self._finished.flush()
            # Immediate post-processing may have taken out some of the former results.
            start = first if self._refill is None else 0
            # In place: post-processing and the caller of `run` hold the same list.
            result_sort(self._results, start)

    def _feed(self) -> None:
        """Fill the free slots of the scheduler, unless interrupted."""
        if sigint_handling.hit:
            return
        slots = self._scheduler.free_slots()
        tasks, self._retries = self._retries[:slots], self._retries[slots:]
        slots -= len(tasks)
        if self._job.draws and self._scheduler.in_process:
            slots = min(slots, 1)  # a generator may depend on the results of earlier runs
        tasks += map(self._make_task, self._remaining.take(slots))
        if self._supply is not None and self._remaining.is_empty and not self._retries:
            tasks += map(self._make_task, self._draw(slots - len(tasks), len(tasks)))
        if not tasks:
            return
        if self._record_started is not None:
            self._record_started([task.index for task in tasks])
        if self._notifies_started:
            self._manager.runs_started(self._environment, [task.index for task in tasks])
        if self._policy.retries:
            self._tasks.update((task.index, task) for task in tasks)
        self._scheduler.submit(tasks)
        self._pending += len(tasks)

    def _draw(self, free: int, submitted: int) -> Sequence[int]:
        """Return new runs of the supply, for slots that are free beside those about to be used."""
        if self._supply is None or free <= 0:
            return ()
        workers = 1
        if not self._scheduler.in_process:
            activity = self._scheduler.activity()
            workers = self._environment.options["ncores"] if activity is None else activity.workers
        return self._supply.draw(free, self._pending + submitted, max(1, workers))

    def _refill_when_empty(self, run: Callable[[Task], Outcome]) -> None:
        """Call ``refill`` once the last run was submitted, until it returns no more."""
        while self._may_refill and self._remaining.is_empty and not sigint_handling.hit:
            more = None if self._refill is None else self._refill()
            if more is None:
                self._may_refill = False
                return
            self._remaining = _Remaining(more)
            self._scheduler.start(run)
            self._feed()

    def _take_outcomes(self) -> None:
        """Process outcomes until the scheduler has free slots."""
        arrived = False
        for outcome in self._scheduler.outcomes():
            arrived = True
            self._pending -= 1
            self._process(outcome)
            if sigint_handling.hit or self._scheduler.free_slots():
                return
        if self._pending and not arrived:
            raise PluginError(
                f"Scheduler {self._scheduler.name!r} has lost {self._pending} tasks: there are no "
                "outcomes of them."
            )

    def _process(self, outcome: Outcome) -> None:
        """Process one outcome: accept its data, then count the run as completed or failed."""
        if outcome.interrupted:
            sigint_handling.hit = True
        storage = self._storage
        error = outcome.error
        if storage is not None:
            raises = sigterm_handling.raises
            sigterm_handling.hold()  # not `deferred`: a context manager for every run takes longer
            try:
                try:
                    storage.accept(outcome)
                finally:
                    sigterm_handling.release(raises)
                if self._decode is not None and error is None:
                    outcome = outcome._replace(value=self._decode(outcome.value))
            except Exception as refusal:
                if getattr(refusal, "is_final", False):
                    raise
                if error is None:
                    error = refusal
                    outcome = outcome._replace(is_refused=True)
        if error is not None:
            self._failed(outcome, error)
            return
        self._refusals = 0
        if storage is not None:
            index, _, started, finished, *_ = outcome
            self._runs.complete(index, started, finished, self._hexsha)
        self._results.append((outcome.index, outcome.value))
        if self._supply is not None:
            self._supply.completed(outcome)
        if self._policy.retries:
            self._tasks.pop(outcome.index, None)
        self._finished.add(outcome)
        for reporter in self._progress:
            reporter.advance()
        self._flusher.run_ended()

    def _failed(self, outcome: Outcome, error: BaseException) -> None:
        """Retry a failed run, raise its error, or go on without it."""
        if isinstance(error, RunSkippedError):
            for reporter in self._progress:
                reporter.advance()
            return
        if isinstance(error, StorageLostError):
            self._runs.fail(outcome.index, error, outcome.finished or time())
        if isinstance(error, KeyboardInterrupt | StorageLostError):
            raise error  # whatever the policy is: nothing could be stored
        self._finished.flush()
        if self._manager.listens("pypet_runs_failed"):
            self._manager.runs_failed(self._environment, [outcome._replace(error=error)])
        what = describe_run(self._environment.trajectory, outcome.index)
        times = self._failures.get(outcome.index, 0) + 1
        self._failures[outcome.index] = times
        if times <= self._policy.retries:
            _logger.warning("Attempt %d at %s failed, it is tried again: %r", times, what, error)
            self._retries.append(self._tasks[outcome.index])
            return
        for reporter in self._progress:
            reporter.advance(0, failed=1)
        self._runs.fail(outcome.index, error, outcome.finished or time())
        if self._supply is not None:
            self._supply.failed(outcome.index)
        raises = self._policy.raises_for(error)
        self._failure_log.add(outcome.index, error, is_raised=raises)
        if raises:
            error.add_note(f"{RAISED_IN}{what}")
            raise error
        cause = error.__cause__ if isinstance(error, NotStoredError) else None
        if outcome.is_refused and is_storage_failure(cause or error):
            self._refusals += 1
            self._refusal = error
            if self._refusals >= MAX_CONSECUTIVE_FAILURES:
                raise self._refusal_error()
        self._flusher.run_ended()

    def _refusal_error(self) -> NotStoredError:
        """Return the error for a storage that refuses everything."""
        error = NotStoredError(
            f"Nothing can be stored any more: data of the last {self._refusals} runs was refused. "
            f"The latest error was {self._refusal!r}. Completed runs are stored. Fix the storage "
            "and run the others.",
            is_final=True,
        )
        error.__cause__ = self._refusal
        return error


class _Remaining:
    """Yields run indices as Python ints, in parts: a million at once would need 40 MB."""

    __slots__ = ("_indices", "_position")

    def __init__(self, indices: Any) -> None:
        self._indices = indices
        self._position = 0

    @property
    def is_empty(self) -> bool:
        return self._position >= len(self._indices)

    def take(self, count: int) -> list[int]:
        if self.is_empty:
            return []
        part = self._indices[self._position : self._position + count]
        self._position += len(part)
        taken: list[int] = part.tolist()
        return taken


class OutcomeBatch:
    """Collects outcomes for a lifecycle hook, to call it for many at once."""

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
        """Add an outcome; call the listener if the first one has waited for `BATCH_SECONDS`."""
        if self._listener is None:
            return
        now = monotonic()
        if not self._outcomes:
            self._due = now + BATCH_SECONDS
        self._outcomes.append(outcome)
        if now >= self._due:
            self.flush()

    def flush(self) -> None:
        """Call the listener with the outcomes collected so far."""
        if self._outcomes and self._listener is not None:
            outcomes, self._outcomes = self._outcomes, []
            self._listener(self._environment, outcomes)


class ErrorPolicy(NamedTuple):
    """What happens after a run has failed: ``retries`` attempts, then raise or go on."""

    retries: int
    raises: bool
    spares_overdue: bool = True
    """Never raise for a run that exceeded its time: the user did not ask to raise errors."""

    @classmethod
    def parse(cls, on_error: str | None, default: str) -> ErrorPolicy:
        """Parse ``on_error``, which is valid; ``default`` is that of the scheduler.

        It also decides after the last attempt of ``'retry:N'``.
        """
        if on_error is not None and on_error.startswith(RETRY_PREFIX):
            return cls(int(on_error.removeprefix(RETRY_PREFIX)), default == RAISE)
        return cls(0, (on_error or default) == RAISE, spares_overdue=on_error is None)

    def raises_for(self, error: BaseException) -> bool:
        """Return whether an error of a run, after its last attempt, ends the experiment."""
        return self.raises and not (self.spares_overdue and isinstance(error, RunTimeoutError))
