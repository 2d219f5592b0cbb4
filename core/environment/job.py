"""A job: the run function with its arguments, the same for all runs or one for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import Any

from pypet.interfaces import Task
from pypet.support.arguments import check_call

RunFunction = Callable[..., Any]


class Job:
    """Calls the run function with the same arguments in every run.

    Raises
    ------
    TypeError
        The run function cannot be called, or not with the trajectory and these arguments.
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
        """Take other arguments for the runs to come; None leaves them as they are.

        Raises
        ------
        TypeError
            They are no tuple and dictionary, or the run function does not take them.
        """
        if args is not None:
            self.args = tuple(args)
        if kwargs is not None:
            self.kwargs = dict(kwargs)
        self._check_call(self.args, self.kwargs)

    def _check_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise now rather than in each run if the function does not take the arguments."""
        count = f" and {len(args) + len(kwargs)} arguments" if args or kwargs else ""
        check_call(self.function, "run function", f"the trajectory{count}", None, *args, **kwargs)

    def check_runs(self, count: int) -> None:
        """Raise ValueError if it is certain that there are no arguments for ``count`` runs."""

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
        super().__init__(function, args, kwargs)

    def replace(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
        """Draw from other iterables from now on; None leaves them as they are.

        Raises
        ------
        TypeError
            An argument is no iterable, or the run function does not take it.
        """
        if args is not None:
            self._positional = [
                _Source(values, f"positional argument {i}") for i, values in enumerate(args)
            ]
        if kwargs is not None:
            self._named = {
                name: _Source(values, f"argument {name!r}") for name, values in kwargs.items()
            }
        self._check_call(self._positional, self._named)

    def check_runs(self, count: int) -> None:
        """Raise ValueError if an iterable whose length is known is too short."""
        for source in self._sources():
            if source.remaining is not None and source.remaining < count:
                raise ValueError(
                    f"The iterable for {source.label} of the run function has {source.remaining} "
                    f"elements left, but there are {count} runs to execute; give one element "
                    "for each run."
                )

    def task(self, index: int) -> Task:
        """Return the task of a run.

        Raises
        ------
        ValueError
            An iterable has no more elements.
        """
        args = tuple([source.draw(index) for source in self._positional])
        return Task(index, args, {name: each.draw(index) for name, each in self._named.items()})

    def _sources(self) -> list[_Source]:
        return [*self._positional, *self._named.values()]


class _Source:
    """Gives one element after the other of an iterable."""

    __slots__ = ("_elements", "label", "remaining")

    def __init__(self, values: Any, label: str) -> None:
        self.label = label
        try:
            self._elements: Iterator[Any] = iter(values)
        except TypeError as err:
            raise TypeError(
                f"The {label} of the run function must be an iterable with one element for each "
                f"run, not {values!r} ({type(values).__name__})."
            ) from err
        self.remaining = len(values) if isinstance(values, Sized) else None

    def draw(self, index: int) -> Any:
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
