"""Digests of values: the same for equal values in any process.

Pickles of equal values differ: in the order of sets, which depends on the process, and in which
texts are one object. A digest is that of a pickle with sorted sets and without shared strings.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from pypet.plugins.resume.snapshots.functions import home_of
from pypet.plugins.resume.snapshots.scripts import DEFINED, MAIN, MAIN_NAMES

PROTOCOL = 4
"""Later ones pickle arrays by how they are laid out in memory."""

_PLAIN = frozenset((int, float, bool, str, bytes, type(None)))


def digest(value: Any) -> str | None:
    """Return the SHA-256 of a value, None if it has none.

    That is so if it cannot be pickled, or consists of functions without a name.
    """
    try:
        return hashlib.sha256(_stable_pickle(value)).hexdigest()
    except Exception:  # whatever an object raises that is pickled
        return None


def digest_of_values(values: Sequence[Any]) -> str | None:
    """Return the SHA-256 of a sequence, None if it has none; fast for plain numbers and texts."""
    kinds = set(map(type, values))
    if kinds <= _PLAIN:
        file = io.BytesIO()
        pickler = pickle.Pickler(file, PROTOCOL)
        pickler.fast = True  # without references to what came before
        pickler.dump(list(values))
        return hashlib.sha256(file.getvalue()).hexdigest()
    if len(kinds) == 1 and issubclass(kind := kinds.pop(), np.number):
        array = np.array(values, dtype=kind)
        return hashlib.sha256(array.dtype.str.encode() + array.tobytes()).hexdigest()
    return digest(list(values))


def _stable_pickle(value: Any) -> bytes:
    file = io.BytesIO()
    _StablePickler(file, PROTOCOL).dump(value)
    return file.getvalue()


_PythonPickler: Any = pickle._Pickler
"""The pickler in Python, in which the pickling of sets and strings can be overridden."""


class _StablePickler(_PythonPickler):  # type: ignore[misc]
    def persistent_id(self, item: Any) -> Any:
        if not isinstance(item, DEFINED) or home_of(item) is None:
            return None
        name = MAIN if item.__module__ in MAIN_NAMES else item.__module__
        return name, item.__qualname__

    def memoize(self, item: Any) -> None:
        if type(item) is not str and type(item) is not bytes:
            super().memoize(item)

    def save_set(self, items: Any) -> None:
        self.save((type(items).__name__, sorted(map(_stable_pickle, items))))

    # All of them, for dill puts its own into the table of `pickle` once it is imported.
    dispatch = {
        type(None): _PythonPickler.save_none,
        bool: _PythonPickler.save_bool,
        int: _PythonPickler.save_long,
        float: _PythonPickler.save_float,
        str: _PythonPickler.save_str,
        bytes: _PythonPickler.save_bytes,
        bytearray: _PythonPickler.save_bytearray,
        tuple: _PythonPickler.save_tuple,
        list: _PythonPickler.save_list,
        dict: _PythonPickler.save_dict,
        set: save_set,
        frozenset: save_set,
    }
