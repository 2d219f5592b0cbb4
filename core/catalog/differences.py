"""Differences of values, described for people and programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pypet.catalog.values import value_text
from pypet.support.comparisons import nested_equal
from pypet.support.readable import counted, shortened

SECTIONS = (
    "trajectory",
    "parameters",
    "explored",
    "code",
    "environment",
    "settings",
    "results",
)
CHANGED, ONLY_IN_A, ONLY_IN_B = "changed", "only in a", "only in b"
"""Kinds of differences."""
_MOST_CHARACTERS = 200
_ABSENT: Any = object()


class Unknown:
    """Stands for a value that is not read; two of them are not known to differ."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown)

    __hash__ = None  # type: ignore[assignment]  # equal ones need not have the same reason


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not the same in two places."""

    name: str
    kind: str
    """`CHANGED`, `ONLY_IN_A` or `ONLY_IN_B`."""
    a: str | None
    """The value as Python writes it, cut if it is long; None if there is none."""
    b: str | None
    about: str = ""
    """More about the difference, for example how large it is."""


def compared_values(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differences of two mappings of values, in the order of their names."""
    for name in sorted(a.keys() | b.keys()):
        found = difference_of(name, a.get(name, _ABSENT), b.get(name, _ABSENT))
        if found is not None:
            yield found


def difference_of(name: str, a: Any, b: Any) -> Difference | None:
    """Return the difference of two values, None if their types and all elements are equal."""
    if a is _ABSENT:
        return Difference(name, ONLY_IN_B, None, _text(b))
    if b is _ABSENT:
        return Difference(name, ONLY_IN_A, _text(a), None)
    if type(a) is type(b) and nested_equal(a, b):
        return None
    return Difference(name, CHANGED, _text(a), _text(b), _about(a, b))


def _text(value: Any) -> str:
    text = f"(not read: {value.reason})" if type(value) is Unknown else value_text(value)
    return shortened(text, _MOST_CHARACTERS)


def _about(a: Any, b: Any) -> str:
    """Return how two values differ where their texts may not show it."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return _about_arrays(a, b)
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return f"{len(a)} and {len(b)} values"
        differing = sum(not nested_equal(one, other) for one, other in zip(a, b, strict=True))
        return f"{differing} of {counted(len(a), 'value')} differ"
    if type(a) is not type(b):
        return f"{type(a).__name__} and {type(b).__name__}"
    return ""


def _about_arrays(a: Any, b: Any) -> str:
    if a.shape != b.shape:
        return f"shapes {a.shape} and {b.shape}"
    if a.dtype.kind not in "biufc" or b.dtype.kind not in "biufc":
        return ""
    differs = ~((a == b) | ((a != a) & (b != b)))
    text = f"{int(differs.sum())} of {counted(a.size, 'element')} differ"
    if a.dtype.kind == "b" or b.dtype.kind == "b":
        return text
    with np.errstate(invalid="ignore", over="ignore"):
        by = np.abs(a[differs].astype(complex) - b[differs].astype(complex))
    known = by[np.isfinite(by)]
    return f"{text}, by {float(known.max()):.3g} at most" if known.size else text


def distribution_differences(a: Any, b: Any) -> Iterator[Difference]:
    """Yield the differences of two lists of installed distributions, one ``name==version`` a line.

    Anything but text stands for a list that is not there.
    """
    if not isinstance(a, str) or not isinstance(b, str):
        if isinstance(a, str) != isinstance(b, str):
            only = ONLY_IN_A if isinstance(a, str) else ONLY_IN_B
            count = counted(len(str(a if isinstance(a, str) else b).splitlines()), "distribution")
            texts = (count, None) if only == ONLY_IN_A else (None, count)
            yield Difference("distributions", only, *texts)
        return
    versions = [dict(line.partition("==")[::2] for line in text.splitlines()) for text in (a, b)]
    for each in compared_values(*versions):
        yield Difference(f"distributions.{each.name}", each.kind, each.a, each.b)
