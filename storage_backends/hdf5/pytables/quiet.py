"""Warnings of PyTables and pandas that tell nothing new."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress what PyTables and pandas say about names and pickled columns: both are known."""
    from pandas.errors import PerformanceWarning
    from tables import NaturalNameWarning
    from tables import PerformanceWarning as TooManyNodesWarning

    with warnings.catch_warnings():
        for category in (PerformanceWarning, NaturalNameWarning, TooManyNodesWarning):
            warnings.simplefilter("ignore", category)
        yield
