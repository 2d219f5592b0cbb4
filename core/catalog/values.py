"""Descriptions of values of parameters, of limited size."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np

from pypet.catalog.descriptions import Range, Value
from pypet.leaves.leaf_io import content_key, deduplicate
from pypet.support.readable import shortened

MOST_VALUES = 1000
"""Distinct values of a range that are described."""
MOST_CHARACTERS = 200
_MOST_SHOWN = 20
"""Entries of a list or an array that its text has."""
_MOST_KINDS = 20
"""Types, dtypes and shapes in a range."""

_NATIVE = (bool, int, float, str)


class _Texts(reprlib.Repr):
    """Texts of containers that may be in themselves again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = _MOST_SHOWN
        self.maxstring = self.maxlong = self.maxother = MOST_CHARACTERS

    def repr1(self, x: Any, level: int) -> str:
        kind = type(x)
        if isinstance(x, np.generic):
            return self.repr1(x.item(), level) if x.dtype.kind not in "OV" else f"<{kind.__name__}>"
        if isinstance(x, np.ndarray):
            return _array_text(x)
        if kind in _WRITTEN_OUT or kind in _CONTAINERS:
            return super().repr1(x, level)
        shape = getattr(x, "shape", None)
        return f"<{kind.__name__} {shape}>" if isinstance(shape, tuple) else f"<{kind.__name__}>"


_WRITTEN_OUT = (bool, int, float, complex, str, bytes, type(None))
_CONTAINERS = (list, tuple, dict, set, frozenset)
_TEXTS = _Texts()


def _array_text(array: np.ndarray[Any, Any]) -> str:
    if array.dtype.hasobject or array.dtype.names:
        return f"<array of {array.size} objects>"
    if array.size <= _MOST_SHOWN:
        return str(array.tolist())
    first = ", ".join(str(value) for value in array.reshape(-1)[:3].tolist())
    return f"[{first}, ...]"


def value_text(value: Any) -> str:
    """Return a value in one line as Python writes it; types that might run code are only named."""
    return _TEXTS.repr(value)


def described_value(value: Any) -> Value:
    """Return the description of a value."""
    least, most = _bounds([value])
    is_array = isinstance(value, np.ndarray) or _is_sparse(value)
    return Value(
        type(value).__name__,
        shortened(value_text(value), MOST_CHARACTERS),
        _native(value),
        str(value.dtype) if is_array or isinstance(value, np.generic) else None,
        tuple(map(int, value.shape)) if is_array else None,
        least if is_array else None,
        most if is_array else None,
    )


def described_range(values: Sequence[Any]) -> Range:
    """Return the description of the values of a parameter over all runs."""
    found, indices = deduplicate(values, _key)
    counts = np.bincount(indices, minlength=len(found)) if indices else np.zeros(0, int)
    least, most = _bounds(found)
    described = tuple(map(described_value, found[:MOST_VALUES]))
    return Range(
        len(values),
        len(found),
        described,
        tuple(counts[:MOST_VALUES].tolist()),
        _first_kinds(type(value).__name__ for value in found),
        _first_kinds(str(value.dtype) for value in found if hasattr(value, "dtype")),
        _first_kinds(value.shape for value in found if isinstance(value, np.ndarray)),
        least,
        most,
    )


def _key(value: Any) -> Hashable:
    try:
        return content_key(value)
    except (TypeError, ValueError, OverflowError):
        return id(value)  # equal entries of a range of pickles are one object


def _first_kinds(kinds: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(kinds))[:_MOST_KINDS]


def _is_sparse(value: Any) -> bool:
    return hasattr(value, "nnz") and hasattr(value, "dtype") and hasattr(value, "shape")


def _native(value: Any) -> Any:
    """Return a value as JSON represents it, None if JSON cannot."""
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        value = value.item()
    if type(value) not in _NATIVE or (type(value) is float and not math.isfinite(value)):
        return None
    return value


def _bounds(values: Iterable[Any]) -> tuple[Any, Any]:
    """Return the smallest and the largest value, None for both unless all are real numbers."""
    least, most = None, None
    for value in values:
        array = value if isinstance(value, np.ndarray) else None
        if array is None:
            if not _is_real(value):
                return None, None
            array = np.array([value]) if isinstance(value, np.generic) else None
        lowest, highest = (value, value) if array is None else _bounds_of_array(array)
        if lowest is None:
            if array is not None and array.dtype.kind not in "iuf":
                return None, None
            continue
        if lowest == lowest:  # not NaN
            least = lowest if least is None or lowest < least else least
            most = highest if most is None or highest > most else most
    return least, most


def _is_real(value: Any) -> bool:
    if isinstance(value, np.generic):
        return value.dtype.kind in "iuf"
    return type(value) in (int, float)


def _bounds_of_array(array: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    if array.dtype.kind not in "iuf":
        return None, None
    numbers = array[~np.isnan(array)] if array.dtype.kind == "f" else array
    if not numbers.size:
        return None, None
    return numbers.min().item(), numbers.max().item()
