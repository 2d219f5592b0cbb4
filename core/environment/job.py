"""A job: the run function with its arguments, the same for all runs or one for each."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any

from pypet.interfaces import Task
from pypet.moved import former_names
from pypet.support.arguments import check_signature
from pypet.support.readable import counted

RunFunction = Callable[..., Any]


class Job:
    """Calls the run function with the same arguments in every run.

    Raises
    ------
    TypeError
        The run function cannot be called.
    """

    draws = False
    """Whether each task consumes elements of iterables."""

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
        self.has_own_arguments = True
        """Whether the arguments are the original ones."""

    def replace(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
        """Replace the arguments of future runs; None keeps them."""
        self.has_own_arguments = False
        if args is not None:
            self.args = tuple(args)
        if kwargs is not None:
            self.kwargs = dict(kwargs)

    def check_signature(self) -> None:
        """Check before all runs that the function accepts the arguments.

        Raises
        ------
        TypeError
            It does not.
        """
        self._check_call(self.args, self.kwargs)

    def _check_call(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        given = "the trajectory"
        if args or kwargs:
            given += f" and {counted(len(args) + len(kwargs), 'argument')}"
        check_signature(self.function, "run function", given, None, *args, **kwargs)

    def check_runs(self, count: int) -> None:
        """Raise ValueError if there are known to be too few arguments for ``count`` runs."""

    def draw_for(self, indices: Iterable[int]) -> None:
        """Draw the arguments of these runs now, so that they can be pickled with the job."""

    def place(self, indices: Sequence[int], completed: Container[int]) -> None:
        """Append runs to the order of the script; those in ``completed`` are not executed."""

    def task(self, index: int) -> Task:
        """Return the task of a run."""
        return Task(index)


class MapJob(Job):
    """Draws the arguments of each run from iterables, one element per run.

    All passes of an experiment share the iterables: runs that post-processing adds continue where
    the former ones stopped. A run with a place in the script gets the element of this place, any
    other run the next one.
    """

    draws = True

    def __init__(
        self, function: RunFunction, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = {}
    ) -> None:
        self._positional: list[_ArgumentSource] = []
        self._named: dict[str, _ArgumentSource] = {}
        self._drawn: dict[int, Task] = {}
        self._places: dict[int, int] = {}
        """Place in the script, from 0, by run index."""
        self._due_places: set[int] = set()
        """Places of runs that are still to be executed."""
        super().__init__(function, args, kwargs)

    def replace(self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None) -> None:
        """Replace the iterables; None keeps them.

        Raises
        ------
        TypeError
            An argument is not an iterable.
        """
        self.has_own_arguments = False
        if args is not None:
            self._positional = [
                _ArgumentSource(values, f"positional argument {i}", len(self._places))
                for i, values in enumerate(args)
            ]
        if kwargs is not None:
            self._named = {
                name: _ArgumentSource(values, f"argument {name!r}", len(self._places))
                for name, values in kwargs.items()
            }

    def place(self, indices: Sequence[int], completed: Container[int]) -> None:
        """Assign the next elements to runs, in this order.

        The elements of completed runs are skipped. Runs that have a place keep it.
        """
        for index in indices:
            place = self._places.setdefault(index, len(self._places))
            if index not in completed:
                self._due_places.add(place)

    def check_signature(self) -> None:
        """Raise TypeError if the function does not take one element of each iterable."""
        self._check_call(self._positional, self._named)

    def check_runs(self, count: int) -> None:
        """Raise ValueError if an iterable whose length is known is too short."""
        count -= len(self._drawn)
        last = max(self._due_places, default=None)
        for source in self._sources():
            if source.remaining is None:
                continue
            needed = count if last is None else last + 1 - source.next
            if source.remaining < needed:
                why = f"there are {needed} runs to execute; give one element for each run"
                if last is not None:
                    why = f"{needed} are needed: give one element for each run, completed or not"
                raise ValueError(
                    f"The iterable for {source.label} of the run function has {source.remaining} "
                    f"elements left, but {why}."
                )

    def draw_for(self, indices: Iterable[int]) -> None:
        """Draw the arguments of these runs; those drawn for others are dropped."""
        self._drawn = {index: self.task(index) for index in map(int, indices)}

    def task(self, index: int) -> Task:
        """Return the task of a run.

        Raises
        ------
        ValueError
            An iterable is exhausted.
        """
        drawn = self._drawn.get(index)
        if drawn is not None:
            return drawn
        if index in self._places:
            return self._task_at(index, self._places[index])
        args = tuple([source.draw(index) for source in self._positional])
        return Task(index, args, {name: each.draw(index) for name, each in self._named.items()})

    def _task_at(self, index: int, place: int) -> Task:
        due = self._due_places
        args = tuple([source.draw_at(index, place, due) for source in self._positional])
        named = self._named.items()
        kwargs = {name: source.draw_at(index, place, due) for name, source in named}
        due.discard(place)
        return Task(index, args, kwargs)

    def _sources(self) -> list[_ArgumentSource]:
        return [*self._positional, *self._named.values()]


class _ArgumentSource:
    """Draws the elements of an iterable; the first one belongs to the place ``first``."""

    __slots__ = ("_elements", "_passed", "label", "next", "remaining")

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Arguments of the known runs were drawn before and are kept in the job: only runs that are
        # added later need the iterator.
        elements: Any = self._elements
        if self.remaining is None and not _can_be_pickled(elements):
            elements = None
        state = {name: getattr(self, name) for name in self.__slots__}
        return None, {**state, "_elements": elements}

    def __init__(self, values: Any, label: str, first: int = 0) -> None:
        self.label = label
        self.next = first
        """The place of the next element."""
        self._passed: dict[int, Any] = {}
        """Elements that were drawn for later runs, by place."""
        try:
            self._elements: Iterator[Any] | None = iter(values)
        except TypeError as err:
            raise TypeError(
                f"The {label} of the run function must be an iterable with one element for each "
                f"run, not {values!r} ({type(values).__name__})."
            ) from err
        self.remaining = len(values) if isinstance(values, Sized) else None

    def draw_at(self, index: int, place: int, due: Container[int]) -> Any:
        """Return the element of a place; elements of other places in ``due`` are kept."""
        while self.next < place:
            passed, element = self.next, self.draw(index)
            if passed in due:
                self._passed[passed] = element
        return self._passed.pop(place) if place in self._passed else self.draw(index)

    def draw(self, index: int) -> Any:
        """Return the next element, for this run."""
        if self._elements is None:
            raise ValueError(
                f"The iterable for {self.label} of the run function could not be pickled and is "
                f"lost since the experiment was resumed, so there is no element for run {index}, "
                "which was added by post-processing. Give a list or a range, or let "
                "post-processing return new arguments."
            )
        try:
            element = next(self._elements)
        except StopIteration:
            raise ValueError(
                f"The iterable for {self.label} of the run function has no element left for run "
                f"{index}; give one element for each run."
            ) from None
        self.next += 1
        if self.remaining is not None:
            self.remaining -= 1
        return element


def _can_be_pickled(elements: Any) -> bool:
    """Return whether an iterator can be pickled; generators and files cannot."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of iterators that it will not pickle much longer
        try:
            pickle.dumps(elements)
        except Exception:
            return False
    return True


__getattr__ = former_names(__name__)
