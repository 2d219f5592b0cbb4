"""Surroundings of every use of PyTables: one thread at a time, and no warnings of known things."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pypet.storage_backends.hdf5.files.guard import GUARD


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress what PyTables and pandas say about names and pickled columns: both are known.

    Neither PyTables nor what suppresses warnings is safe for threads, even with different files.
    """
    from pandas.errors import PerformanceWarning
    from tables import NaturalNameWarning
    from tables import PerformanceWarning as TooManyNodesWarning

    with GUARD, warnings.catch_warnings():
        for category in (PerformanceWarning, NaturalNameWarning, TooManyNodesWarning):
            warnings.simplefilter("ignore", category)
        yield
