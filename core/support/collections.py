"""Nested and flat dictionaries, a chain of iterators that grows, and sorting of run results."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Generic, TypeVar


def flatten_dictionary(nested_dict: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Return ``{'a': {'b': 1}}`` as ``{'a.b': 1}``, with any ``separator``.

    Empty inner dictionaries are kept as values.
    """
    return dict(_flat_items(nested_dict, "", separator))


def nest_dictionary(flat_dict: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Return ``{'a.b': 1}`` as ``{'a': {'b': 1}}``, the inverse of `flatten_dictionary`.

    Raises
    ------
    TypeError
        A key continues below another one whose value is not a dictionary.
    """
    nested: dict[str, Any] = {}
    for key, value in flat_dict.items():
        *parents, last = key.split(separator)
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise TypeError(f"Cannot nest {key!r}: {parent!r} already has the value {place!r}.")
        place[last] = value
    return nested


def _flat_items(
    nested: Mapping[str, Any], prefix: str, separator: str
) -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            yield from _flat_items(value, f"{prefix}{key}{separator}", separator)
        else:
            yield f"{prefix}{key}", value


T = TypeVar("T")


class IteratorChain(Generic[T]):
    """Iterates over several iterables one after the other; more may be added while iterating.

    After exhaustion, `add` makes it usable again.
    """

    def __init__(self, *iterables: Iterable[T]) -> None:
        self._waiting: deque[Iterable[T]] = deque(iterables)
        self._current: Iterator[T] = iter(())

    def add(self, *iterables: Iterable[T]) -> None:
        """Append iterables to the end of the chain."""
        self._waiting.extend(iterables)

    def next(self) -> T:
        """Return the next element; StopIteration at the end."""
        return next(self)

    def __iter__(self) -> IteratorChain[T]:
        return self

    def __next__(self) -> T:
        while True:
            try:
                return next(self._current)
            except StopIteration:
                if not self._waiting:
                    raise
                self._current = iter(self._waiting.popleft())


def result_sort(result_list: list[tuple[int, Any]], start_index: int = 0) -> list[tuple[int, Any]]:
    """Sort ``(run index, result)`` tuples in place from ``start_index`` on; return the list."""
    result_list[start_index:] = sorted(result_list[start_index:], key=itemgetter(0))
    return result_list
