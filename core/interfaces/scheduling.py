"""The contract of schedulers: they take tasks and yield outcomes as runs finish."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

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
    wants to bring back from the worker with the outcome.
    """

    index: int  # type: ignore[assignment]  # hides the method of tuples, which nobody needs
    value: Any
    started: float
    finished: float
    error: BaseException | None = None
    references: Any = None


class Scheduler(Feature, ABC):
    """Executes runs somewhere: in this process, in a pool, on a cluster.

    Used by one thread of the main process: ``start``, then any number of ``submit`` and
    ``outcomes`` in turn, then ``stop`` in every case.
    """

    capabilities: ClassVar[tuple[str, ...]] = ("in_process", "works_across_hosts")
    in_process: ClassVar[bool] = False
    """Runs execute in the main process, on the trajectory itself."""
    works_across_hosts: ClassVar[bool] = False
    default_on_error: ClassVar[str] = "raise"
    """What a failing run does unless the user says: ``'raise'`` ends the experiment, with
    ``'continue'`` the others go on."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options of the environment; made anew for each round of runs."""

    @abstractmethod
    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Get ready; ``execute`` performs one task and never raises for what a run does."""

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

    @abstractmethod
    def stop(self) -> None:
        """Release everything; pending tasks are given up. Safe to call twice."""
