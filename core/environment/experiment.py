"""One experiment: the steps of a call of `run`, `run_map` or `pipeline`, in order."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pypet import pypetconstants as constants
from pypet.environment import shared_warnings
from pypet.environment.config_entries import EnvironmentConfig
from pypet.environment.due_runs import (
    RunDataCleaner,
    due_runs,
    first_pending,
    remove_unfinished_runs,
)
from pypet.environment.execution_pass import ExecutionPass
from pypet.environment.existing_runs import ExistingRuns
from pypet.environment.input_storing import InputStoring
from pypet.environment.job import Job
from pypet.environment.origin import Origin
from pypet.environment.pipeline import PostProcessing, Results
from pypet.environment.plugin_set import PluginSet
from pypet.environment.reporting import ExperimentSummary, FailureLog
from pypet.environment.rescue import check_storage, rescue, watched
from pypet.environment.search import Search
from pypet.environment.search_job import SearchJob
from pypet.environment.shared_storage import kept_open
from pypet.environment.signals import sigint_handling, sigterm_handling
from pypet.interfaces import Snapshot
from pypet.runs import run_table_of
from pypet.support import run_banners
from pypet.support.collections import result_sort
from pypet.support.processes import MAIN_GUARD_ADVICE, is_importing_main_script
from pypet.trajectory.contents import prepare_experiment
from pypet.trajectory.run_control import is_driven, leave_run, set_driven, set_owner
from pypet.tree.typed_groups import attached_service

if TYPE_CHECKING:
    from pypet.environment.due_runs import Indices
    from pypet.environment.environment import Environment
    from pypet.interfaces import Journal, Restored

_RULE = "=" * 78
"""Frames a message that must not be missed."""

_logger = logging.getLogger("pypet")


class ExperimentPlan(NamedTuple):
    """What an experiment executes: the job of each run, and post-processing."""

    job: Job
    postprocessing: PostProcessing | None


class Experiment:
    """Executes the runs of a trajectory that are due, and post-processing; made for one call.

    ``environment`` is what plugins are passed; the parts that the experiment itself works with are
    separate arguments.
    """

    def __init__(
        self,
        environment: Environment,
        plugins: PluginSet,
        config: EnvironmentConfig,
        summary: ExperimentSummary,
        existing: ExistingRuns,
        restored: Restored | None = None,
    ) -> None:
        """``restored`` is the experiment to resume, None for a new one."""
        self._environment = environment
        self._plugins = plugins
        self._config = config
        self._trajectory: Any = environment.trajectory
        self._options = plugins.options
        self._results: Results = [] if restored is None else restored.results
        self._journal: Journal | None = None
        self._is_resumed = restored is not None
        self._earlier = 0 if restored is None else len(restored.snapshot.results)
        """Number of results in the snapshot from which the experiment was resumed."""
        self._inputs = InputStoring(self._trajectory)
        self._summary = summary
        self._existing = existing
        self._failures = FailureLog(self._trajectory)
        self._has_begun = False
        """Whether the first pass has begun."""
        self._is_stored = True
        """Whether everything is in the storage; otherwise an error message says where it is."""
        self._completed_before = np.zeros(0, np.int64)
        """Runs that were completed when the pass began."""
        self._results_before = len(self._results)
        """Number of results when the pass began."""
        self._search: Search | None = None
        """Chooses the runs, if the experiment is a search."""
        self._pass: ExecutionPass | None = None
        """The latest one; its processes may still be ending."""

    def execute(self, obtain_plan: Callable[[], ExperimentPlan | None]) -> Results:
        """Execute everything and return the results.

        ``obtain_plan`` is called once, before parameters are locked; it returns None for no runs.

        Raises
        ------
        RuntimeError
            The trajectory is in a run, or an environment runs it already; or the process is a
            worker that imports an unguarded main script.
        ExistingTrajectoryError
            The experiment cannot continue the stored trajectory of its name as ``on_existing``
            asks.
        PresettingError
            A parameter was preset but never added.
        Exception
            Whatever the run function raises, unless the others go on without it; whatever
            post-processing raises, or storing.
        """
        if self._trajectory.v_is_run or is_driven(self._trajectory):
            raise RuntimeError(
                f"Trajectory {self._trajectory.v_name!r} is being run already; an experiment "
                "cannot start from within a run or from post-processing."
            )
        if self._plugins.wrap_mode is not None and is_importing_main_script():
            raise RuntimeError(
                "A worker process that imports the main script has come upon an experiment with "
                f"parallel runs, which it must not start again. {MAIN_GUARD_ADVICE}"
            )
        if self._plugins.fallback is not None:
            _logger.error("%s\n%s\n%s", _RULE, self._plugins.fallback, _RULE)
        began = time.monotonic()
        self._config.set_start(time.time())
        plan = obtain_plan()
        if plan is not None:
            self._take_journal()
        prepare_experiment(self._trajectory)
        if plan is None:
            self._existing.begin(None)
        else:
            post_processes = plan.postprocessing is not None
            self._existing.begin(plan.job, post_processes=post_processes)
            self._search = self._begin_search(plan)
        self._begin(plan)
        handles = sigterm_handling.start(graceful=bool(self._options["graceful_exit"]))
        completed = False
        try:
            with watched(self._trajectory):
                completed = self._execute(plan)
        finally:
            if self._has_begun:
                self._summary.log(
                    self._trajectory,
                    self._failures.indices,
                    time.monotonic() - began,
                    self._log_folders(),
                    is_stored=self._is_stored,
                    may_start_again=self._options["on_existing"] is not None,
                    is_resumable=self._journal is not None,
                    is_search=self._search is not None,
                )
            if self._journal is not None:
                self._journal.end(completed=completed)
            if handles:
                sigterm_handling.finalize()  # which may be the end of the process
        if completed:
            for versioning in self._plugins.versionings:
                versioning.experiment_finished(self._environment)
        self._existing.end()
        return self._results

    def _begin_search(self, plan: ExperimentPlan) -> Search | None:
        """Return the search of a plan, with a run to begin with; None if it is none."""
        job, plugins = plan.job, self._plugins
        if not isinstance(job, SearchJob):
            return None
        search = Search(
            self._trajectory,
            job,
            Origin.of(type(job.sampler), plugins.manager),
            partial(self._store_points, plan),
            plugins.progress,
            is_parallel=plugins.wrap_mode is not None,
        )
        self._completed_before = run_table_of(self._trajectory).completed_indices()
        search.begin()
        self._failures.indices.update(run_table_of(self._trajectory).errors)
        return search

    def _take_journal(self) -> None:
        """Use the journal, if there is one; raise if it holds another experiment."""
        journal = self._plugins.journal
        if journal is not None:
            if not self._is_resumed:
                journal.check_vacant(self._trajectory.v_name)
            folder = journal.resume_folder
            if folder is not None:
                self._config.put_resume_folder(folder)
        self._journal = journal

    def _begin(self, plan: ExperimentPlan | None) -> None:
        """Store the meta data of the trajectory; from now on the experiment can be resumed."""
        journal, trajectory = self._journal, self._trajectory
        if journal is None or self._is_resumed:
            trajectory.f_store(only_init=True)
            return
        assert plan is not None
        journal.begin(self._environment, self._snapshot(plan))
        try:
            trajectory.f_store(only_init=True)
        except BaseException:
            journal.abandon()
            self._journal = None
            raise

    def _snapshot(self, plan: ExperimentPlan) -> Snapshot:
        due = due_runs(self._trajectory, self._environment.current_idx)
        plan.job.draw_for(due)
        return Snapshot(
            self._trajectory,
            plan.job,
            plan.postprocessing,
            self._config.start_timestamp,
            self._results,
        )

    def _store_points(self, plan: ExperimentPlan, names: Sequence[str], old_length: int) -> None:
        """Store the points of runs that a search has added, after the snapshot that has them."""
        if self._has_begun or self._is_resumed:
            self._renew_snapshot_during_pass(plan)
        if self._options["automatic_storing"]:
            self._inputs.store_added_points(names, old_length)

    def _renew_snapshot_during_pass(self, plan: ExperimentPlan) -> None:
        if self._journal is not None:
            with self._without_recent_runs() as results:
                self._journal.renew(self._snapshot(plan)._replace(results=results))

    @contextmanager
    def _without_recent_runs(self) -> Iterator[Results]:
        """Let no run of this pass count as completed in the block; yield the results before it.

        Their data may still be on its way to the journal. If it gets there, resuming finds it.
        """
        runs = run_table_of(self._trajectory)
        recent = np.setdiff1d(runs.completed_indices(), self._completed_before)
        rows = [runs.row(index) for index in recent.tolist()]
        runs.columns.unshare()
        completed = runs.columns.completed
        completed[rows] = 0
        try:
            yield self._results[: self._results_before]
        finally:
            completed[rows] = 1

    def _log_folders(self) -> list[str]:
        """Return the folders that have log files now, each once."""
        folders = (folder for setup in self._plugins.logging for folder in setup.folders)
        return list(dict.fromkeys(folders))

    def _execute(self, plan: ExperimentPlan | None) -> bool:
        """Execute the plan, store, notify plugins; return whether all runs are completed."""
        completed: bool = False
        try:
            with self._supervision():
                self._notify_started()
                if plan is not None:
                    if self._options["automatic_storing"]:
                        self._inputs.store()
                    self._execute_passes(plan)
            self._finish()
            completed = bool(run_table_of(self._trajectory).all_completed())
        except BaseException as error:
            stores = bool(self._options["automatic_storing"])
            rescued = rescue(self._trajectory, error, self._results, stores=stores)
            self._is_stored = rescued.is_stored
            if rescued.lost:
                first = min(rescued.lost)
                self._environment.current_idx = min(self._environment.current_idx, first)
            if rescued.error is error:
                raise
            raise rescued.error from error
        finally:
            self._inputs.end()
            try:
                self._join()
            finally:
                self._plugins.manager.experiment_finished(self._environment, completed)
        return completed

    @contextmanager
    def _supervision(self) -> Iterator[None]:
        """Mark the trajectory as run by an environment, and handle SIGINT gracefully if asked."""
        environment, trajectory = self._environment, self._trajectory
        set_driven(trajectory, True)
        set_owner(trajectory, environment.name, environment.hexsha)
        if self._options["graceful_exit"]:
            sigint_handling.start()
        try:
            yield
        finally:
            run_banners.flush()
            sigint_handling.finalize()
            set_driven(trajectory, False)
            leave_run(trajectory)
            # The next call begins where this one was interrupted, if it was.
            environment.current_idx = first_pending(trajectory, environment.current_idx)

    def _notify_started(self) -> None:
        for versioning in self._plugins.versionings:
            versioning.experiment_started(self._environment)
        self._plugins.manager.experiment_started(self._environment)

    def _store_expansion(self) -> None:
        """Store what post-processing has added, after the snapshot that resumes with it."""
        stores = bool(self._options["automatic_storing"])
        self._inputs.store_after_expansion(automatic_storing=stores)

    # ----- passes of runs, each followed by post-processing --------------------------------

    def _execute_passes(self, plan: ExperimentPlan) -> None:
        """Alternate runs and post-processing until the trajectory does not grow."""
        trajectory = self._trajectory
        job, postprocessing = plan
        cleaner = RunDataCleaner(trajectory) if self._cleans(postprocessing) else None
        while True:
            self._execute_runs(plan)
            if postprocessing is None or sigterm_handling.hit:
                return
            length = len(trajectory)
            leave_run(trajectory)
            trajectory.f_store(only_init=True)
            _logger.info("Calling post-processing with %d results", len(self._results))
            with sigterm_handling.interruptible():
                postprocessing.call(trajectory, self._results, job)
            is_claimed = self._existing.claim_added(job)
            if (len(trajectory) == length and not is_claimed) or sigint_handling.hit:
                return
            _logger.info(
                "Post-processing expanded the trajectory from %d to %d runs",
                length,
                len(trajectory),
            )
            self._config.put_expansion()
            self._existing.record_added(job, length)
            leave_run(trajectory)
            if cleaner is not None:
                cleaner.clean()
            if self._journal is not None:
                self._journal.renew(self._snapshot(plan))
            self._store_expansion()

    def _cleans(self, postprocessing: PostProcessing | None) -> bool:
        return postprocessing is not None and bool(self._options["clean_up_runs"])

    def _execute_runs(self, plan: ExperimentPlan) -> None:
        """Execute the runs that are due."""
        job, postprocessing = plan
        due = due_runs(self._trajectory, self._environment.current_idx)
        indices = self._existing.with_claimed(due)
        if self._search is not None:
            indices = self._search.due(indices)
        if len(indices):
            remove_unfinished_runs(self._trajectory)
        job.check_runs(len(indices))
        self._completed_before = run_table_of(self._trajectory).completed_indices()
        self._results_before = len(self._results)
        refill = None
        if self._options["immediate_postproc"] and postprocessing is not None:
            refill = partial(self._post_process_early, plan)
        if self._plugins.wrap_mode is not None and not self._has_begun:
            shared_warnings.reset()
        self._has_begun = True
        latest = ExecutionPass(
            self._environment,
            self._plugins,
            job,
            indices,
            self._results,
            self._failures,
            refill,
            self._config.put_url,
            self._search,
        )
        former, self._pass = self._pass, latest
        if former is not None:
            latest.take_over(former)
            former.wait_closed()
        try:
            latest.execute()
        finally:
            if self._search is not None:
                self._search.unwrap(self._results)
        if self._is_resumed and former is None:
            # The results of the runs before the crash came first.
            result_sort(self._results, self._earlier if refill is None else 0)

    def _join(self) -> None:
        """Wait until all processes have ended."""
        latest, self._pass = self._pass, None
        if latest is not None:
            latest.wait_closed()

    def _post_process_early(self, plan: ExperimentPlan) -> Indices | None:
        """Call post-processing while runs are active; return the runs that it added, if any."""
        trajectory = self._trajectory
        job, postprocessing = plan
        assert postprocessing is not None
        length = len(trajectory)
        _logger.info("Calling post-processing with the first %d results", len(self._results))
        postprocessing.call(trajectory, self._results, job)
        is_claimed = self._existing.claim_added(job)
        if len(trajectory) == length and not is_claimed:
            return None
        self._config.put_expansion()
        self._existing.record_added(job, length)
        leave_run(trajectory)
        self._renew_snapshot_during_pass(plan)
        self._store_expansion()
        added = self._existing.with_claimed(run_table_of(trajectory).pending(length))
        job.check_runs(len(added))
        for reporter in self._plugins.progress:
            total = run_table_of(trajectory).selected_count
            reporter.start(total, total - len(run_table_of(trajectory).pending()))
        return added

    # ----- the end --------------------------------------------------------------------------

    def _finish(self) -> None:
        """Store everything, or only meta data without automatic storing."""
        trajectory = self._trajectory
        stores = bool(self._options["automatic_storing"])
        self._config.put_wildcards()
        best = [] if self._search is None else self._search.put_result()
        check_storage(trajectory)
        with kept_open(trajectory):
            if stores:
                self._existing.warn_of_kept_results()
            trajectory.f_store(only_init=not stores)
            if stores and best:
                trajectory.f_store_items(best, store_data=constants.OVERWRITE_DATA)
            self._config.put_times(time.time(), store=stores)
        service = attached_service(trajectory)
        if service is not None:
            service.finalize()
