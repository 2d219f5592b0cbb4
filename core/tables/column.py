"""`Column`: the values of all runs under one name, and how they become one array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet.support.readable import joined

Array = np.ndarray[Any, Any]

RUN, PARAMETER, RESULT = "run", "parameter", "result"
"""Kinds of columns."""

NO_VALUE: Any = type("NoValue", (), {"__repr__": lambda self: "<no value>", "__slots__": ()})()
"""Stands for the value of a run that has none."""

_FILLS: dict[str, Any] = {"b": False, "i": 0, "u": 0, "f": np.nan, "c": np.nan, "U": "", "O": None}
"""What an array holds where a value is missing, by the kind of its dtype."""
_MOST_TEXT_BYTES = 1 << 26
"""Columns of text that would take more memory as an array of fixed width hold objects."""
_MOST_TYPES = 4


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one name in all runs of a table.

    Parameters
    ----------
    name
        What the table calls it.
    values
        One entry a run; shape (runs,). The dtype is that of the values: bool, integer, float,
        complex, text (``U``), or object for anything else. Where a value is missing there is NaN,
        0, False, ``''`` or None, as the dtype allows.
    missing
        Whether a run has no such value, or None instead; bool, shape (runs,).
    kind
        ``'run'``, ``'parameter'`` or ``'result'``.
    comment
        Comment of the parameter or result.
    explored
        Whether it is an explored parameter.
    full_name
        Full name of the parameter; of a result its path below the group of the run, with the
        name of the item where that is another one. `RunTable` finds the column by it, too.
    """

    name: str
    values: Array
    missing: NDArray[np.bool_]
    kind: str
    comment: str = ""
    explored: bool = False
    full_name: str = ""

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.values)

    def take(self, positions: Any) -> Column:
        """Return the column of some of the runs: a mask, positions or a slice."""
        return replace(self, values=self.values[positions], missing=self.missing[positions])

    def renamed(self, name: str) -> Column:
        """Return the same column under another name."""
        return replace(self, name=name)

    def filled(self) -> Array:
        """Return the values with NaN where they are missing, as pandas wants them.

        Integers become floats if that is exact, other types become objects; without anything
        missing the array is that of the column.
        """
        if not self.missing.any() or self.values.dtype.kind in "fc":
            return self.values
        if self.values.dtype.kind in "iu":
            numbers = self.values.astype(np.float64)
            if _is_same(numbers, self.values):
                numbers[self.missing] = np.nan
                return numbers
        objects = self.values.astype(object)
        objects[self.missing] = np.nan
        return objects


def array_of(
    values: Sequence[Any], indices: Sequence[int], name: str, *, objects: bool, what: str = "result"
) -> tuple[Array, NDArray[np.bool_]]:
    """Return values of runs as an array, and which of them are missing.

    ``indices`` are those of the runs, for messages. `NO_VALUE` and None are missing. Numbers of
    several types get the type that holds all of them exactly. With ``objects`` anything goes.

    Raises
    ------
    TypeError
        The values are no scalars, or of types without a common one.
    """
    missing = np.fromiter((value is NO_VALUE or value is None for value in values), bool)
    present = (
        [value for value, absent in zip(values, missing.tolist(), strict=True) if not absent]
        if missing.any()
        else values
    )
    packed = packed_scalars(present)
    if packed is None:
        if not objects:
            kept = [idx for idx, gone in zip(indices, missing.tolist(), strict=True) if not gone]
            raise TypeError(_refusal(name, present, kept, what))
        packed = _object_array(present)
    if len(packed) == len(values):
        return packed, missing
    full = np.full(len(values), _FILLS[packed.dtype.kind], packed.dtype)
    full[~missing] = packed
    return full, missing


def packed_scalars(values: Sequence[Any]) -> Array | None:
    """Return scalars of one kind as an array; None if they are no such.

    Without values it is an array of floats.
    """
    kinds = set(map(type, values))
    if kinds <= {float}:
        return np.array(values, np.float64)
    if kinds == {int}:
        return _integers(values)
    if kinds <= {bool, np.bool_}:
        return np.array(values, np.bool_)
    if kinds <= {str, np.str_}:
        return _texts(values)
    if kinds <= {bytes, np.bytes_}:
        return _object_array(values)
    if all(issubclass(kind, _NUMBERS) and kind is not bool for kind in kinds):
        return _numbers(values)
    return None


_NUMBERS = (int, float, complex, np.number)


def is_scalar(value: Any) -> bool:
    """Return whether a value has its place in a column, as None has."""
    return value is None or isinstance(value, (bool, str, bytes, np.bool_, *_NUMBERS))


def _integers(values: Sequence[int]) -> Array | None:
    for dtype in (np.int64, np.uint64):
        try:
            return np.array(values, dtype)
        except OverflowError:
            continue
    return None


def _texts(values: Sequence[str]) -> Array:
    longest = max(map(len, values))
    # numpy cuts NULs at the end of text, and gives every text the width of the longest one.
    if 4 * longest * len(values) > _MOST_TEXT_BYTES or any(text[-1:] == "\0" for text in values):
        return _object_array(values)
    return np.array(values, np.str_)


def _numbers(values: Sequence[Any]) -> Array | None:
    """Return numbers of several types as one array, None if that is not exact."""
    parts = [np.asarray(_integers([value]))[0] if type(value) is int else value for value in values]
    try:
        dtype = np.result_type(*{np.asarray(part).dtype for part in parts})
        packed = np.array(parts, dtype)
    except (OverflowError, TypeError):
        return None
    if packed.dtype.kind not in "iufc":
        return None
    is_exact = all(
        type(value) is not int or int(number.real) == value
        for value, number in zip(values, packed, strict=True)
        if not isinstance(value, (float, complex, np.inexact))
    )
    return packed if is_exact else None


def _object_array(values: Sequence[Any]) -> Array:
    # Not `np.array(values, object)`, which would unpack arrays and lists of equal lengths.
    packed = np.empty(len(values), object)
    for position, value in enumerate(values):
        packed[position] = value
    return packed


def _is_same(numbers: Array, integers: Array) -> bool:
    return bool((numbers.astype(object) == integers.astype(object)).all())


def _refusal(name: str, values: Sequence[Any], indices: Sequence[int], what: str) -> str:
    """Return why values are no column, and what to do."""
    first: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for value, idx in zip(values, indices, strict=True):
        described = _described(value)
        first.setdefault(described, idx)
        counts[described] += 1
    kinds = [
        f"{described} in {count} runs (run {first[described]} for one)"
        for described, count in counts.most_common()
    ]
    found = joined(kinds, _MOST_TYPES)
    advice = "`objects=True` for a column of objects"
    if what == RESULT:
        advice = f"`reduce={{{name!r}: function}}` to make a scalar of each, or {advice}"
        if any(isinstance(value, np.ndarray) for value in values):
            advice += "; `f_to_xarray` takes arrays of equal shape"
    return f"The {what} {name!r} is no column of scalars of one type: {found}. Give {advice}."


def _described(value: Any) -> str:
    kind = type(value).__name__
    shape = getattr(value, "shape", None)
    return f"{kind} of shape {shape}" if isinstance(shape, tuple) and shape else kind
