"""Sparse matrices of scipy from pickles, with checked indices, because scipy trusts them."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from pypet.encoding.safe_pickle.machine import PickleMachine
from pypet.encoding.safe_pickle.vocabulary import AllowedNames, Pending, check, check_sizes

sparse: Any = import_module("scipy.sparse")  # imported only for pickles with scipy objects

_SPARSE = "a sparse matrix"


def _compressed(cls: Any, state: dict[str, Any], shape: Any, given: Any) -> Any:
    parts = tuple(_array(state, name) for name in ("data", "indices", "indptr"))
    made = cls(parts, shape=shape)
    made.check_format(full_check=True)
    return made


def _coordinates(cls: Any, state: dict[str, Any], shape: Any, given: Any) -> Any:
    coords = state.get("coords", (state.get("row"), state.get("col")))
    check(type(coords) is tuple and all(type(part) is np.ndarray for part in coords), _SPARSE)
    for part, size in zip(coords, shape, strict=True):
        check(part.dtype.kind in "iu", _SPARSE)
        check(not part.size or (part.min() >= 0 and part.max() < size), _SPARSE)
    return cls((_array(state, "data"), coords), shape=shape)


def _diagonals(cls: Any, state: dict[str, Any], shape: Any, given: Any) -> Any:
    return cls((_array(state, "data"), _array(state, "offsets")), shape=shape)


def _lists(cls: Any, state: dict[str, Any], shape: Any, given: Any) -> Any:
    rows, data = _array(state, "rows", "O"), _array(state, "data", "O")
    check(rows.shape == data.shape == shape[:1] and len(shape) == 2, _SPARSE)
    dtype = state.get("dtype")
    check(isinstance(dtype, np.dtype), _SPARSE)
    for row, values in zip(rows, data, strict=True):
        check(type(row) is list and type(values) is list and len(row) == len(values), _SPARSE)
        check(all(type(column) is int and 0 <= column < shape[1] for column in row), _SPARSE)
        check(all(itertools.starmap(operator.lt, itertools.pairwise(row))), _SPARSE)
    made = cls(shape, dtype=dtype)
    made.rows, made.data = rows, data
    return made


def _keys(cls: Any, state: dict[str, Any], shape: Any, given: Any) -> Any:
    found = state.get("_dict", given)
    check(type(found) is dict, _SPARSE)
    dtype = state.get("dtype")
    check(isinstance(dtype, np.dtype), _SPARSE)
    made = cls(shape, dtype=dtype)
    for key, value in found.items():
        places = key if type(key) is tuple else (key,)
        check(all(isinstance(place, int | np.integer) for place in places), _SPARSE)
        made[key] = value
    return made


def _array(state: dict[str, Any], name: str, codes: str = "?bBhHiIlLqQefdgFDG") -> Any:
    array = state.get(name)
    check(type(array) is np.ndarray and array.dtype.char in codes, _SPARSE)
    return array


_FORMATS: dict[str, Callable[..., Any]] = {
    "csr": _compressed,
    "csc": _compressed,
    "bsr": _compressed,
    "coo": _coordinates,
    "dia": _diagonals,
    "lil": _lists,
    "dok": _keys,
}


def _maker(restore_one: Callable[..., Any]) -> Callable[..., Any]:
    def make(machine: PickleMachine, cls: Any) -> Pending:
        def restore(state: Any) -> Any:
            check(type(state) is dict, _SPARSE)
            shape = state.get("_shape")
            check_sizes(shape, _SPARSE)
            return restore_one(cls, state, shape, pending.given)

        pending = Pending(restore)
        return pending

    return make


def kinds() -> AllowedNames:
    """Return the allowed names of scipy."""
    found = AllowedNames()
    for name, restore in _FORMATS.items():
        for suffix in ("matrix", "array"):
            cls = getattr(sparse, f"{name}_{suffix}", None)
            if cls is not None:
                found.names[f"{name}_{suffix}"] = cls
                found.makers[cls] = _maker(restore)
    return found
