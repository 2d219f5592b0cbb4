"""The interface of schedulers, which accept tasks and yield outcomes as runs finish."""

from __future__ import annotations

import pickle
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from pypet.interfaces.admission import AdmissionGate
from pypet.interfaces.feature import Feature
from pypet.moved import FormerMethod, former_names

__getattr__ = former_names(__name__)


class Task(NamedTuple):
    """One run to execute: its index and the arguments that only this run has."""

    index: int  # type: ignore[assignment]  # hides `tuple.index`, which has no use here
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}
    point: Mapping[str, Any] = {}
    """Values of all explored parameters, by full name, of a run that may have been added after the
    workers were started; empty for others."""


class Outcome(NamedTuple):
    """The result of one run: what it returned or raised, and when."""

    index: int  # type: ignore[assignment]  # hides `tuple.index`, which has no use here
    value: Any
    """What the run function returned."""
    started: float
    """Seconds since the epoch."""
    finished: float
    """Seconds since the epoch."""
    error: BaseException | None = None
    """The exception that the run function raised; None if the run completed."""
    payload: Any = None
    """Data that the wrap mode sends from the worker to the main process along with the outcome."""
    interrupted: bool = False
    """The process was asked to end gracefully: no further runs should start."""
    is_refused: bool = False
    """The error was raised while storing what the run had added."""

    @property
    def references(self) -> Any:
        """Former name of `payload`, deprecated."""
        warnings.warn(
            "Outcome.references is deprecated; use payload instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.payload


class Activity(NamedTuple):
    """The runs that the workers of a scheduler are executing at a moment."""

    workers: int
    """The number of workers, busy or not."""
    running: Sequence[int]
    """Indices of the active runs, as far as they are known."""


def pickled(thing: Any) -> bytes:
    """Pickle with the highest protocol that all processes support."""
    return pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)


class TaskFunction(ABC):
    """The function of tasks that schedulers execute in other processes.

    A process that was forked may call the object itself; it then shares everything that existed
    before the fork. Processes that inherit nothing, or stay for many runs, get the function that
    `serialized` returns as a pickled argument.
    """

    @abstractmethod
    def serialized(self, dumps: Callable[[Any], bytes] = pickled) -> TaskFunction:
        """Return the same function with all its mutable state serialized, once for all workers.

        ``dumps`` makes bytes that `pickle.loads` understands; the default is pickle itself.

        Raises
        ------
        Exception
            Something cannot be pickled; a note names the remedy.
        """

    packed = FormerMethod("serialized")

    @abstractmethod
    def start_worker(self, index: int | None = None) -> None:
        """Set up a worker process, before its first task.

        ``index`` is the only run that the process will execute; None if it stays for many.
        """

    @abstractmethod
    def __call__(self, task: Task) -> Outcome:
        """Execute a task; never raises an `Exception` for what a run does."""

    def before_report(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Store deferred data, in a worker that is about to report these outcomes.

        Returns the outcomes to report; runs whose data cannot be stored become errors.
        """
        return outcomes

    def detach(self, outcome: Outcome) -> Outcome | None:
        """Return an outcome together with the data that was deferred for its run, as its payload.

        Called for outcomes that wait for a report. The main process can count the returned one
        even if this worker never reports, because its next run takes long or kills it. None if
        that is impossible: then the worker reports at once. That is the default of functions that
        store in `before_report`.
        """
        stores = type(self).before_report is not TaskFunction.before_report
        return None if stores else outcome

    def drop_deferred(self, indices: Sequence[int]) -> None:
        """Drop the deferred data of these runs; the main process has what `detach` returned."""
        return


class Scheduler(Feature, ABC):
    """Executes runs somewhere: in this process, in a pool, on a cluster.

    Used by one thread of the main process: `start`, then any number of `submit` and `outcomes`
    alternately, then `stop` and `wait_closed` in every case.
    """

    capabilities: ClassVar[tuple[str, ...]] = (
        "in_process",
        "works_across_hosts",
        "workers_stay",
        "accepts_new_work",
    )
    chosen_by: ClassVar[str | None] = None
    """The switch among the options that chooses the scheduler without ``scheduler``, such as
    ``'use_pool'``; ``''``: it is used if there is no switch; None: it is chosen by name only."""
    in_process: ClassVar[bool] = False
    """Runs execute in the main process, on the trajectory itself."""
    works_across_hosts: ClassVar[bool] = False
    """Workers are processes that this process does not start, maybe on other machines. They inherit
    nothing, so only wrap modes that work across hosts can be used."""
    workers_stay: ClassVar[bool] = False
    """Workers execute many runs each, so that these can share their input."""
    accepts_new_work: ClassVar[bool] = False
    """`start` may be called again while tasks are pending, which ``immediate_postproc`` needs.
    Schedulers whose workers do not stay can always do that."""
    default_on_error: ClassVar[str] = "raise"
    """The default of the option ``on_error``: with ``'raise'`` a failing run ends the experiment,
    with ``'continue'`` the others continue, and `Environment.run` returns without it."""

    gates: Sequence[AdmissionGate] = ()
    """All of these must admit a process before it starts beside others; schedulers with a fixed
    number of workers do not ask. Set before `start`."""
    check: Callable[[], None] | None = None
    """Call this at least once a second while the scheduler waits, best after workers got their
    next tasks: it asks for `activity`. Raises what should end the experiment, for example when
    the process that stores has died. Set before `start`."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options of the environment."""

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Scheduler:
        """Return a new scheduler, for one pass of runs; its class may depend on the options."""
        return cls(options)

    @classmethod
    def executes_on(cls, resource: Any) -> bool:
        """Return whether ``resource``, which is not a name, can execute runs.

        Called with values of the option ``scheduler``; the first scheduler that returns True gets
        it. Those of third parties come first.
        """
        return False

    @classmethod
    def fallback_reason(cls, options: Mapping[str, Any]) -> str | None:
        """Return why runs have to execute in the main process instead; None if they need not.

        Called once for each environment, before everything else; the text is for the user.

        Raises
        ------
        ValueError
            Runs cannot be executed at all with these options.
        """
        return None

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the options whose value follows from others or from the machine.

        Called once for each environment; the returned values replace the given ones, also in the
        config of the trajectory.

        Raises
        ------
        ValueError
            The scheduler cannot work with the options.
        """
        return {}

    settle = FormerMethod("resolve_options")

    @classmethod
    def reaches_other_hosts(cls, options: Mapping[str, Any]) -> bool:
        """Return whether workers may be on other hosts than this one, with these options.

        Where all workers are on this host, wrap modes that need one host can be used, unless they
        also need workers that this process starts (`WrapMode.needs_inheritance`).
        """
        return cls.works_across_hosts

    @classmethod
    def is_private(cls, options: Mapping[str, Any]) -> bool:
        """Return whether messages to workers are secret, with these options.

        True if they stay on this host or are encrypted. Otherwise wrap modes send no keys along.
        """
        return not cls.reaches_other_hosts(options)

    @classmethod
    def has_external_workers(cls, options: Mapping[str, Any]) -> bool:
        """Return whether the number of workers is set elsewhere, with these options."""
        return cls.works_across_hosts

    has_given_workers = FormerMethod("has_external_workers")

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Return the scheduler's description for the config of the trajectory."""
        return cls.name

    def take_over(self, former: Scheduler) -> None:
        """Take over resources that ``former`` has started and not ended, for example a cluster.

        Called before `start`, if at all, with the scheduler of the previous pass, which has the
        same options. That one was stopped already, and `wait_closed` is called on it afterwards.
        """
        return

    @abstractmethod
    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Get ready; ``execute`` performs one task and never raises for what a run does.

        The environment gives a `TaskFunction` to schedulers that leave the process. A second call
        while tasks are pending replaces the function for tasks submitted from then on; only
        schedulers whose workers do not stay, and those with `accepts_new_work`, must support it.
        """

    @abstractmethod
    def free_slots(self) -> int:
        """Return how many further tasks can be submitted now without waiting."""

    room = FormerMethod("free_slots")

    @abstractmethod
    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks; at most `free_slots` of them."""

    @abstractmethod
    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes of submitted tasks as they finish, until none is pending.

        The caller may leave the iterator, submit more tasks and ask for a new one.
        """

    def activity(self) -> Activity | None:
        """Return which runs are active; None if that is unknown or expensive to find out.

        Called a few times a second during `check`, only while progress is displayed. A run counts
        if a worker has it and will begin it immediately.
        """
        return None

    def cancel(self) -> int:
        """Give up submitted tasks that have not begun, if possible; return their number.

        They have no outcomes.
        """
        return 0

    @abstractmethod
    def stop(self) -> None:
        """Release everything and give up pending tasks. Safe to call twice.

        Idle processes may still be ending afterwards, see `wait_closed`.
        """

    def wait_closed(self) -> None:
        """Wait until all processes are gone that `stop` asked to end.

        Called some time after `stop`, so that the main process can do other things in between.
        """
        return

    join = FormerMethod("wait_closed")
