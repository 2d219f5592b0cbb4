"""Runs in worker processes: what is sent to a worker, and how it executes a task."""

from __future__ import annotations

import logging
import pickle
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.environment import shared_warnings
from pypet.environment.job import Job
from pypet.environment.signals import sigint_handling
from pypet.environment.single_run import SingleRun
from pypet.errors import RunSkippedError
from pypet.interfaces import (
    LogContext,
    LoggingSetup,
    Outcome,
    StorageService,
    Task,
    TaskFunction,
    WorkerService,
)
from pypet.interfaces._worker_setup import ForkAware, RunAware
from pypet.interfaces.scheduling import pickled
from pypet.runs import run_table_of
from pypet.support import run_banners
from pypet.trajectory.pickling import (
    bare_and_full,
    full_copy_flags,
    load_for_run,
    pickled_by_name,
    restore_flags,
)
from pypet.trajectory.state_snapshot import StateSnapshot
from pypet.tree.node import put

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

_logger = logging.getLogger("pypet")


class WorkerSettings(NamedTuple):
    """How workers execute runs; picklable as an argument of a process."""

    service: StorageService
    """The storage service of the trajectory in a worker."""
    collect: Callable[[Trajectory], Any]
    """Returns what is sent to the main process with the outcome of a run."""
    log_setups: Sequence[LoggingSetup]
    environment_name: str
    hexsha: str
    automatic_storing: bool
    clean_up: bool
    graceful: bool
    freeze_input: bool
    """Runs share trajectory, function and arguments instead of fresh copies."""
    encode_value: Callable[[Any], bytes] | None = None
    """Encodes what runs return for the journal that they are committed to; None without one."""
    logs_failures: bool = True
    """Workers have log files of their own. Without, only the main process logs failures."""


class WorkerRun(TaskFunction, ForkAware):
    """Executes runs in processes that were forked: each on the trajectory that it inherits."""

    def __init__(self, trajectory: Trajectory, job: Job, settings: WorkerSettings) -> None:
        self._trajectory: Any = trajectory
        self._job = job
        self._settings = settings
        self._run: SingleRun | None = None

    def serialized(self, dumps: Callable[[Any], bytes] = pickled) -> SerializedRun:
        """Return the same function in pickles, one of the trajectory and one of the job.

        Raises
        ------
        Exception
            What pickling raises, with a note that names the object and a remedy.
        """
        job = Job(self._job.function, self._job.args, self._job.kwargs)
        with pickled_by_name(self._trajectory):
            job_image = _image(
                dumps,
                job,
                "The run function or its arguments",
                "Use functions of modules, not lambdas or functions in functions; or execute every "
                "run in a process of its own with use_pool=False on a platform that can fork.",
            )
        flags = full_copy_flags(self._trajectory)
        with bare_and_full(self._trajectory):
            remedy = "Some leaf holds such data."
            image = _image(dumps, self._trajectory, "The trajectory", remedy)
        return SerializedRun(image, job_image, flags, self._settings)

    def start_worker(self, index: int | None = None) -> None:
        """Take over the storage service and set up logging and signals."""
        if self._run is None:
            self._prepare()
        _start_logging(self._trajectory, index, self._settings)

    def prepare_fork(self) -> None:
        """Take over the storage service and set up signals, for the processes forked from here."""
        self._prepare()
        if isinstance(self._settings.service, ForkAware):
            self._settings.service.prepare_fork()
        # Or each process that is forked from here copies the run table.
        run_table_of(self._trajectory).columns.unshare()

    def reset_after_crash(self) -> None:
        """Allow the service to replace what a dead process may have left unfinished."""
        if isinstance(self._settings.service, ForkAware):
            self._settings.service.reset_after_crash()

    def __call__(self, task: Task) -> Outcome:
        """Execute the one task of the process."""
        assert self._run is not None
        return _execute(self._run, self._trajectory, task, self._settings)

    def _prepare(self) -> None:
        settings = self._settings
        _prepare_process(settings)
        put(self._trajectory, "_storage_service", settings.service)
        self._run = _single_run(self._trajectory, self._job, settings, clean_up=False)


class SerializedRun(TaskFunction, RunAware):
    """Executes runs in workers that stay, or that were not forked, from pickles."""

    def __init__(
        self,
        image: bytes,
        job_image: bytes,
        full_copy_flags: dict[str, bool],
        settings: WorkerSettings,
    ) -> None:
        self._image = image
        self._job_image = job_image
        self._flags = full_copy_flags
        self._settings = settings
        self._trajectory: Any = None
        self._before: StateSnapshot | None = None
        self._run: SingleRun | None = None
        self._stays = False
        """Whether the worker executes many tasks and reports them together."""

    def serialized(self, dumps: Callable[[Any], bytes] = pickled) -> SerializedRun:
        """Return itself, which consists of bytes already."""
        return self

    def start_worker(self, index: int | None = None) -> None:
        """Unpickle everything, and set up logging and signals."""
        self._unpack()
        self._stays = index is None
        _prepare_process(self._settings)
        _start_logging(self._trajectory, index, self._settings)

    def start_run(self, index: int) -> None:
        """Set up logging for another run."""
        run_banners.flush()
        _start_logging(self._trajectory, index, self._settings)

    def __call__(self, task: Task) -> Outcome:
        """Execute a task, independent of former ones unless input is frozen."""
        settings = self._settings
        if settings.freeze_input:
            if self._run is None:
                self._run = self._new_run(settings.clean_up)
            return _execute(self._run, self._trajectory, task, settings)
        if self._before is None:
            self._before = StateSnapshot(self._trajectory)
        try:
            return _execute(self._new_run(True), self._trajectory, task, settings)
        finally:
            if not self._before.is_unchanged():
                self._unpack()

    def before_report(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Store what the service has deferred until now, if it is one that defers."""
        service = self._settings.service
        failures = service.store_deferred() if isinstance(service, WorkerService) else {}
        if not failures:
            return outcomes
        return [
            outcome._replace(value=None, error=failures[outcome.index], is_refused=True)
            if outcome.error is None and outcome.index in failures
            else outcome
            for outcome in outcomes
        ]

    def detach(self, outcome: Outcome) -> Outcome | None:
        """Add a copy of what the service has deferred for the run, if it is one that defers."""
        service = self._settings.service
        if not isinstance(service, WorkerService):
            return outcome
        deferred = service.copy_deferred(outcome.index)
        if not deferred:
            return None if deferred is None else outcome
        return None if outcome.payload is not None else outcome._replace(payload=deferred)

    def drop_deferred(self, indices: Sequence[int]) -> None:
        """Have the service drop what it has deferred for these runs."""
        service = self._settings.service
        if isinstance(service, WorkerService):
            service.drop_deferred(indices)

    def _new_run(self, clean_up: bool) -> SingleRun:
        job: Job = load_for_run(pickle.loads, self._job_image, self._trajectory)
        service = self._settings.service
        storing = None
        if self._stays and isinstance(service, WorkerService):
            storing = service.deferral
        return _single_run(
            self._trajectory, job, self._settings, clean_up=clean_up, storing=storing
        )

    def _unpack(self) -> None:
        """Unpickle the trajectory."""
        trajectory = pickle.loads(self._image)
        put(trajectory, "_storage_service", self._settings.service)
        restore_flags(trajectory, self._flags)
        self._trajectory = trajectory
        self._before = None


def _single_run(
    trajectory: Trajectory,
    job: Job,
    settings: WorkerSettings,
    *,
    clean_up: bool,
    storing: AbstractContextManager[Any] | None = None,
) -> SingleRun:
    return SingleRun(
        trajectory,
        job,
        settings.hexsha,
        automatic_storing=settings.automatic_storing,
        clean_up=clean_up,
        storing=storing,
        encode=settings.encode_value,
        is_sent=True,
    )


def _execute(
    run: SingleRun, trajectory: Trajectory, task: Task, settings: WorkerSettings
) -> Outcome:
    """Execute a task and take along what the wrap mode wants to bring home."""
    if sigint_handling.hit:
        skipped = RunSkippedError(f"Run {task.index} was not started: interrupted.")
        return Outcome(task.index, None, 0.0, 0.0, skipped, interrupted=True)
    outcome = run(task)
    if outcome.error is not None and settings.logs_failures:
        _logger.error("Failed: run %d", task.index, exc_info=outcome.error)
    try:
        payload = settings.collect(trajectory)
    except Exception as error:
        return Outcome(task.index, None, outcome.started, time(), outcome.error or error)
    if payload is not None or sigint_handling.hit:
        return outcome._replace(payload=payload, interrupted=sigint_handling.hit)
    return outcome


def _start_logging(trajectory: Trajectory, index: int | None, settings: WorkerSettings) -> None:
    """Set up logging of a worker."""
    if not settings.log_setups:
        return
    number = -1 if index is None else index
    context = LogContext.of(trajectory, settings.environment_name, number)
    for setup in settings.log_setups:
        setup.start_worker(context)
    run_banners.flush_at_end_of_worker()


def _prepare_process(settings: WorkerSettings) -> None:
    """Set up warnings and signals of the process."""
    shared_warnings.install()
    _prepare_signals(settings)


def _prepare_signals(settings: WorkerSettings) -> None:
    if settings.graceful:
        sigint_handling.start(prints_notice=False)
    elif threading.current_thread() is threading.main_thread():
        # CTRL+C reaches all processes of a terminal; only the main process handles it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _image(dumps: Callable[[Any], bytes], thing: Any, what: str, remedy: str) -> bytes:
    try:
        return dumps(thing)
    except Exception as error:
        error.add_note(f"pypet: {what} cannot be sent to workers. {remedy}")
        raise
