"""`Environment`: sets up an experiment and executes it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from pypet.environment.arguments import called_like, environment_arguments
from pypet.environment.config_entries import EnvironmentConfig, transfer_config
from pypet.environment.config_file import (
    add_leaves,
    annotate_places,
    check_leaves,
    optional_storage_keywords,
    read_config,
)
from pypet.environment.existing_runs import ExistingRuns
from pypet.environment.experiment import Experiment, ExperimentPlan
from pypet.environment.identity import EnvironmentHandle, identify
from pypet.environment.job import Job, MapJob, RunFunction
from pypet.environment.pipeline import PostProcessing, Results, call_pipeline
from pypet.environment.plugin_set import PluginSet, debug_options, make_plugin_set, manager_for
from pypet.environment.reporting import ExperimentSummary
from pypet.environment.search_job import Objective, SearchJob, StopCriteria, resolve_sampler
from pypet.environment.storage_choice import StoragePlan, plan_storage
from pypet.errors import OptionWarning
from pypet.interfaces import LogContext
from pypet.options import OptionsDoc, OptionsSignature, collect, warn_of_ineffective_options
from pypet.support.decorators import deprecated, kwargs_api_change, prefix_naming
from pypet.support.processes import (
    MAIN_GUARD_ADVICE,
    is_importing_main_script,
    refuse_in_loaded_script,
)
from pypet.support.tracebacks import user_tracebacks
from pypet.trajectory import Trajectory
from pypet.trajectory.run_control import set_owner
from pypet.trajectory.seeds import SeedChoice

if TYPE_CHECKING:
    from pypet.interfaces import ConfigContent, Restored
    from pypet.manager import PluginManager

_logger = logging.getLogger("pypet.environment.Environment")

_DOC = """Sets up an experiment, executes its runs, and takes care of storing and logging.

::

    with Environment(trajectory='example', filename='example.hdf5') as env:
        env.traj.f_add_parameter('x', 1.0)
        env.traj.f_explore({'x': [1.0, 2.0, 3.0]})
        env.run(simulate)

Leaving the ``with`` block closes the log files. Every public name may also be written with the
prefix ``f_`` or ``v_``.

A pickled environment becomes a handle: it has the names, times, options and the trajectory of the
environment, but executes nothing. Options that cannot be pickled, such as an executor, are left
out.

Raises
------
ValueError
    An option has a wrong value, contradicts another, or is unknown (`UnknownOptionError`).
MissingDependencyError
    An option asks for a feature whose package is not installed; also a ValueError.
TypeError
    An option has a value of a wrong type.
"""


@prefix_naming
class Environment(EnvironmentHandle):
    __signature__ = OptionsSignature()
    __doc__ = OptionsDoc(_DOC)

    @called_like(environment_arguments)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        with user_tracebacks():
            refuse_in_loaded_script("an environment")  # which may overwrite files
            manager = manager_for(kwargs)
            kwargs, content = read_config(manager, args, kwargs)
            with annotate_places(content):
                # Not the former manager: the file may disable plugins.
                plugins = self._construct(manager_for(kwargs), args, kwargs, content)
            plugins.manager.environment_created(self)

    def _construct(
        self,
        manager: PluginManager,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        content: ConfigContent,
    ) -> PluginSet:
        """Resolve and check everything first, then change the trajectory and make files."""
        options, leftovers = collect(manager, args, kwargs, stacklevel=3)
        debugged = debug_options(options, manager)
        options.update(debugged)
        if options["overwrite_file"] and is_importing_main_script():
            raise RuntimeError(
                "A worker process that imports the main script must not delete the file of the "
                f"experiment (overwrite_file=True). {MAIN_GUARD_ADVICE}"
            )
        plugins = make_plugin_set(options, manager)
        shared = {entry.name for entry in content.keywords}
        warn_of_ineffective_options(options, plugins.scheduler, shared=shared, stacklevel=3)
        if plugins.fallback is not None:
            warnings.warn(plugins.fallback, OptionWarning, stacklevel=3)
        self._plugins = plugins
        self._options = options
        self._postprocessing: PostProcessing | None = None
        self._current_idx = 0
        self._trajectory = _trajectory_of(options)
        storage = plan_storage(
            self._trajectory,
            options,
            leftovers,
            manager,
            mode=plugins.wrap_mode,
            replace=bool(debugged),
            optional=optional_storage_keywords(content, options),
        )
        if storage.unused_service:
            warnings.warn(storage.unused_service, OptionWarning, stacklevel=3)
        if plugins.unfit_mode:
            # Only the service itself knows whether it can do without, as that may depend on where
            # it stores.
            storage = storage._replace(choice=storage.choice.made())
            plugins.check_workers_of(storage.choice.service)
        check_leaves(self._trajectory, content, storage.properties)
        self._identity = identify(self, plugins.versionings)
        self._config = EnvironmentConfig(self._trajectory, self.name)
        self._existing = ExistingRuns(self._trajectory, options["on_existing"], self._config)
        self._summary = ExperimentSummary()
        try:
            self._set_up(storage, plugins)
            add_leaves(self._trajectory, content)
        except BaseException:
            self.disable_logging()
            raise
        return plugins

    def _set_up(self, storage: StoragePlan, plugins: PluginSet) -> None:
        """Start logging, make the storage service, and record the settings."""
        trajectory, options = self._trajectory, plugins.options
        set_owner(trajectory, self.name, self.hexsha)
        context = LogContext.of(trajectory, self.name)
        for setup in plugins.logging:
            setup.start(context)
        for versioning in plugins.versionings:
            versioning.environment_named(self)
        # First, because the former storage service may have the seed.
        self._seed_choice = SeedChoice(trajectory, options["seed"])
        if storage.unclaimed_file:
            _logger.warning(storage.unclaimed_file)
        trajectory.v_storage_service = storage.choice.make()
        trajectory.f_set_properties(**storage.properties)
        self._config.add_settings(
            options,
            self.timestamp,
            self.hexsha,
            self._seed_choice.set(self._existing.seed),
            plugins.wrap_mode,
            plugins.scheduler.describe(options),
            plugins.fixed_url,
        )
        if storage.ignored:
            _logger.info(
                "The storage service does not take these options of the config file: %s.",
                ", ".join(storage.ignored),
            )
        _logger.info("%r is ready.", self)

    # ----- running --------------------------------------------------------------------------

    def run(self, runfunc: RunFunction, *args: Any, **kwargs: Any) -> Results:
        """Execute all runs that are due with the same arguments.

        ``runfunc(traj, *args, **kwargs)`` is called once for each run. With ``on_existing`` the
        trajectory becomes the stored one of the same name, if there is one, and runs that an
        earlier start of the script completed are not due.

        Returns
        -------
        list
            Tuples ``(index, return value)`` of the runs executed by this call, by index. Runs that
            failed are left out if the others go on without them (``on_error='continue'``, and by
            default with a process for each run); `Trajectory.f_get_run_errors` has their errors.

        Raises
        ------
        RuntimeError
            The environment was made with ``do_single_runs=False``; or the trajectory is new, but
            the storage has one of its name; or a worker imports a main script that starts
            parallel runs outside of ``if __name__ == '__main__'``.
        WorkerDiedError
            No worker could be started, regardless of ``on_error``.
        TypeError
            ``runfunc`` does not accept the trajectory and these arguments.
        PresettingError
            A parameter was preset but never added.
        ExistingTrajectoryError
            With ``on_existing``: the stored trajectory has other parameters, or lacks points that
            ``'skip'`` does not add. Also a RuntimeError.
        Exception
            Whatever a run raises, with a note that names the run, unless the others go on.
        """
        with user_tracebacks():
            self._check_runs_wanted("run")
            return self._execute(lambda: self._plan(Job(runfunc, args, kwargs)))

    def run_map(self, runfunc: RunFunction, *iter_args: Any, **iter_kwargs: Any) -> Results:
        """Execute all runs that are due, each with arguments of its own.

        Every argument is an iterable with one element for each run, in the order of runs; the
        element is drawn right before the run. Longer iterables are fine. With ``on_existing`` a
        run that an earlier start did not complete gets the element of its place among the points
        of the script, and the elements of all others are skipped.

        Returns
        -------
        list
            As for `run`.

        Raises
        ------
        ValueError
            There is no argument, or an iterable is too short. If its length is known, this is
            raised before the first run.
        TypeError
            An argument is not iterable.
        Exception
            As for `run`.
        """
        with user_tracebacks():
            self._check_runs_wanted("run_map")
            if not iter_args and not iter_kwargs:
                raise ValueError("run_map needs at least one iterable beside the run function.")
            return self._execute(lambda: self._plan(MapJob(runfunc, iter_args, iter_kwargs)))

    def search(
        self,
        runfunc: RunFunction,
        sampler: Any,
        objective: str | Callable[[Any], Any] | None = None,
        space: Mapping[str, Any] | None = None,
        *,
        direction: str = "minimize",
        max_runs: int | None = None,
        max_seconds: float | None = None,
        target: float | None = None,
        patience: int | None = None,
        seed: int | None = None,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = {},
    ) -> Trajectory:
        """Search for the parameters with the best value of an objective.

        A sampler chooses the points: the trajectory is expanded by one whenever a worker is free,
        and the value of each run is passed to the sampler when the run has finished. Points are
        stored before their runs start, and values with their runs, so a search can be continued
        after a crash like any other experiment: with ``on_existing``, with ``resumable``, or with
        the loaded trajectory. Failed runs are reported to the sampler as failed; they neither end
        the search nor are executed again.

        Parameters
        ----------
        runfunc
            ``runfunc(traj, *args, **kwargs)`` is called once for each run.
        sampler
            ``'random'``, ``'sobol'``, ``'optuna'`` or the name of another sampler; a
            `pypet.interfaces.Sampler`; or an object that one of them adapts, such as a sampler of
            Optuna.
        objective
            The name of a result that the run function adds; a function of its return value, which
            is called in the worker; or None if it returns the number itself. Values that are NaN
            or infinite are reported as failed.
        space
            Name of each parameter -> its range: `pypet.sampling.uniform`, ``integers``,
            ``choice``, or a list of options. The parameters have to exist. If the trajectory
            explores parameters already, they have to be the same; their points are executed first.
        direction
            ``'minimize'`` or ``'maximize'``.
        max_runs
            Stop at this number of runs of the trajectory, including those of earlier starts.
        max_seconds
            Stop asking for points after this time, in seconds since this call.
        target
            Stop asking for points once a run is at least as good.
        patience
            Stop asking for points after this number of runs without a better value.
        seed
            Seed of the sampler, a non-negative integer; None: derived from the seed of the
            trajectory. It is recorded.
        args, kwargs
            Further arguments of ``runfunc``.

        Returns
        -------
        Trajectory
            The trajectory with all runs. ``config.searches`` records each search, with its seed
            and ``best_run``, the index of the best run so far.

        Raises
        ------
        UnknownPluginError, MissingDependencyError
            There is no such sampler, or it needs a package.
        ValueError
            No stopping criterion is given; an argument is wrong; or other parameters are explored.
        AttributeError
            There is no parameter of a name in ``space``.
        Exception
            As for `run`; of runs themselves with ``on_error='raise'`` only.
        """
        from pypet.sampling.ranges import as_space

        with user_tracebacks():
            self._check_runs_wanted("search")
            manager = self._live_plugins("`search`").manager
            job = SearchJob(
                runfunc,
                args,
                kwargs,
                sampler=resolve_sampler(sampler, manager),
                space=as_space({} if space is None else space, "`search`"),
                objective=Objective(objective),
                direction=direction,
                criteria=StopCriteria(max_runs, max_seconds, target, patience),
                seed=seed,
            )
            self._execute(lambda: self._search_plan(job))
        return self._trajectory

    def pipeline(self, pipeline: Callable[[Trajectory], Any]) -> Results:
        """Execute an experiment that a function sets up.

        ``pipeline(traj)`` is called once, adds and explores parameters, and returns the run
        function with its arguments: ``run``, ``(run,)``, ``(run, args)`` or
        ``(run, args, kwargs)``, or two such tuples, the second one for post-processing.

        Returns
        -------
        list
            As for `run`; empty if the pipeline returns None, which is allowed with
            ``do_single_runs=False`` only.

        Raises
        ------
        RuntimeError
            The pipeline returns something else, or a run function although
            ``do_single_runs=False``.
        Exception
            As for `run`.
        """
        with user_tracebacks():
            return self._execute(lambda: self._pre_process(pipeline, Job))

    def pipeline_map(self, pipeline: Callable[[Trajectory], Any]) -> Results:
        """Like `pipeline`, but the arguments of the run function are iterables as in `run_map`."""
        with user_tracebacks():
            return self._execute(lambda: self._pre_process(pipeline, MapJob))

    def add_postprocessing(
        self, postproc: Callable[..., Any] | None, *args: Any, **kwargs: Any
    ) -> None:
        """Call ``postproc(traj, results, *args, **kwargs)`` when all runs are executed.

        ``results`` is the list that `run` returns. If the function expands the trajectory, or
        returns a dictionary to expand it with, the new runs are executed and it is called again.
        It may return a tuple of up to five entries: that dictionary, new ``args`` and ``kwargs``
        of the run function, and new ``args`` and ``kwargs`` of post-processing. There is one
        function; a later one replaces it, and None removes it.

        Raises
        ------
        TypeError
            It does not accept these arguments.
        """
        self._live_plugins("`add_postprocessing`")
        self._postprocessing = None if postproc is None else PostProcessing(postproc, args, kwargs)

    def add_postproc(self, postproc: Callable[..., Any] | None, *args: Any, **kwargs: Any) -> None:
        """The same as `add_postprocessing`."""
        self.add_postprocessing(postproc, *args, **kwargs)

    @kwargs_api_change("continue_folder", "resume_folder")
    def resume(
        self,
        trajectory_name: str | None = None,
        resume_folder: str | os.PathLike[str] | None = None,
        *,
        force: bool = False,
    ) -> Results:
        """Resume an experiment that was made with ``resumable=True`` and crashed.

        The trajectory of the experiment, as it was before its runs, replaces that of the
        environment, with its storage service, run function, arguments and post-processing. Runs
        that were committed count as completed; all others are executed with the cores, the
        scheduler and the wrap mode of this environment. Unpickling the data of resume folders can
        execute arbitrary code: only resume what you trust.

        Parameters
        ----------
        trajectory_name
            Name of the trajectory, with the time if that was added; by default that of the
            environment's own.
        resume_folder
            The folder with the folders of experiments, by default that of the environment.
        force
            Resume although the run function or a setting has changed.

        Returns
        -------
        list
            As for `run`, of all runs of the experiment.

        Raises
        ------
        RuntimeError
            The environment is not resumable, or was made with ``do_single_runs=False``.
        FileNotFoundError
            There is no such experiment in the folder.
        ResumeError
            The experiment is running; or something that the message names has changed, and
            ``force`` is not given.
        StorageFormatError
            The snapshot is damaged, or of the established pypet.
        Exception
            As for `run`.
        """
        plugins = self._live_plugins("`resume`")
        if not plugins.options["resumable"]:
            raise RuntimeError(
                "`resume` is not available: make the environment with resumable=True."
            )
        self._check_runs_wanted("resume")
        assert plugins.journal is not None
        with user_tracebacks():
            name = self._trajectory.v_name if trajectory_name is None else trajectory_name
            given = {each: self._options[each] for each in plugins.options.given}
            restored = plugins.journal.restore(self, name, resume_folder, given, force=force)
            try:
                return self._resume_from(plugins, restored)
            finally:
                plugins.journal.end(completed=False)  # does nothing after a complete experiment

    def _resume_from(self, plugins: PluginSet, restored: Restored) -> Results:
        snapshot = restored.snapshot
        former, self._trajectory = self._trajectory, cast("Trajectory", snapshot.trajectory)
        self._config = transfer_config(former, self._trajectory, self.name)
        self._config.set_start(snapshot.start_timestamp)
        self._existing = ExistingRuns(self._trajectory, None, self._config)
        self._current_idx = 0
        plan = ExperimentPlan(snapshot.job, snapshot.postprocessing)
        experiment = Experiment(
            self, plugins, self._config, self._summary, self._existing, restored
        )
        with restored.context:
            return experiment.execute(lambda: plan)

    @deprecated("It is called `resume`.")
    def f_continue(self, *args: Any, **kwargs: Any) -> Results:
        """Call `resume`; the former name of it."""
        return self.resume(*args, **kwargs)

    def disable_logging(self, remove_all_handlers: bool = True) -> None:
        """Close the log files, and restore loggers and stdout.

        With ``remove_all_handlers=False`` only stdout is restored, and the log files stay open.
        Does nothing on a handle that was unpickled, which has no log files.
        """
        if self._plugins is None:
            return
        for setup in self._plugins.logging:
            setup.stop(remove_all_handlers=remove_all_handlers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.disable_logging()

    # ----- for experiments ------------------------------------------------------------------

    def _check_runs_wanted(self, method: str) -> None:
        if not self._live_plugins(f"`{method}`").options["do_single_runs"]:
            raise RuntimeError(
                f"`{method}` is not available: the environment was made with "
                "do_single_runs=False, for analysis only."
            )

    def _execute(self, obtain_plan: Callable[[], ExperimentPlan | None]) -> Results:
        plugins = self._live_plugins("An experiment")
        experiment = Experiment(self, plugins, self._config, self._summary, self._existing)
        return experiment.execute(obtain_plan)

    def _plan(self, job: Job) -> ExperimentPlan:
        job.check_signature()
        loaded_seed = self._seed_choice.adopt_loaded(self._trajectory, self.name)
        if loaded_seed is not None:
            self._config.put_seed(loaded_seed)
        return ExperimentPlan(job, self._postprocessing)

    def _search_plan(self, job: SearchJob) -> ExperimentPlan:
        self._existing.include_stored_points()
        return self._plan(job)

    def _pre_process(
        self, pipeline: Callable[[Trajectory], Any], kind: type[Job]
    ) -> ExperimentPlan | None:
        """Call a pipeline function and return its plan, None for no runs."""
        wants_runs = self._options["do_single_runs"]
        parts = call_pipeline(pipeline, self._trajectory, wants_runs=wants_runs)
        if parts is None:
            return None
        self._check_runs_wanted("pipeline with a run function")
        if parts.postprocessing is not None:
            self._postprocessing = PostProcessing(*parts.postprocessing)
        return self._plan(kind(*parts.run))


def _trajectory_of(options: Mapping[str, Any]) -> Trajectory:
    """Return a new trajectory if a name is given, else the given one.

    Raises
    ------
    TypeError
        It is neither a name nor a trajectory.
    """
    given = options["trajectory"]
    if isinstance(given, str):
        return Trajectory(
            given,
            add_time=options["add_time"],
            comment=options["comment"],
            dynamic_imports=options["dynamic_imports"],
            wildcard_functions=options["wildcard_functions"],
        )
    if not isinstance(given, Trajectory):
        raise TypeError(
            f"trajectory={given!r}: give the name of a new trajectory or a Trajectory, not "
            f"{type(given).__name__}."
        )
    return given
