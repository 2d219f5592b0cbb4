"""Assigning points to stored runs by the values of the explored parameters."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

Point = tuple[Any, ...]
"""One value for each explored parameter."""

# No value of a user has one of these keys: that of a tuple starts with "sequence".
_NAN, _NONE = ("nan",), ("none",)
_DIGEST_SIZE = 16
_ARRAYS = (np.ndarray, np.matrix)
_PADDED = (np.dtype(np.longdouble), np.dtype(np.clongdouble))
"""Types whose values may have bytes without a meaning."""


def match_points(
    parameters: Sequence[Any],
    known: Iterable[tuple[int, Point]],
    points: Sequence[Point],
    completed: Collection[int],
) -> list[int | None]:
    """Return the index of a run with the same values for each point, None if there is none.

    Values are equal as for `nested_equal`: NaN equals NaN, arrays are compared element by element.
    Each run is assigned to one point. Among several runs of the same point completed ones are
    preferred, then the run whose index is the position of the point, then the first one.

    Parameters
    ----------
    parameters
        The explored parameters, in the order of the values of a point. They compare values without
        a key.
    known
        Index and point of each run.
    completed
        Indices of the runs that are completed.
    """
    groups = _PointGroups(parameters)
    runs: dict[int, list[int]] = {}
    group_of_run: dict[int, int] = {}
    for index, point in known:
        group = group_of_run[index] = groups.number(point)
        runs.setdefault(group, []).append(index)
    positions: dict[int, list[int]] = {}
    for position, point in enumerate(points):
        # The run at this position is the most likely one, and some values are slow to compare.
        group = groups.number(point, group_of_run.get(position))
        positions.setdefault(group, []).append(position)
    matches: list[int | None] = [None] * len(points)
    for group, group_positions in positions.items():
        for position, index in _assign(group_positions, runs.get(group, []), completed):
            matches[position] = index
    return matches


def _assign(
    positions: list[int], runs: list[int], completed: Collection[int]
) -> Iterable[tuple[int, int]]:
    """Assign a run to each position until there are no more runs."""
    places = frozenset(positions)
    ranked = sorted(runs, key=lambda run: (run not in completed, run not in places, run))
    left = dict.fromkeys(ranked[: len(positions)])
    others = []
    for position in positions:
        if position in left:
            del left[position]
            yield position, position
        else:
            others.append(position)
    yield from zip(others, left, strict=False)


class _PointGroups:
    """Assigns numbers to points, the same number to equal ones."""

    def __init__(self, parameters: Sequence[Any]) -> None:
        self._parameters = parameters
        self._count = 0
        self._buckets: dict[Hashable, list[tuple[int, Point]]] = {}
        self._points: dict[int, Point] = {}
        """Points with values without a key, by number."""

    def number(self, point: Point, guess: int | None = None) -> int:
        """Return the number of a point; ``guess`` is tried first where values have no key."""
        key = tuple(map(value_key, point))
        bucket = self._buckets.setdefault(key, [])
        columns = [column for column, part in enumerate(key) if part is None]
        if not columns:
            if not bucket:
                bucket.append((self._new_number(), ()))
            return bucket[0][0]
        if guess in self._points and self._are_equal(point, self._points[guess], columns):
            others = tuple(map(value_key, self._points[guess]))
            if others == key:
                return guess
        for number, other in bucket:
            if self._are_equal(point, other, columns):
                return number
        number = self._new_number()
        self._points[number] = point
        bucket.append((number, point))
        return number

    def _new_number(self) -> int:
        self._count += 1
        return self._count - 1

    def _are_equal(self, point: Point, other: Point, columns: list[int]) -> bool:
        return all(
            equal_values(self._parameters[column], point[column], other[column])
            for column in columns
        )


def equal_values(parameter: Any, one: Any, other: Any) -> bool:
    """Return whether a parameter considers two values equal; unsupported values are not."""
    try:
        return bool(parameter._equal_values(one, other))
    except TypeError:
        return False


def value_key(value: Any) -> Hashable:
    """Return a hashable key that is equal for equal values; None if the type has none."""
    if value is None:
        return _NONE
    if isinstance(value, np.generic) and not isinstance(value, np.void):
        plain = value.item()
        if isinstance(plain, np.generic) or value.dtype.kind in "mM":
            return _array_key(np.asarray(value))
        value = plain
    kind = type(value)
    if kind in (float, complex):
        return value if value == value else _NAN
    if kind in (bool, int, str, bytes):
        return value  # type: ignore[no-any-return]
    if kind in (list, tuple):
        return _key_of_several("sequence", tuple(map(value_key, value)))
    if kind in _ARRAYS:
        return _array_key(value)
    if kind is dict:
        names = tuple(map(value_key, value))
        entries = tuple(map(value_key, value.values()))
        if None in names or None in entries:
            return None
        return "mapping", frozenset(zip(names, entries, strict=True))
    if kind in (set, frozenset):
        elements = tuple(map(value_key, value))
        return None if None in elements else ("set", frozenset(elements))
    return None


def _key_of_several(kind: str, keys: tuple[Hashable, ...]) -> Hashable:
    return None if None in keys else (kind, keys)


def _array_key(array: np.ndarray[Any, Any]) -> Hashable:
    dtype = array.dtype
    if dtype.hasobject or dtype.names:
        return None
    if dtype.kind in "US":  # a stored array may be as wide as its longest text
        return "texts", array.shape, tuple(array.ravel().tolist())
    native = np.ascontiguousarray(array, dtype.newbyteorder("="))
    if dtype.kind in "fc":
        native = native + np.zeros((), native.dtype)  # negative zeros equal positive ones
        native[np.isnan(native)] = np.nan
    if native.dtype in _PADDED:
        return "array", native.dtype.str, array.shape, tuple(map(str, native.ravel()))
    data = blake2b(native.tobytes(), digest_size=_DIGEST_SIZE).digest()
    return "array", native.dtype.str, array.shape, data
