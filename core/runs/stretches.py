"""Stretches of runs with neighbouring indices, as most sets of runs are made of few of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pypet.support.readable import joined

Stretches = tuple[tuple[int, int], ...]
"""First and last index of each."""


def stretches(indices: Sequence[int] | np.ndarray[Any, Any]) -> Stretches:
    """Return first and last of each stretch of neighbouring indices, which are in order."""
    array = np.asarray(indices, np.int64)
    if not len(array):
        return ()
    ends = np.flatnonzero(np.diff(array) != 1)
    firsts = array[[0, *(ends + 1)]].tolist()
    lasts = array[[*ends, len(array) - 1]].tolist()
    return tuple(zip(firsts, lasts, strict=True))


def stretches_text(found: Sequence[tuple[int, int]], most: int = 10) -> str:
    """Return text such as ``'0, 4-7'``; after ``most`` stretches ``'...'``."""
    return joined(
        [str(first) if first == last else f"{first}-{last}" for first, last in found], most
    )
