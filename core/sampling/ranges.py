"""Ranges of parameters: where values are drawn from, and on which scale."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from pypet.support.arguments import is_integer

UnitValues = np.ndarray[Any, np.dtype[np.float64]]
"""Numbers in [0, 1), shape (n,)."""


class Range(ABC):
    """The values that a parameter may have. Immutable, comparable and picklable."""

    __slots__ = ()

    @abstractmethod
    def values_at(self, positions: UnitValues) -> list[Any]:
        """Return the values at ``positions`` in [0, 1), which are evenly distributed.

        Values are plain Python objects: `float`, `int` or the options themselves.
        """

    @abstractmethod
    def contains(self, value: Any) -> bool:
        """Return whether ``value`` lies in the range."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Return what `range_from` makes the range of, with nothing but JSON in it if possible."""


@dataclass(frozen=True, slots=True)
class Uniform(Range):
    """Real numbers between two bounds; made by `uniform`."""

    low: float
    high: float
    log: bool = False

    def values_at(self, positions: UnitValues) -> list[Any]:
        """Return `float` values."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            values = np.exp(low + positions * (high - low))
        else:
            # As a weighted mean, because the difference of the bounds could overflow.
            values = self.low * (1 - positions) + self.high * positions
        clipped: list[Any] = np.clip(values, self.low, self.high).tolist()
        return clipped

    def contains(self, value: Any) -> bool:
        """Return whether ``value`` is a number between the bounds."""
        return _is_real(value) and self.low <= value <= self.high

    def describe(self) -> dict[str, Any]:
        """Return kind and bounds."""
        return {"kind": "uniform", "low": self.low, "high": self.high, "log": self.log}


@dataclass(frozen=True, slots=True)
class Integers(Range):
    """Integers between two bounds, both included; made by `integers`."""

    low: int
    high: int
    log: bool = False

    def values_at(self, positions: UnitValues) -> list[Any]:
        """Return `int` values."""
        count = self.high - self.low + 1
        if self.log:
            # Each integer has the interval that is rounded to it, as in Optuna.
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            numbers = np.rint(np.exp(low + positions * (high - low)))
            return [min(max(int(each), self.low), self.high) for each in numbers]
        return [self.low + min(int(each), count - 1) for each in np.floor(positions * count)]

    def contains(self, value: Any) -> bool:
        """Return whether ``value`` is an integer between the bounds."""
        return is_integer(value) and self.low <= int(value) <= self.high

    def describe(self) -> dict[str, Any]:
        """Return kind and bounds."""
        return {"kind": "integers", "low": self.low, "high": self.high, "log": self.log}


@dataclass(frozen=True, slots=True)
class Choice(Range):
    """A few options without order, all equally likely; made by `choice`."""

    options: tuple[Any, ...]

    def values_at(self, positions: UnitValues) -> list[Any]:
        """Return options."""
        count = len(self.options)
        return [self.options[min(int(each), count - 1)] for each in np.floor(positions * count)]

    def contains(self, value: Any) -> bool:
        """Return whether ``value`` is one of the options."""
        return any(value is each or _is_same(value, each) for each in self.options)

    def describe(self) -> dict[str, Any]:
        """Return kind and options."""
        return {"kind": "choice", "options": list(self.options)}


def uniform(low: float, high: float, *, log: bool = False) -> Uniform:
    """Return the range of real numbers from ``low`` to ``high``.

    Parameters
    ----------
    low, high
        The bounds, finite, ``low < high``.
    log
        Distribute the logarithms of the values evenly, for parameters whose order of magnitude
        matters; both bounds have to be positive.

    Raises
    ------
    ValueError
        The bounds are not finite, not in this order, or not positive on a logarithmic scale.
    TypeError
        A bound is no number.

    Examples
    --------
    >>> uniform(1e-4, 1e-1, log=True)
    Uniform(low=0.0001, high=0.1, log=True)
    """
    for name, bound in (("low", low), ("high", high)):
        if not _is_real(bound):
            raise TypeError(f"{name}={bound!r}: the bounds of `uniform` are numbers.")
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"uniform({low!r}, {high!r}): give two finite bounds, the lower first.")
    if log and low <= 0:
        raise ValueError(f"uniform({low!r}, {high!r}, log=True): both bounds have to be positive.")
    return Uniform(float(low), float(high), bool(log))


def integers(low: int, high: int, *, log: bool = False) -> Integers:
    """Return the range of integers from ``low`` to ``high``, both included.

    Parameters
    ----------
    low, high
        The bounds, ``low <= high``.
    log
        Small values are more likely: the logarithms are distributed evenly. ``low`` has to be
        at least 1.

    Raises
    ------
    ValueError
        The bounds are not in this order, or not positive on a logarithmic scale.
    TypeError
        A bound is no integer.

    Examples
    --------
    >>> integers(1, 1000, log=True)
    Integers(low=1, high=1000, log=True)
    """
    for name, bound in (("low", low), ("high", high)):
        if not is_integer(bound):
            raise TypeError(f"{name}={bound!r}: the bounds of `integers` are integers.")
    if low > high:
        raise ValueError(f"integers({low!r}, {high!r}): give the lower bound first.")
    if log and low < 1:
        raise ValueError(f"integers({low!r}, {high!r}, log=True): both bounds have to be positive.")
    return Integers(int(low), int(high), bool(log))


def choice(options: Iterable[Any]) -> Choice:
    """Return the range that consists of these options.

    Raises
    ------
    ValueError
        There are no options.
    TypeError
        They are a text, or cannot be iterated.
    """
    if isinstance(options, str | bytes) or not isinstance(options, Iterable):
        raise TypeError(f"`choice` takes a list of options, not {options!r:.80}.")
    held = tuple(options)
    if not held:
        raise ValueError("`choice` needs at least one option.")
    return Choice(held)


def as_space(space: Any, what: str) -> dict[str, Range]:
    """Return a range for each name; a list stands for `choice`, a dictionary for a group.

    The message of errors begins with ``what``.

    Raises
    ------
    TypeError
        ``space`` is no dictionary, or something in it is neither a range nor a list.
    ValueError
        ``space`` is empty.
    """
    if not isinstance(space, Mapping):
        example = "{'x': uniform(0, 1), 'n': integers(1, 9)}"
        raise TypeError(f"{what} takes ranges of parameters like {example}, not {space!r:.80}.")
    found: dict[str, Range] = {}
    for name, values in space.items():
        if not isinstance(name, str):
            raise TypeError(f"{what} takes names of parameters, not {name!r}.")
        if isinstance(values, Mapping):
            inner = as_space(values, what)
            found.update((f"{name}.{key}", each) for key, each in inner.items())
        elif isinstance(values, Range):
            found[name] = values
        elif isinstance(values, Iterable) and not isinstance(values, str | bytes):
            found[name] = choice(values)
        else:
            raise TypeError(
                f"{what}: parameter {name!r} needs a range such as uniform(0, 1), integers(1, 9) "
                f"or a list of options, not {values!r:.80}."
            )
    if not found:
        raise ValueError(f"{what} needs the range of at least one parameter.")
    return found


def describe_space(space: Mapping[str, Range]) -> dict[str, Any]:
    """Return the descriptions of ranges by name."""
    return {name: each.describe() for name, each in space.items()}


def range_from(description: Mapping[str, Any]) -> Range:
    """Return the range that `Range.describe` has described.

    Raises
    ------
    ValueError
        It is of an unknown kind.
    """
    kind = description.get("kind")
    if kind == "uniform":
        return uniform(description["low"], description["high"], log=description["log"])
    if kind == "integers":
        return integers(description["low"], description["high"], log=description["log"])
    if kind == "choice":
        return choice(description["options"])
    raise ValueError(f"There are no ranges of the kind {kind!r}: {dict(description)!r:.200}.")


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_same(value: Any, other: Any) -> bool:
    """Return whether two options are equal, True and 1 being different."""
    if type(value) is not type(other):
        return False
    equal = value == other
    return bool(equal.all()) if isinstance(equal, np.ndarray) else bool(equal)
