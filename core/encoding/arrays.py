"""Numpy arrays and matrices as items, and back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding import text
from pypet.encoding.byte_order import in_order, native_array, order_of
from pypet.encoding.refusals import refused
from pypet.encoding.type_names import type_of_name
from pypet.records import ArrayItem

Array = np.ndarray[Any, Any]

_KINDS = "biufcSU"


class PlainArray(NamedTuple):
    """An array as it is kept, and what recalls the one that it was."""

    values: Array
    collection: str
    scalar: str | None
    order: str | None


def plain_array(name: str, value: Array, encoding: str, slack: float = 1.0) -> PlainArray:
    """Return the array to keep, in the byte order of the machine.

    Raises
    ------
    TypeError
        The array has a dtype that cannot be kept (objects, structures, dates).
    """
    is_matrix = type(value) is np.matrix
    collection = constants.COLL_MATRIX if is_matrix else constants.COLL_NDARRAY
    array = value.view(np.ndarray) if is_matrix else value
    kind = array.dtype.kind
    if kind not in _KINDS:
        raise refused(name, f"arrays of dtype {array.dtype} have no place in storage.")
    order = order_of(array)
    if kind == "U":
        encoded = text.encode_text_array(name, array, encoding, slack)
        return PlainArray(encoded, collection, "str", order)
    return PlainArray(native_array(array), collection, None, order)


def encode_array(name: str, value: Array, encoding: str) -> ArrayItem:
    """Encode an array with the flag that goes with its shape: chunks need elements and axes."""
    array, collection, scalar, order = plain_array(name, value, encoding)
    flag = constants.CARRAY if array.size and array.ndim else constants.ARRAY
    return ArrayItem(name, flag, array, collection, scalar, "numpy", order)


def decode_array(item: ArrayItem, encoding: str) -> Any:
    """Return the array; a list of its rows if it was kept with rows of any length."""
    if item.flag == constants.VLARRAY:
        return [in_order(row, item.order) for row in rows_of(item.value)]
    return in_order(recall_text(item.value, item.scalar, encoding), item.order)


def recall_text(array: Array, scalar: Any, encoding: str, *, tight: bool = False) -> Array:
    """Return an array of unicode text if that is what ``scalar`` names, else ``array`` itself."""
    if scalar is None or not issubclass(type_of_name(scalar), str):
        return array
    return text.decode_text_array(array, encoding, tight=tight)


def decode_matrix(item: ArrayItem, encoding: str) -> Any:
    """Return the array as `numpy.matrix`."""
    value = decode_array(item, encoding)
    # A view, because numpy warns of the constructor.
    return value.view(np.matrix) if isinstance(value, np.ndarray) else value


def rows_of(value: Array) -> list[Any]:
    """Return the rows of a variable-length array as a backend read it; one row has one axis."""
    if value.dtype == object or value.ndim > 1:
        return list(value)
    return [value]
