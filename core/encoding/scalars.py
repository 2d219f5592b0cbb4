"""Scalars as items, and back. These functions run for each stored number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pypet.encoding import text_arrays
from pypet.encoding.mixtures import NONE, pack_ints
from pypet.encoding.type_names import NAME_OF_TYPE, TEXT_TYPES, type_of_name
from pypet.pypetconstants import ARRAY, COLL_SCALAR
from pypet.records import ArrayItem


def _encode_int(name: str, value: int, encoding: str) -> ArrayItem:
    return ArrayItem(name, ARRAY, pack_ints(name, value), COLL_SCALAR, "int")


def _encode_float(name: str, value: float, encoding: str) -> ArrayItem:
    return ArrayItem(name, ARRAY, np.array(value), COLL_SCALAR, "float")


def _encode_bool(name: str, value: bool, encoding: str) -> ArrayItem:
    return ArrayItem(name, ARRAY, np.array(value), COLL_SCALAR, "bool")


def _encode_complex(name: str, value: complex, encoding: str) -> ArrayItem:
    return ArrayItem(name, ARRAY, np.array(value), COLL_SCALAR, "complex")


def _encode_str(name: str, value: str, encoding: str) -> ArrayItem:
    raw = text_arrays.encode_text(name, value, encoding)
    return ArrayItem(name, ARRAY, text_arrays.pack_one(raw), COLL_SCALAR, "str")


def _encode_bytes(name: str, value: bytes, encoding: str) -> ArrayItem:
    return ArrayItem(name, ARRAY, text_arrays.pack_one(value), COLL_SCALAR, "bytes")


def _encode_numpy_str(name: str, value: np.str_, encoding: str) -> ArrayItem:
    raw = text_arrays.encode_text(name, value, encoding)
    return ArrayItem(name, ARRAY, text_arrays.pack_one(raw), COLL_SCALAR, "str_", "numpy")


def _encode_numpy_bytes(name: str, value: np.bytes_, encoding: str) -> ArrayItem:
    return ArrayItem(
        name, ARRAY, text_arrays.pack_one(bytes(value)), COLL_SCALAR, "bytes_", "numpy"
    )


def _encode_numpy(name: str, value: Any, encoding: str) -> ArrayItem:
    return ArrayItem(
        name, ARRAY, np.asarray(value), COLL_SCALAR, NAME_OF_TYPE[type(value)], "numpy"
    )


def _encode_none(name: str, value: None, encoding: str) -> ArrayItem:
    return ArrayItem(
        name, ARRAY, text_arrays.pack_one(NONE.encode()), COLL_SCALAR, "str", types=NONE
    )


ENCODERS: dict[type, Callable[[str, Any, str], ArrayItem]] = {
    **dict.fromkeys(NAME_OF_TYPE, _encode_numpy),
    int: _encode_int,
    float: _encode_float,
    bool: _encode_bool,
    complex: _encode_complex,
    str: _encode_str,
    bytes: _encode_bytes,
    np.str_: _encode_numpy_str,
    np.bytes_: _encode_numpy_bytes,
    type(None): _encode_none,
}
"""Exact type of a scalar, or of None -> the function that encodes it."""


def decode_scalar(item: ArrayItem, encoding: str) -> Any:
    """Return the scalar or None; of the numpy type of the array if the item names no type."""
    value = item.value
    if item.types == NONE:
        return None
    if item.scalar is None:
        return value[()] if value.ndim == 0 else value
    kind: Any = type_of_name(item.scalar)
    if kind in TEXT_TYPES and value.dtype.kind in "Su":
        raw = text_arrays.unpack_one(value)
        if issubclass(kind, str):
            decoded = raw.decode(encoding)
            return decoded if kind is str else kind(decoded)
        return raw if kind is bytes else kind(raw)
    if value.dtype.type is kind:
        return value.reshape(())[()]
    return kind(value.item())
