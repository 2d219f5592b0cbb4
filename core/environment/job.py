"""A job: the run function with its arguments, the same for all runs or one for each."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

from pypet.interfaces import Task
from pypet.support.arguments import check_call

RunFunction = Callable[..., Any]


class Job:
    """Calls the run function with the same arguments in every run.

    Raises
    ------
    TypeError
        The run function cannot be called.
    """

    draws = False
    """Whether each task takes something that cannot be given back."""

    def __init__(
        self, function: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = {}
    ) -> None:
        if not callable(function):
            raise TypeError(
                f"The run function must be a function `run(traj, ...)`, not {function!r} "
                f"({type(function).__name__})."
            )
        self.function: RunFunction = function
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.replace(args, kwargs)

    def replace(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
        """Take other arguments for the runs to come; None leaves them as they are."""
        if args is not None:
            self.args = tuple(args)
        if kwargs is not None:
            self.kwargs = dict(kwargs)

    def check_call(self) -> None:
        """Raise now, rather than in each run, if the function does not take the arguments.

        Raises
        ------
        TypeError
            It takes others.
        """
        self._check_call(self.args, self.kwargs)

    def _check_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        count = f" and {len(args) + len(kwargs)} arguments" if args or kwargs else ""
        check_call(self.function, "run function", f"the trajectory{count}", None, *args, **kwargs)

    def check_runs(self, count: int) -> None:
        """Raise ValueError if it is certain that there are no arguments for ``count`` runs."""

    def draw_for(self, indices: Iterable[int]) -> None:
        """Take now what the tasks of these runs need, so that it can be pickled with the job."""

    def task(self, index: int) -> Task:
        """Return the task of a run."""
        return Task(index)


class MapJob(Job):
    """Draws the arguments of each run from iterables, one element a run.

    The iterables are shared by all rounds of an experiment: runs that were added by
    post-processing continue where the ones before stopped.
    """

    draws = True

    def __init__(
        self, function: RunFunction, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = {}
    ) -> None:
        self._positional: list[_Source] = []
        self._named: dict[str, _Source] = {}
        self._drawn: dict[int, Task] = {}
        super().__init__(function, args, kwargs)

    def replace(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
        """Draw from other iterables from now on; None leaves them as they are.

        Raises
        ------
        TypeError
            An argument is no iterable.
        """
        if args is not None:
            self._positional = [
                _Source(values, f"positional argument {i}") for i, values in enumerate(args)
            ]
        if kwargs is not None:
            self._named = {
                name: _Source(values, f"argument {name!r}") for name, values in kwargs.items()
            }

    def check_call(self) -> None:
        """Raise TypeError if the function does not take one element of each iterable."""
        self._check_call(self._positional, self._named)

    def check_runs(self, count: int) -> None:
        """Raise ValueError if an iterable whose length is known is too short."""
        count -= len(self._drawn)
        for source in self._sources():
            if source.remaining is not None and source.remaining < count:
                raise ValueError(
                    f"The iterable for {source.label} of the run function has {source.remaining} "
                    f"elements left, but there are {count} runs to execute; give one element "
                    "for each run."
                )

    def draw_for(self, indices: Iterable[int]) -> None:
        """Draw the arguments of these runs; what was drawn for others is forgotten."""
        self._drawn = {index: self.task(index) for index in map(int, indices)}

    def task(self, index: int) -> Task:
        """Return the task of a run.

        Raises
        ------
        ValueError
            An iterable has no more elements.
        """
        drawn = self._drawn.get(index)
        if drawn is not None:
            return drawn
        args = tuple([source.draw(index) for source in self._positional])
        return Task(index, args, {name: each.draw(index) for name, each in self._named.items()})

    def _sources(self) -> list[_Source]:
        return [*self._positional, *self._named.values()]


class _Source:
    """Gives one element after the other of an iterable."""

    __slots__ = ("_elements", "label", "remaining")

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # What is drawn for runs that are known is kept with the job, so that this can be missing.
        elements: Any = self._elements
        if self.remaining is None and not _can_be_pickled(elements):
            elements = None
        state = {"_elements": elements, "label": self.label, "remaining": self.remaining}
        return None, state

    def __init__(self, values: Any, label: str) -> None:
        self.label = label
        try:
            self._elements: Iterator[Any] | None = iter(values)
        except TypeError as err:
            raise TypeError(
                f"The {label} of the run function must be an iterable with one element for each "
                f"run, not {values!r} ({type(values).__name__})."
            ) from err
        self.remaining = len(values) if isinstance(values, Sized) else None

    def draw(self, index: int) -> Any:
        if self._elements is None:
            raise ValueError(
                f"The iterable for {self.label} of the run function could not be pickled and is lost "
                f"since the experiment was resumed, so there is no element for run {index}, which "
                "was added by post-processing. Give a list or a range, or let post-processing "
                "return new arguments."
            )
        try:
            element = next(self._elements)
        except StopIteration:
            raise ValueError(
                f"The iterable for {self.label} of the run function has no element left for run "
                f"{index}; give one element for each run."
            ) from None
        if self.remaining is not None:
            self.remaining -= 1
        return element


def _can_be_pickled(elements: Any) -> bool:
    """Return whether Python itself pickles an iterator; generators and files it does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of iterators that it will not pickle much longer
        try:
            pickle.dumps(elements)
        except Exception:
            return False
    return True
