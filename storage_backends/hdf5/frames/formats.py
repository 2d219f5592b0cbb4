"""Choosing a pandas format that preserves an object exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

FIXED, TABLE = "fixed", "table"


def other_format(name: str) -> str:
    """Return the other one of pandas' two formats; ``name`` may be long or short."""
    return FIXED if name.startswith("t") else TABLE


def is_certain(value: Any, *, is_table: bool) -> bool:
    """Return whether pandas is known to read this object back unchanged, without trying.

    It is for numbers and times, and for pandas' own text. The fixed format pickles objects, and
    storing must not unpickle those of users.
    """
    import pandas

    if value.empty:
        return False
    dtypes = value.dtypes
    columns = list(dtypes) if isinstance(value, pandas.DataFrame) else [dtypes]
    axes = [value.index]
    if isinstance(value, pandas.DataFrame):
        axes.append(value.columns)
    for axis in axes:
        columns += list(axis.dtypes) if isinstance(axis, pandas.MultiIndex) else [axis.dtype]
    if not is_table and any(isinstance(dtype, np.dtype) and dtype.hasobject for dtype in columns):
        return True
    is_flat = not any(isinstance(axis, pandas.MultiIndex) for axis in axes)
    return is_flat and all(map(_is_common, columns))


def _is_common(dtype: Any) -> bool:
    import pandas

    if isinstance(dtype, np.dtype):
        return dtype.kind in "biufcMm"
    return isinstance(dtype, pandas.StringDtype | pandas.DatetimeTZDtype)


def difference(value: Any, found: Any) -> str | None:
    """Return how ``found``, as read back, differs from what was stored; None if it does not.

    Compares dtypes, labels and names, but not values.
    """
    import pandas

    if type(found) is not type(value) or found.shape != value.shape:
        return "it is read as something else"
    if isinstance(value, pandas.Series):
        if found.dtype != value.dtype:
            return f"dtype {value.dtype} is read as {found.dtype}"
        if not _same_name(value.name, found.name):
            return f"name {value.name!r} is read as {found.name!r}"
        return _difference_of_labels("index", value.index, found.index)
    for label, dtype, other in zip(value.columns, value.dtypes, found.dtypes, strict=True):
        if dtype != other:
            return f"column {label!r} of dtype {dtype} is read as {other}"
    return _difference_of_labels("index", value.index, found.index) or _difference_of_labels(
        "columns", value.columns, found.columns
    )


def _difference_of_labels(axis: str, labels: Any, found: Any) -> str | None:
    import pandas

    if list(labels.names) != list(found.names):
        return f"the names of its {axis}, {list(labels.names)}, are read as {list(found.names)}"
    if isinstance(labels, pandas.MultiIndex):
        if not isinstance(found, pandas.MultiIndex):
            return f"the levels of its {axis} are lost"
        dtypes, others = list(labels.dtypes), list(found.dtypes)
    else:
        dtypes, others = [labels.dtype], [found.dtype]
    if dtypes != others:
        names = [", ".join(map(str, part)) for part in (dtypes, others)]
        return f"its {axis} of dtype {names[0]} is read as {names[1]}"
    return None if labels.equals(found) else f"its {axis} is read as something else"


def _same_name(name: Any, found: Any) -> bool:
    try:
        return bool(name == found) or (name != name and found != found)
    except (TypeError, ValueError):  # arrays in a tuple, for example
        return False


class Attempts:
    """The formats that were tried, with their errors."""

    def __init__(self) -> None:
        self._reasons: list[str] = []
        self.error: Exception | None = None
        """The error of the first format, None if it only changed something."""

    def make(self, name: str, attempt: Callable[[str], str | None]) -> bool:
        """Return whether the object was written in this format without loss."""
        try:
            reason = attempt(name)
        except (OSError, MemoryError):
            raise
        except Exception as err:  # pandas raises arbitrary exceptions
            if not self._reasons:
                self.error = err
            reason = " ".join(str(err).split())
        if reason is not None:
            self._reasons.append(f"{name!r}: {reason or type(self.error).__name__}")
        return reason is None

    def __str__(self) -> str:
        return "; ".join(self._reasons)
