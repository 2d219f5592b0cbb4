"""One experiment: everything that a call of `run`, `run_map` or `pipeline` does, in order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from pypet.environment.cleaning import RunDataCleaner
from pypet.environment.interruption import sigint_handling
from pypet.environment.job import Job
from pypet.environment.on_error import ErrorPolicy
from pypet.environment.postprocessing import PostProcessing, Results
from pypet.environment.run_loop import RunLoop
from pypet.environment.shared_storage import SharedStorage
from pypet.environment.single_run import SingleRun
from pypet.environment.worker_run import WorkerRun, WorkerSettings
from pypet.interfaces import Outcome, ProgressReporter, Scheduler, Task
from pypet.support import run_banners

if TYPE_CHECKING:
    import numpy as np

    from pypet.environment.environment import Environment

_logger = logging.getLogger("pypet")

NAMES_SHOWN = 20
"""How many incomplete runs the log names."""


class Experiment:
    """Executes the runs of a trajectory that are due, and post-processing; made for one call."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._trajectory: Any = environment.trajectory
        self._manager = environment._manager
        self._options = environment.options
        self._results: Results = []
        self._joins: list[Callable[[], None]] = []
        """What waits for processes that are still ending."""

    def execute(self, obtain_job: Callable[[], Job | None]) -> Results:
        """Execute everything and return the results.

        ``obtain_job`` is called once, before parameters are locked; None stands for no runs.

        Raises
        ------
        RuntimeError
            The trajectory is in a run, or an environment runs it already.
        PresettingError
            A parameter was preset but never added.
        Exception
            Whatever the run function raises, unless the others go on without it; whatever
            post-processing raises, or storing.
        """
        if self._trajectory._is_run or self._trajectory._run_by_environment:
            raise RuntimeError(
                f"Trajectory {self._trajectory.v_name!r} is being run already; an experiment "
                "cannot start from within a run or from post-processing."
            )
        started = self._environment._note_start(time.time())
        job = obtain_job()
        self._trajectory._prepare_experiment()
        self._trajectory.f_store(only_init=True)
        completed = False
        try:
            with self._supervision():
                self._tell_started()
                if job is not None:
                    self._execute_rounds(job)
            self._finish(started)
            completed = self._trajectory._runs.all_completed()
        except BaseException:
            self._rescue()
            raise
        finally:
            self._join()
            self._manager.experiment_finished(self._environment, completed)
        if job is not None:
            self._report(completed)
        if completed:
            for versioning in self._environment._versionings:
                versioning.experiment_finished(self._environment)
        return self._results

    @contextmanager
    def _supervision(self) -> Iterator[None]:
        """Let the trajectory know that an environment runs it, and catch interruptions."""
        trajectory = self._trajectory
        trajectory._run_by_environment = True
        self._environment._sign_trajectory()
        if self._options["graceful_exit"]:
            sigint_handling.start()
        try:
            yield
        finally:
            run_banners.flush()
            sigint_handling.finalize()
            trajectory._run_by_environment = False
            trajectory._leave_run()
            self._environment._resume_at_first_pending()

    def _tell_started(self) -> None:
        for versioning in self._environment._versionings:
            versioning.experiment_started(self._environment)
        self._manager.experiment_started(self._environment)

    # ----- rounds of runs and post-processing ----------------------------------------------

    def _execute_rounds(self, job: Job) -> None:
        """Execute runs and post-processing in turn until the trajectory does not grow."""
        trajectory = self._trajectory
        postprocessing = self._environment._postprocessing
        cleaner = RunDataCleaner(trajectory) if self._cleans(postprocessing) else None
        while True:
            self._execute_runs(job)
            if postprocessing is None:
                return
            length = len(trajectory)
            trajectory._leave_run()
            trajectory.f_store(only_init=True)
            _logger.info("Calling post-processing with %d results", len(self._results))
            postprocessing.call(trajectory, self._results, job)
            if len(trajectory) == length or sigint_handling.hit:
                return
            _logger.info(
                "Post-processing expanded the trajectory from %d to %d runs",
                length,
                len(trajectory),
            )
            self._environment._config.put_expansion()
            trajectory._leave_run()
            if cleaner is not None:
                cleaner.clean()
            trajectory.f_store(only_init=True)

    def _cleans(self, postprocessing: PostProcessing | None) -> bool:
        return postprocessing is not None and bool(self._options["clean_up_runs"])

    def _execute_runs(self, job: Job) -> None:
        """Execute the runs that are due."""
        self._join()
        environment, trajectory = self._environment, self._trajectory
        indices = environment._pending_runs()
        job.check_runs(len(indices))
        scheduler = environment._scheduler()
        policy = ErrorPolicy.parse(self._options["on_error"], scheduler.default_on_error)
        storage = environment._shared_storage() if len(indices) else None
        self._joins += [scheduler.join] if storage is None else [scheduler.join, storage.join]
        try:
            with (
                self._progress(len(trajectory), len(indices)),
                storage or nullcontext(),
                self._kept_open(storage),
            ):
                for reporter in environment._progress:
                    reporter.watch(scheduler.activity)
                loop = self._loop(job, scheduler, policy, storage)
                loop.execute(indices, self._work(job, storage))
        except RuntimeError as error:
            self._lose(error, policy)
        finally:
            if storage is not None:
                self._count_as_pending(storage.lost)
        if not sigint_handling.hit:
            environment.current_idx = len(trajectory)

    def _join(self) -> None:
        """Wait until processes that have nothing to do any more are gone."""
        while self._joins:
            self._joins.pop()()

    def _loop(
        self, job: Job, scheduler: Scheduler, policy: ErrorPolicy, storage: SharedStorage | None
    ) -> RunLoop:
        environment = self._environment
        refill = None
        if storage is not None:
            scheduler.check = partial(_check, storage, environment._progress)
            scheduler.gates = environment._gates
            for gate in environment._gates:
                gate.start()
            if self._options["immediate_postproc"] and environment._postprocessing is not None:
                refill = partial(self._post_process_at_once, environment._postprocessing, job)
        return RunLoop(
            environment,
            self._manager,
            scheduler,
            job,
            self._results,
            environment._progress,
            policy,
            storage,
            refill,
        )

    def _work(self, job: Job, storage: SharedStorage | None) -> Callable[[Task], Outcome]:
        """Return what executes a run, here or in a worker."""
        environment, options = self._environment, self._options
        if storage is None:
            return SingleRun(
                self._trajectory,
                job,
                environment.hexsha,
                automatic_storing=bool(options["automatic_storing"]),
                clean_up=bool(options["clean_up_runs"]),
            )
        settings = WorkerSettings(
            service=storage.worker_service(),
            take_home=storage.take_home(),
            log_setups=[each for each in environment._logging if each.concerns_workers],
            environment_name=environment.name,
            hexsha=environment.hexsha,
            automatic_storing=bool(options["automatic_storing"]),
            clean_up=bool(options["clean_up_runs"]),
            graceful=bool(options["graceful_exit"]),
            freeze_input=bool(options["freeze_input"]),
        )
        return WorkerRun(self._trajectory, job, settings)

    def _lose(self, error: RuntimeError, policy: ErrorPolicy) -> None:
        """Act upon an error of storing that came after the runs were reported as finished.

        Such errors name the indices of their runs; these count as not completed.
        """
        indices = getattr(error, "runs", ())
        if not indices:
            raise error
        self._count_as_pending(indices)
        if policy.raises:
            raise error
        _logger.error("Data of %d runs was not stored", len(set(indices)), exc_info=error)

    def _count_as_pending(self, indices: Iterable[int]) -> None:
        """Take back that runs are completed, and what they returned."""
        runs = self._trajectory._runs
        lost = frozenset(indices)
        for index in lost:
            runs.start(index, runs.record(index)["timestamp"])
            runs.columns.completed[runs.row(index)] = 0
        self._results[:] = [pair for pair in self._results if pair[0] not in lost]

    def _post_process_at_once(
        self, postprocessing: PostProcessing, job: Job
    ) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        """Call post-processing while runs are active; return the runs that it added, if any."""
        trajectory = self._trajectory
        length = len(trajectory)
        _logger.info("Calling post-processing with the first %d results", len(self._results))
        postprocessing.call(trajectory, self._results, job)
        if len(trajectory) == length:
            return None
        self._environment._config.put_expansion()
        trajectory._leave_run()
        trajectory.f_store(only_init=True)
        added = trajectory._runs.pending(length)
        job.check_runs(len(added))
        for reporter in self._environment._progress:
            reporter.start(len(trajectory), len(trajectory) - len(trajectory._runs.pending()))
        return added  # type: ignore[no-any-return]

    @contextmanager
    def _progress(self, total: int, due: int) -> Iterator[None]:
        if not due:
            yield
            return
        reporters = self._environment._progress
        try:
            for reporter in reporters:
                reporter.start(total, total - due)
            yield
        finally:
            for reporter in reporters:
                reporter.stop()

    def _kept_open(self, storage: SharedStorage | None = None) -> AbstractContextManager[Any]:
        """Keep the storage open for many messages; services of users may not know how.

        Not while others than the main process open it, too.
        """
        trajectory = self._trajectory
        kept_open = getattr(trajectory.v_storage_service, "kept_open", None)
        if kept_open is None or (storage is not None and not storage.stores_here):
            return nullcontext()
        context: AbstractContextManager[Any] = kept_open(trajectory.v_name)
        return context

    # ----- the end --------------------------------------------------------------------------

    def _finish(self, started: float) -> None:
        """Store everything, or only meta data without automatic storing."""
        trajectory = self._trajectory
        config = self._environment._config
        stores = bool(self._options["automatic_storing"])
        config.put_wildcards()
        with self._kept_open():
            trajectory.f_store(only_init=not stores)
            config.put_times(started, time.time(), store=stores)
        finalize = getattr(trajectory.v_storage_service, "finalize", None)
        if finalize is not None:
            finalize()

    def _rescue(self) -> None:
        """After an error, store what can be, so that completed runs can be used."""
        try:
            self._trajectory.f_store(only_init=not self._options["automatic_storing"])
        except Exception:
            _logger.exception(
                "Storing trajectory %r after the error that follows failed, too.",
                self._trajectory.v_name,
            )

    def _report(self, completed: bool) -> None:
        """Log whether all runs are completed."""
        trajectory = self._trajectory
        if completed:
            _logger.info("All %d runs are completed.", len(trajectory))
            return
        pending = trajectory._runs.pending()
        names = [trajectory.f_idx_to_run(int(index)) for index in pending[:NAMES_SHOWN]]
        _logger.error(
            "%d of %d runs are not completed: %s%s",
            len(pending),
            len(trajectory),
            ", ".join(names),
            ", ..." if len(pending) > NAMES_SHOWN else "",
        )


def _check(storage: SharedStorage, reporters: Sequence[ProgressReporter]) -> None:
    """Do what is to be done while a scheduler waits."""
    for reporter in reporters:
        reporter.refresh()
    storage.check()
