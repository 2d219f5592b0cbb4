"""Numpy arrays and matrices as items, and back, with the byte order they had."""

from __future__ import annotations

import sys
from typing import Any, Literal, NamedTuple

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding import text_arrays
from pypet.encoding.encoding_errors import refused
from pypet.encoding.type_names import type_of_name
from pypet.records import ArrayItem

Array = np.ndarray[Any, Any]

OTHER_ORDER = {"little": "big", "big": "little"}[sys.byteorder]
"""The byte order that is not native."""
_CODES: dict[str | None, Literal["<", ">"]] = {"little": "<", "big": ">"}


def order_of(array: Array) -> str | None:
    """Return ``'big'`` or ``'little'``, None for native order or data without one."""
    return None if array.dtype.isnative else OTHER_ORDER


def native_array(array: Array) -> Array:
    """Return the array in native byte order."""
    if array.dtype.isnative:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def in_order(array: Array, order: str | None) -> Array:
    """Return the array in the byte order of an item."""
    if order is None:
        return array
    return array.astype(dtype_in_order(array.dtype, order), copy=False)


def dtype_in_order(dtype: np.dtype[Any], order: str | None) -> np.dtype[Any]:
    """Return a dtype with this byte order, unchanged if the order is unknown."""
    code = _CODES.get(order)  # unknown: None, or a value of a later version
    return dtype if code is None else dtype.newbyteorder(code)


_KINDS = "biufcSU"


class PlainArray(NamedTuple):
    """An array as it is stored, and the attributes that restore the original."""

    values: Array
    collection: str
    scalar: str | None
    order: str | None


def plain_array(name: str, value: Array, encoding: str, slack: float = 1.0) -> PlainArray:
    """Return the array to store, in native byte order.

    Raises
    ------
    TypeError
        The dtype cannot be stored (objects, structures, dates).
    """
    is_matrix = type(value) is np.matrix
    collection = constants.COLL_MATRIX if is_matrix else constants.COLL_NDARRAY
    array = value.view(np.ndarray) if is_matrix else value
    kind = array.dtype.kind
    if kind not in _KINDS:
        raise refused(name, f"arrays of dtype {array.dtype} have no place in storage.")
    order = order_of(array)
    if kind == "U":
        encoded = text_arrays.encode_text_array(name, array, encoding, slack)
        return PlainArray(encoded, collection, "str", order)
    return PlainArray(native_array(array), collection, None, order)


def encode_array(name: str, value: Array, encoding: str) -> ArrayItem:
    """Encode an array as CARRAY, or as ARRAY without elements or axes, which chunks need."""
    array, collection, scalar, order = plain_array(name, value, encoding)
    flag = constants.CARRAY if array.size and array.ndim else constants.ARRAY
    return ArrayItem(name, flag, array, collection, scalar, "numpy", order)


def decode_array(item: ArrayItem, encoding: str) -> Any:
    """Return the array; a list of its rows if these have various lengths."""
    if item.flag == constants.VLARRAY:
        return [in_order(row, item.order) for row in rows_of(item.value)]
    return in_order(recall_text(item.value, item.scalar, encoding), item.order)


def recall_text(array: Array, scalar: Any, encoding: str, *, tight: bool = False) -> Array:
    """Return an array of unicode text if ``scalar`` is a text type, else ``array`` itself."""
    if scalar is None or not issubclass(type_of_name(scalar), str):
        return array
    return text_arrays.decode_text_array(array, encoding, tight=tight)


def decode_matrix(item: ArrayItem, encoding: str) -> Any:
    """Return the array as `numpy.matrix`."""
    value = decode_array(item, encoding)
    # A view, because numpy warns about the constructor.
    return value.view(np.matrix) if isinstance(value, np.ndarray) else value


def rows_of(value: Array) -> list[Any]:
    """Return the rows of a variable-length array read by a backend; a single row has one axis."""
    if value.dtype == object or value.ndim > 1:
        return list(value)
    return [value]
