"""Equality that is as strict as a round trip has to be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def same(a: Any, b: Any) -> bool:
    """Return whether two values agree in type and in every bit, element by element."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, np.generic) and not isinstance(a, str | bytes):
        return a.tobytes() == b.tobytes()
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and str(a) == str(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if type(a).__name__ == "ObjectTable":
        return list(a.columns) == list(b.columns) and all(
            same(list(a[column]), list(b[column])) for column in a.columns
        )
    return bool(a == b)


def matrix(rows: Any) -> Any:
    """Return a `numpy.matrix`, whose constructor warns."""
    return np.array(rows).view(np.matrix)
