"""Pickles that NumPy 1 and NumPy 2 can both read.

NumPy 2 moved its functions from ``numpy.core`` to ``numpy._core``, and NumPy 1 does not know the
new place. Under the old one both find what makes arrays and scalars from pickles.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

_OLD_PLACE = "numpy.core.multiarray"
_makers: tuple[Any, ...] = (np.empty(0, dtype=object).__reduce__()[0], np.float64().__reduce__()[0])
_new_place: str = _makers[0].__module__
_lock = threading.RLock()
_depth = 0


@contextmanager
def portable_pickles() -> Iterator[None]:
    """Let everything that is pickled in a ``with`` block name NumPy's functions by the old place.

    Arrays pickled with protocol 5, other than those of objects, are made by another function,
    which is not covered.
    """
    global _depth
    with _lock:
        _depth += 1
        _name_place(_OLD_PLACE)
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if not _depth:
                _name_place(_new_place)


def dumps(value: Any, protocol: int) -> bytes:
    """Return ``value`` pickled, like `pickle.dumps`."""
    with portable_pickles():
        return pickle.dumps(value, protocol)


def dumps_from(value: Any, protocol: int) -> tuple[bytes, int]:
    """Return ``value`` pickled with the lowest protocol from ``protocol`` on that can, and this.

    Protocols 0 and 1 lack objects with slots, and those that reduce themselves for later ones only.

    Raises
    ------
    ValueError
        There is no such protocol.
    Exception
        That of the highest protocol, which lacks nothing.
    """
    for higher in range(protocol, pickle.HIGHEST_PROTOCOL):
        try:
            return dumps(value, higher), higher
        except Exception:  # a higher protocol may work, or raise the actual error
            continue
    return dumps(value, max(protocol, pickle.HIGHEST_PROTOCOL)), pickle.HIGHEST_PROTOCOL


def _name_place(module: str) -> None:
    for maker in _makers:
        maker.__module__ = module
