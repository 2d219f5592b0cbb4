"""One pass of an experiment: the runs between two calls of post-processing."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from pypet.environment.due_runs import discard_runs
from pypet.environment.guards import GuardedScheduler
from pypet.environment.job import Job
from pypet.environment.origin import Origin
from pypet.environment.pipeline import Results
from pypet.environment.reporting import FailureLog
from pypet.environment.run_loop import ErrorPolicy, RunLoop
from pypet.environment.run_table_flusher import RunTableFlusher
from pypet.environment.shared_storage import SharedStorage, kept_open, share_storage
from pypet.environment.signals import sigint_handling
from pypet.environment.single_run import SingleRun
from pypet.environment.worker_run import WorkerRun, WorkerSettings
from pypet.errors import NotStoredError
from pypet.interfaces import Outcome, Task
from pypet.options.checks import CONTINUE
from pypet.runs import run_table_of
from pypet.services.failures import (
    MAX_CONSECUTIVE_FAILURES,
    MAX_FINAL_FAILURES,
    is_storage_failure,
)
from pypet.support.collections import result_sort
from pypet.support.tracebacks import log_error
from pypet.tree.typed_groups import attached_service

if TYPE_CHECKING:
    from pypet.environment.due_runs import Indices
    from pypet.environment.environment import Environment
    from pypet.environment.plugin_set import PluginSet
    from pypet.environment.search import Search

_logger = logging.getLogger("pypet")


class ExecutionPass:
    """Executes runs with a scheduler of its own; one is created for each pass.

    Parameters
    ----------
    indices
        The runs to execute.
    results
        The return values of runs are appended to it.
    refill
        For parallel runs only: called when the last run was submitted; it may return the indices
        of more.
    announce
        Called with the address at which a server of the wrap mode listens.
    search
        Adds runs while others are executed; then failing runs do not end the experiment unless
        ``on_error`` says so.
    """

    def __init__(
        self,
        environment: Environment,
        plugins: PluginSet,
        job: Job,
        indices: Indices,
        results: Results,
        failures: FailureLog,
        refill: Callable[[], Indices | None] | None = None,
        announce: Callable[[str], None] | None = None,
        search: Search | None = None,
    ) -> None:
        self._search = search
        self._environment = environment
        self._announce = announce
        self._trajectory: Any = environment.trajectory
        self._plugins = plugins
        self._options = plugins.options
        self._job = job
        self._indices = indices
        self._length = len(environment.trajectory)
        self._results = results
        self._first = len(results)
        self._failures = failures
        self._refill = refill
        self._scheduler = GuardedScheduler.around(
            Origin.of(plugins.scheduler, plugins.manager),
            partial(plugins.scheduler.from_options, plugins.options),
        )
        self._service = self._trajectory.v_storage_service
        self._journal = plugins.journal if len(indices) else None
        if self._journal is not None:
            self._trajectory.v_storage_service = self._journal.service(
                self._service, shared=self._is_shared()
            )
        default = self._scheduler.default_on_error if search is None else CONTINUE
        self._policy = ErrorPolicy.parse(self._options["on_error"], default)
        self._storage: SharedStorage | None = None
        if len(indices):
            self._storage = share_storage(environment.trajectory, plugins, environment.name)
        self._flusher = RunTableFlusher(environment.trajectory, self._storage)
        self._run_loop: RunLoop | None = None
        self._is_through = False

    def execute(self) -> None:
        """Execute the runs.

        Raises
        ------
        Exception
            Whatever a run raises, unless the others go on without it, or storing.
        """
        trajectory, indices = self._trajectory, self._indices
        try:
            with (
                self._progress(run_table_of(trajectory).selected_count, len(indices)),
                self._storage or nullcontext(),
                kept_open(trajectory, self._storage),
            ):
                if self._announce is not None and self._storage and self._storage.url:
                    self._announce(self._storage.url)
                for reporter in self._plugins.progress:
                    reporter.watch(self._scheduler.activity)
                self._run_loop = self._loop()
                self._run_loop.execute(indices, self._work())
                self._is_through = True
        except RuntimeError as error:
            if not self._is_through:
                self._discard(getattr(error, "runs", ()), error)
                raise
            self._lose(error)
        finally:
            loss = None if self._storage is None else self._storage.loss
            if loss is not None:
                self._discard(getattr(loss, "runs", ()), loss)
            self._settle_journal()
            self._flusher.mark_unconfirmed()
        if not sigint_handling.hit:
            self._environment.current_idx = len(trajectory)

    def _is_shared(self) -> bool:
        """Return whether workers store without the main process or a writer process."""
        mode = self._plugins.wrap_mode
        if mode is None:
            return False
        service = attached_service(self._trajectory)
        return mode.stores_in_workers or (
            service is not None and self._plugins.shares_directly(service)
        )

    def _settle_journal(self) -> None:
        """Move what runs have committed to the storage, and stop storing through the journal."""
        if self._journal is None:
            return
        self._trajectory.v_storage_service = self._service
        # Not taken from the results, which post-processing may have changed.
        added = range(self._length, len(self._trajectory))
        runs = run_table_of(self._trajectory)
        completed = [run for run in (*self._indices.tolist(), *added) if runs.completed(run)]
        try:
            self._journal.settle(completed)
        except NotStoredError as error:
            self._lose(error)
        finally:
            if self._storage is not None and not self._storage.stores_here:
                retried = set() if self._run_loop is None else self._run_loop.failed
                pending = {*self._indices.tolist(), *added}.difference(completed)
                self._count_unreported(pending | retried)

    def _count_unreported(self, runs: Collection[int]) -> None:
        """Count runs as completed whose process died after it had committed them.

        Of a run that was executed twice, the return value has to be that of the attempt whose data
        counts.
        """
        assert self._journal is not None
        table = run_table_of(self._trajectory)
        unreported = {
            run.index: run
            for run in self._journal.committed_untold(runs)
            if not table.completed(run.index) or table.start_timestamp(run.index) != run.started
        }
        for index, run in unreported.items():
            _logger.warning("Run %d was stored before its process ended; it counts.", index)
            table.complete(index, run.started, run.finished, self._environment.hexsha)
            self._failures.indices.discard(index)
        if unreported:
            reported = [pair for pair in self._results if pair[0] not in unreported]
            self._results[:] = [
                *reported,
                *((index, run.value) for index, run in unreported.items()),
            ]
            result_sort(self._results, self._first if self._refill is None else 0)

    def take_over(self, former: ExecutionPass) -> None:
        """Reuse what the scheduler of the former pass has started and not ended yet."""
        self._scheduler.take_over(former._scheduler)

    def wait_closed(self) -> None:
        """Wait until all processes have ended."""
        try:
            if self._storage is not None:
                self._storage.wait_closed()
        finally:  # also if the user interrupts the wait
            self._scheduler.wait_closed()

    def _loop(self) -> RunLoop:
        plugins, scheduler = self._plugins, self._scheduler
        if self._storage is not None:
            scheduler.check = partial(_check, weakref.ref(self), self._storage)
            scheduler.gates = plugins.gates
            for gate in plugins.gates:
                gate.start()
        journal = self._journal
        return RunLoop(
            self._environment,
            plugins.manager,
            scheduler,
            self._job,
            self._results,
            plugins.progress,
            self._policy,
            self._flusher,
            self._failures,
            self._storage,
            self._refill if self._storage is not None else None,
            None if journal is None else journal.runs_started,
            None if journal is None or self._storage is None else journal.decode_value(),
            self._search,
        )

    def _work(self) -> Callable[[Task], Outcome]:
        """Return the function that executes a run, here or in a worker."""
        environment, options, storage = self._environment, self._options, self._storage
        encode = None if self._journal is None else self._journal.encode_value()
        if storage is None:
            return SingleRun(
                self._trajectory,
                self._job,
                environment.hexsha,
                automatic_storing=bool(options["automatic_storing"]),
                clean_up=bool(options["clean_up_runs"]),
                encode=encode,
            )
        settings = WorkerSettings(
            service=storage.worker_service(),
            collect=storage.collector(),
            log_setups=[each for each in self._plugins.logging if each.concerns_workers],
            environment_name=environment.name,
            hexsha=environment.hexsha,
            automatic_storing=bool(options["automatic_storing"]),
            clean_up=bool(options["clean_up_runs"]),
            graceful=bool(options["graceful_exit"]),
            freeze_input=bool(options["freeze_input"]),
            encode_value=encode,
            logs_failures=any(each.configures_workers for each in self._plugins.logging),
        )
        return WorkerRun(self._trajectory, self._job, settings)

    def _check(self, storage: SharedStorage) -> None:
        """Refresh progress, flush the run table, check for lost data; called while waiting."""
        for reporter in self._plugins.progress:
            reporter.refresh()
        self._flusher.flush_if_due()
        try:
            storage.check()
            if self._journal is not None:
                self._journal.check()
        except NotStoredError as error:
            self._lose(error)

    def _lose(self, error: RuntimeError) -> None:
        """Handle an error of storing that came after the runs were reported as finished.

        The error has the indices of its runs; they count as not completed. The others go on
        without them if the policy allows it and if anything can be stored at all.

        Raises
        ------
        RuntimeError
            The error.
        """
        indices = getattr(error, "runs", ())
        self._discard(indices, error)
        if isinstance(error, NotStoredError) and is_storage_failure(error):
            # They were refused one after the other, although reported together.
            error.is_final |= len(set(indices)) >= (
                MAX_FINAL_FAILURES if self._is_through else MAX_CONSECUTIVE_FAILURES
            )
        if self._policy.raises or not indices or getattr(error, "is_final", False):
            raise error
        log_error(_logger, "Data of %d runs was not stored", len(set(indices)), error=error)

    def _discard(self, lost: Iterable[int], error: BaseException) -> None:
        """Count runs whose data was lost as failed; ``error`` is the reason."""
        indices = frozenset(lost)
        discard_runs(self._trajectory, indices, self._results, error)
        self._failures.add_lost(indices)

    @contextmanager
    def _progress(self, known: int, due: int) -> Iterator[None]:
        """Report progress in the block, of ``known`` runs and those that a search will add."""
        if not due:
            yield
            return
        reporters = self._plugins.progress
        total = known if self._search is None else self._search.expected_total(known)
        try:
            for reporter in reporters:
                reporter.start(total, known - due)
            yield
        finally:
            for reporter in reporters:
                reporter.stop()


def _check(reference: weakref.ref[ExecutionPass], storage: SharedStorage) -> None:
    """Call `_check` of a pass that still exists.

    The scheduler must not reference the pass, which references the scheduler: in a reference cycle
    a discarded environment would keep its log files open until the next garbage collection.
    """
    this = reference()
    if this is not None:
        this._check(storage)
