"""The contract of schedulers: they take tasks and yield outcomes as runs finish."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from pypet.interfaces.admission import AdmissionGate
from pypet.interfaces.feature import Feature


class Task(NamedTuple):
    """One run to execute: its index and the arguments that only this run has."""

    index: int  # type: ignore[assignment]  # hides the method of tuples, which nobody needs
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}


class Outcome(NamedTuple):
    """What became of one run.

    ``started`` and ``finished`` are seconds since the epoch. ``error`` is the exception that
    the run function raised, None if the run completed. ``references`` is what a wrap mode
    wants to bring back from the worker with the outcome. ``interrupted`` says that the process
    was asked to end gracefully: no further runs should start. ``is_refused`` says that the error
    came from storing what the run had added.
    """

    index: int  # type: ignore[assignment]  # hides the method of tuples, which nobody needs
    value: Any
    started: float
    finished: float
    error: BaseException | None = None
    references: Any = None
    interrupted: bool = False
    is_refused: bool = False


class Activity(NamedTuple):
    """What the workers of a scheduler do at a moment."""

    workers: int
    """How many there may be."""
    running: Sequence[int]
    """Indices of the runs that are being executed, as far as that is known."""


def pickled(thing: Any) -> bytes:
    """Return the pickle of something in the newest format that all processes understand."""
    return pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)


class Work(ABC):
    """What schedulers execute in other processes: a function of tasks that can travel.

    A process that was forked may call the object itself; it then shares everything that existed
    before the fork. Where processes do not inherit, or stay for many runs, `packed` is what they
    get: it is pickled as an argument of the process, and nothing else of the work travels.
    """

    @abstractmethod
    def packed(self, dumps: Callable[[Any], bytes] = pickled) -> Work:
        """Return the same work with everything that can change serialised, once for all workers.

        ``dumps`` makes bytes that `pickle.loads` understands; pickle does by default.

        Raises
        ------
        Exception
            Something cannot be pickled; a note says what can be done.
        """

    @abstractmethod
    def start_worker(self, index: int | None = None) -> None:
        """Get ready in a worker, before the first task.

        ``index`` is the only run that the process will execute, None if it stays for many.
        """

    def start_run(self, index: int) -> None:
        """Get ready for another task, in a worker that was started for one and stays for more.

        ``index`` is that of its run, after which log files are called.
        """
        return

    def start_launcher(self) -> None:
        """Get ready in a process that executes nothing itself: it is forked for each run.

        What is set up here need not be set up again by `start_worker` in those processes.
        """
        return

    def renew_launcher(self) -> None:
        """Get ready again, after a process forked from here ended otherwise than it should."""
        return

    @abstractmethod
    def __call__(self, task: Task) -> Outcome:
        """Execute a task; never raises an `Exception` for what a run does."""

    def before_report(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Finish what was deferred, in a worker that is about to report these outcomes.

        Returns the outcomes to report; those of runs whose data cannot be stored are errors.
        """
        return outcomes


class Scheduler(Feature, ABC):
    """Executes runs somewhere: in this process, in a pool, on a cluster.

    Used by one thread of the main process: ``start``, then any number of ``submit`` and
    ``outcomes`` in turn, then ``stop`` and ``join`` in every case.
    """

    capabilities: ClassVar[tuple[str, ...]] = (
        "in_process",
        "works_across_hosts",
        "workers_stay",
        "accepts_new_work",
    )
    in_process: ClassVar[bool] = False
    """Runs execute in the main process, on the trajectory itself."""
    works_across_hosts: ClassVar[bool] = False
    """Workers are processes that somebody else starts, maybe on other machines: they inherit
    nothing, so that only wrap modes that work across hosts can be used."""
    workers_stay: ClassVar[bool] = False
    """Workers execute many runs each, so that these can share their input."""
    accepts_new_work: ClassVar[bool] = False
    """`start` may be called again while tasks are pending, which ``immediate_postproc`` needs.
    Schedulers whose workers do not stay can do that anyway."""
    default_on_error: ClassVar[str] = "raise"
    """What a failing run does unless the user says: ``'raise'`` ends the experiment, with
    ``'continue'`` the others go on, and `Environment.run` returns without it."""

    gates: Sequence[AdmissionGate] = ()
    """All of these must admit a process before it starts beside others; schedulers whose number
    of workers is fixed do not ask. Set before `start`."""
    check: Callable[[], None] | None = None
    """To be called at least once a second while the scheduler waits, best when workers have been
    given their next tasks: `activity` is asked then. Raises what should end the experiment, for
    example that nobody stores any more. Set before `start`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options of the environment; made anew for each round of runs."""

    @classmethod
    def fallback_reason(cls, options: Mapping[str, Any]) -> str | None:
        """Return why runs are executed in the main process instead, None if they need not be.

        Called once for each environment, before everything else; the text is for the user.

        Raises
        ------
        ValueError
            They cannot be executed at all with these options.
        """
        return None

    @classmethod
    def settle(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the options whose value follows from others or from the machine.

        Called once for each environment; what is returned replaces what was given, also in the
        config of the trajectory.

        Raises
        ------
        ValueError
            The scheduler cannot work with the options.
        """
        return {}

    @classmethod
    def reaches_other_hosts(cls, options: Mapping[str, Any]) -> bool:
        """Return whether workers may be on other hosts than this one, with these options.

        Where they are not, wrap modes can be used that need one host, unless these also need
        workers that are started by this process (`WrapMode.needs_inheritance`).
        """
        return cls.works_across_hosts

    @classmethod
    def is_private(cls, options: Mapping[str, Any]) -> bool:
        """Return whether nobody else can read what workers are sent, with these options.

        That is so where it stays on this host or is encrypted. Elsewhere wrap modes send no keys
        with it.
        """
        return not cls.reaches_other_hosts(options)

    @classmethod
    def has_given_workers(cls, options: Mapping[str, Any]) -> bool:
        """Return whether somebody else decides how many workers there are, with these options."""
        return cls.works_across_hosts

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Return what the config of the trajectory says about who executes runs."""
        return cls.name

    def take_over(self, former: Scheduler) -> None:
        """Take over what ``former`` has started and not ended yet, for example a cluster.

        Called before `start`, if at all, with the scheduler of the round before, which has the same
        options; that one was stopped, and is joined afterwards.
        """
        return

    @abstractmethod
    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Get ready; ``execute`` performs one task and never raises for what a run does.

        Schedulers that leave the process get a `Work` from the environment. Called again while
        tasks are pending, it exchanges what is executed from the next submitted task on; only
        schedulers whose workers do not stay, and those that say so (`accepts_new_work`), must be
        able to do that.
        """

    @abstractmethod
    def room(self) -> int:
        """Return how many further tasks can be submitted now without waiting."""

    @abstractmethod
    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks; at most `room` of them."""

    @abstractmethod
    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes of submitted tasks as they finish, until none is pending.

        The caller may leave the iterator, submit more tasks and ask for a new one.
        """

    def activity(self) -> Activity | None:
        """Return what the workers do now, None if that cannot be told cheaply.

        Asked a few times a second in `check`, only while somebody shows it. Runs that a worker has
        been given and will begin at once count.
        """
        return None

    def cancel(self) -> int:
        """Give up submitted tasks that did not begin, if that is possible; return how many.

        There will be no outcomes of them.
        """
        return 0

    @abstractmethod
    def stop(self) -> None:
        """Release everything; pending tasks are given up. Safe to call twice.

        Processes that have nothing to do any more may still be ending afterwards, see `join`.
        """

    def join(self) -> None:
        """Wait until the processes that `stop` has told to end are gone.

        Called some time after `stop`, so that other things can be done meanwhile.
        """
        return
