"""`Environment`: sets an experiment up and executes it."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from pypet.environment import construction
from pypet.environment.arguments import called_like, environment_arguments
from pypet.environment.config_entries import EnvironmentConfig, take_config
from pypet.environment.config_file import (
    add_leaves,
    check_leaves,
    optional_storage_keywords,
    read_config,
    telling_places,
)
from pypet.environment.existing_runs import ExistingRuns
from pypet.environment.experiment import Experiment, Plan
from pypet.environment.features import Features, make_features
from pypet.environment.handle import STAYS, handle_error, portable_options
from pypet.environment.identity import identify, sign
from pypet.environment.job import Job, MapJob, RunFunction
from pypet.environment.lazy_debug import debug_options
from pypet.environment.pipeline import call_pipeline
from pypet.environment.postprocessing import PostProcessing, Results
from pypet.environment.summary import ExperimentSummary
from pypet.errors import OptionWarning
from pypet.options import OptionsDoc, OptionsSignature, collect, warn_of_ineffective_options
from pypet.support.arguments import is_integer
from pypet.support.decorators import deprecated, kwargs_api_change, prefix_naming
from pypet.support.processes import refuse_in_loaded_script
from pypet.support.tracebacks import user_tracebacks
from pypet.trajectory.randomness import draw_seed
from pypet.trajectory.recorded_seeds import latest_seed

if TYPE_CHECKING:
    from pypet.interfaces import ConfigContent, Restored
    from pypet.manager import PluginManager
    from pypet.trajectory import Trajectory

_logger = logging.getLogger("pypet.environment.Environment")

_DOC = """Supervises an experiment: storing, logging and the execution of runs.

::

    with Environment(trajectory='example', filename='example.hdf5') as env:
        env.traj.f_add_parameter('x', 1.0)
        env.traj.f_explore({'x': [1.0, 2.0, 3.0]})
        env.run(simulate)

Leaving the ``with`` block detaches the log files. Every public name may also be written with the
prefix ``f_`` or ``v_``.

A pickle of an environment gives a handle: it has the names, times, options and the trajectory of
the environment, but executes nothing. Options that cannot be pickled, such as an executor, are
left out.

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
class Environment:
    __signature__ = OptionsSignature()
    __doc__ = OptionsDoc(_DOC)

    @called_like(environment_arguments)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        refuse_in_loaded_script("an environment")  # which may overwrite files
        manager = construction.manager_for(kwargs)
        kwargs, content = read_config(manager, args, kwargs)
        with telling_places(content):
            # Not the former manager: the file may switch plugins off.
            self._construct(construction.manager_for(kwargs), args, kwargs, content)
        self._here("`Environment`").manager.environment_created(self)

    def _construct(
        self,
        manager: PluginManager,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        content: ConfigContent,
    ) -> None:
        options, leftovers = collect(manager, args, kwargs, stacklevel=3)
        debugged = debug_options(options)
        options.update(debugged)
        features = make_features(options, manager)
        shared = {entry.name for entry in content.keywords}
        warn_of_ineffective_options(options, features.scheduler, shared=shared, stacklevel=3)
        if features.fallback is not None:
            warnings.warn(features.fallback, OptionWarning, stacklevel=3)
        self._features: Features | None = features
        self._options = features.options
        self._postprocessing: PostProcessing | None = None
        self._current_idx = 0
        self._draws_seed = False
        self._trajectory = construction.make_trajectory(options)
        storage = construction.plan_storage(
            self._trajectory,
            options,
            leftovers,
            manager,
            mode=features.wrap_mode,
            replace=bool(debugged),
            optional=optional_storage_keywords(content, options),
        )
        if storage.unused_service:
            warnings.warn(storage.unused_service, OptionWarning, stacklevel=3)
        check_leaves(self._trajectory, content, storage.properties)
        self._identity = identify(self, features.versionings)
        self._config = EnvironmentConfig(self._trajectory, self.name)
        self._existing = ExistingRuns(self._trajectory, options["on_existing"], self._config)
        self._summary = ExperimentSummary()
        try:
            self._set_up(storage, features)
            add_leaves(self._trajectory, content)
        except BaseException:
            self.disable_logging()
            raise

    # ----- what it is -----------------------------------------------------------------------

    @property
    def trajectory(self) -> Trajectory:
        """The trajectory that the environment runs."""
        return self._trajectory

    @property
    def traj(self) -> Trajectory:
        """The same as `trajectory`."""
        return self._trajectory

    @property
    def name(self) -> str:
        """``environment_<7 characters of hexsha>_<time>``; names the group in the config."""
        return self._identity.name

    @property
    def hexsha(self) -> str:
        """SHA-1 of the commit that was made for the environment, else of names and times."""
        return self._identity.hexsha

    @property
    def timestamp(self) -> float:
        """When the environment was made, in seconds since the epoch; with a new trajectory, when
        that was made."""
        return self._identity.timestamp

    @property
    def time(self) -> str:
        """The timestamp as local time, ``2015_10_21_04h29m00s``."""
        return self._identity.time

    @property
    def options(self) -> Mapping[str, Any]:
        """The values of all options, also those of plugins, by name."""
        return MappingProxyType(self._options)

    @property
    def current_idx(self) -> int:
        """Index, from 0, of the first run that the next call looks at; completed ones are skipped.

        After all runs were executed it is the number of runs, after an error or interruption the
        first run that is not completed. Can be set.
        """
        return self._current_idx

    @current_idx.setter
    def current_idx(self, index: int) -> None:
        if not is_integer(index):
            raise TypeError(f"`current_idx` is the index of a run, not {index!r}.")
        if index < 0:
            raise ValueError(f"`current_idx` is 0 for the first run, {index} for none.")
        self._current_idx = int(index)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a handle has: name and times, trajectory, and the options that can travel."""
        state = {name: value for name, value in vars(self).items() if name not in STAYS}
        return {**state, "_options": portable_options(self._options, self._trajectory)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become a handle; nothing is started, opened or configured."""
        vars(self).update(state, _features=None)

    def __repr__(self) -> str:
        return f"<Environment {self.name} for Trajectory {self._trajectory.v_name}>"

    # ----- running --------------------------------------------------------------------------

    def run(self, runfunc: RunFunction, *args: Any, **kwargs: Any) -> Results:
        """Execute all runs that are due with the same arguments.

        ``runfunc(traj, *args, **kwargs)`` is called once for each run. With ``on_existing``, runs
        that an earlier start of the script completed are not due; a stored trajectory of the same
        name is then what the trajectory becomes.

        Returns
        -------
        list
            Tuples ``(index, return value)`` of the runs executed by this call, by index. Runs that
            failed are left out if the others go on without them (``on_error='continue'``, and by
            default with a process for each run); `Trajectory.f_get_run_errors` has their errors.

        Raises
        ------
        RuntimeError
            The environment was made with ``do_single_runs=False``, or the trajectory is new but
            its name is taken in the storage, or a worker imports a main script that starts
            parallel runs outside of ``if __name__ == '__main__'``.
        WorkerDiedError
            No worker could be started, whatever ``on_error`` says.
        TypeError
            ``runfunc`` is no function of the trajectory and these arguments.
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

        Every argument is an iterable that gives one element for each run, in the order of runs;
        it is asked right before the run. Longer iterables are fine. With ``on_existing`` a run
        that an earlier start did not complete gets the element of its place among the points of
        the script, and the elements of the others are passed over.

        Returns
        -------
        list
            As for `run`.

        Raises
        ------
        ValueError
            There is no argument, or an iterable is too short. If its length is known, this is
            told before anything runs.
        TypeError
            An argument is no iterable.
        Exception
            As for `run`.
        """
        with user_tracebacks():
            self._check_runs_wanted("run_map")
            if not iter_args and not iter_kwargs:
                raise ValueError("run_map needs at least one iterable beside the run function.")
            return self._execute(lambda: self._plan(MapJob(runfunc, iter_args, iter_kwargs)))

    def pipeline(self, pipeline: Callable[[Trajectory], Any]) -> Results:
        """Execute an experiment that a function describes.

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
        """As `pipeline`, but the arguments of the run function are iterables as in `run_map`."""
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
            It is no function of these arguments.
        """
        self._here("`add_postprocessing`")
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
        """Go on with an experiment that was made with ``resumable=True`` and crashed.

        The trajectory of the experiment, as it was before its runs, replaces that of the
        environment, and so do its storage service and its run function with arguments and
        post-processing. Runs that were committed count, all others are executed, with the cores,
        the scheduler and the wrap mode of this environment. Data of resume folders is unpickled,
        which can execute anything: only resume what you trust.

        Parameters
        ----------
        trajectory_name
            Name of the trajectory, with the time if that was added; by default that of the
            environment's own.
        resume_folder
            The folder with the folders of experiments, by default that of the environment.
        force
            Go on although the run function or a setting is not what it was.

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
            The experiment is running; or something has changed, and ``force`` is not given: the
            message shows what.
        StorageFormatError
            The snapshot is damaged, or of the established pypet.
        Exception
            As for `run`.
        """
        features = self._here("`resume`")
        if not features.options["resumable"]:
            raise RuntimeError(
                "`resume` is not available: make the environment with resumable=True."
            )
        self._check_runs_wanted("resume")
        assert features.journal is not None
        with user_tracebacks():
            name = self._trajectory.v_name if trajectory_name is None else trajectory_name
            given = {each: self._options[each] for each in features.given}
            restored = features.journal.restore(self, name, resume_folder, given, force=force)
            try:
                return self._go_on(features, restored)
            finally:
                features.journal.end(completed=False)  # if it did not get as far as to its end

    def _go_on(self, features: Features, restored: Restored) -> Results:
        snapshot = restored.snapshot
        former, self._trajectory = self._trajectory, cast("Trajectory", snapshot.trajectory)
        self._config = take_config(former, self._trajectory, self.name)
        self._config.note_start(snapshot.start_timestamp)
        self._existing = ExistingRuns(self._trajectory, None, self._config)
        self._current_idx = 0
        plan = Plan(snapshot.job, snapshot.postprocessing)
        experiment = Experiment(
            self, features, self._config, self._summary, self._existing, restored
        )
        with restored.context:
            return experiment.execute(lambda: plan)

    @deprecated("It is called `resume`.")
    def f_continue(self, *args: Any, **kwargs: Any) -> Results:
        """Call `resume`; the former name of it."""
        return self.resume(*args, **kwargs)

    def disable_logging(self, remove_all_handlers: bool = True) -> None:
        """Detach and close the log files, and restore loggers and stdout.

        With ``remove_all_handlers=False`` only stdout is restored, the log files go on. Does
        nothing on a handle that was unpickled, which has no log files.
        """
        if self._features is None:
            return
        for setup in self._features.logging:
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

    # ----- construction ---------------------------------------------------------------------

    def _set_up(self, storage: construction.StoragePlan, features: Features) -> None:
        """Start logging, make the storage service, and write down the settings."""
        trajectory = self._trajectory
        sign(trajectory, self.name, self.hexsha)
        context = construction.log_context(trajectory, self.name)
        for setup in features.logging:
            setup.start(context)
        for versioning in features.versionings:
            versioning.environment_named(self)
        seed = self._choose_seed(features.options["seed"])  # first: the former storage may have it
        trajectory.v_storage_service = storage.choice.make()
        trajectory.f_set_properties(**storage.properties)
        if self._draws_seed:
            known = self._existing.seed()
            if known is not None:
                seed, self._draws_seed = known, False
        trajectory._seed = seed
        self._config.add_settings(
            features.options,
            self.timestamp,
            self.hexsha,
            seed,
            features.wrap_mode,
            features.scheduler.describe(features.options),
            features.fixed_url,
        )
        if storage.left_out:
            _logger.info(
                "The storage service does not take these options of the config file: %s.",
                ", ".join(storage.left_out),
            )
        _logger.info("%r is ready.", self)

    def _choose_seed(self, given: int | None) -> int:
        """Return the seed that is given, else that of the runs before, else a new one."""
        if given is not None:
            return given
        known = self._trajectory._seed
        if known is None:
            known = latest_seed(self._trajectory)
        self._draws_seed = known is None
        return draw_seed() if known is None else known

    def _take_over_seed(self) -> None:
        """Take the seed of a trajectory that was loaded only after the environment was made."""
        if not self._draws_seed:
            return
        self._draws_seed = False
        trajectory = self._trajectory
        if trajectory._generators:
            return  # numbers of the seed that was drawn are in use
        seed = latest_seed(trajectory, but=self.name)
        if seed is not None:
            trajectory._seed = seed
            self._config.put_seed(seed)

    # ----- for experiments ------------------------------------------------------------------

    def _check_runs_wanted(self, method: str) -> None:
        if not self._here(f"`{method}`").options["do_single_runs"]:
            raise RuntimeError(
                f"`{method}` is not available: the environment was made with "
                "do_single_runs=False, for analysis only."
            )

    def _execute(self, obtain_plan: Callable[[], Plan | None]) -> Results:
        features = self._here("An experiment")
        experiment = Experiment(self, features, self._config, self._summary, self._existing)
        return experiment.execute(obtain_plan)

    def _here(self, what: str) -> Features:
        """Return what plugins give the environment; RuntimeError if this is only a handle."""
        if self._features is None:
            raise handle_error(what, self.name)
        return self._features

    def _plan(self, job: Job) -> Plan:
        job.check_signature()
        self._take_over_seed()
        return Plan(job, self._postprocessing)

    def _pre_process(self, pipeline: Callable[[Trajectory], Any], kind: type[Job]) -> Plan | None:
        """Call a pipeline function and return what it asks for."""
        wants_runs = self._options["do_single_runs"]
        parts = call_pipeline(pipeline, self._trajectory, wants_runs=wants_runs)
        if parts is None:
            return None
        self._check_runs_wanted("pipeline with a run function")
        if parts.postprocessing is not None:
            self._postprocessing = PostProcessing(*parts.postprocessing)
        return self._plan(kind(*parts.run))
