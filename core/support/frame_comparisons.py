"""Equality of pandas objects, reduced to pairs of cells that are left to compare.

Each function answers False, or yields pairs of plain values that have to be equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

Pairs = Iterator[tuple[Any, Any]]


def frame_pairs(a: Any, b: Any) -> bool | Pairs:
    """Compare two DataFrames: same labels and cells; columns may be in another order."""
    if a.empty and b.empty:
        return True
    if a.shape != b.shape or not a.index.equals(b.index):
        return False
    if not a.columns.equals(b.columns):
        if not (a.columns.is_unique and a.columns.isin(b.columns).all()):
            return False
        b = b[a.columns]
    return (
        pair
        for position in range(a.shape[1])
        for pair in _cell_pairs(a.iloc[:, position], b.iloc[:, position])
    )


def series_pairs(a: Any, b: Any) -> bool | Pairs:
    """Compare two Series: same index and cells, whatever their names."""
    if len(a) != len(b) or not a.index.equals(b.index):
        return False
    return _cell_pairs(a, b)


def index_pairs(a: Any, b: Any) -> bool:
    """Compare two Indexes."""
    return bool(a.equals(b))


def _cell_pairs(a: Any, b: Any) -> Pairs:
    missing = a.isna().to_numpy()
    yield missing, b.isna().to_numpy()
    present = ~missing
    values, others = _values(a), _values(b)
    if values is not None and others is not None:
        yield values[present], others[present]
    else:
        keep = np.flatnonzero(present)
        yield a.iloc[keep].tolist(), b.iloc[keep].tolist()


def _values(column: Any) -> np.ndarray[Any, Any] | None:
    """Return the cells as a plain array if they are one, None for objects and extensions."""
    return column.to_numpy() if type(column.dtype).__module__.startswith("numpy") else None
