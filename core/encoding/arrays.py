"""Numpy arrays and matrices as items, and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding import text
from pypet.encoding.refusals import refused
from pypet.encoding.type_names import type_of_name
from pypet.records import ArrayItem

Array = np.ndarray[Any, Any]

_KINDS = "biufcSU"


def plain_array(
    name: str, value: Array, encoding: str, slack: float = 1.0
) -> tuple[Array, str, str | None]:
    """Return the array to keep, its collection type and the name of its scalar type.

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
    if kind == "U":
        return text.encode_text_array(name, array, encoding, slack), collection, "str"
    return array, collection, None


def encode_array(name: str, value: Array, encoding: str) -> ArrayItem:
    """Encode an array with the flag that goes with its shape: chunks need elements and axes."""
    array, collection, scalar = plain_array(name, value, encoding)
    flag = constants.CARRAY if array.size and array.ndim else constants.ARRAY
    return ArrayItem(name, flag, array, collection, scalar, "numpy")


def decode_array(item: ArrayItem, encoding: str) -> Any:
    """Return the array; a list of its rows if it was kept with rows of any length."""
    if item.flag == constants.VLARRAY:
        return rows_of(item.value)
    return recall_text(item.value, item.scalar, encoding)


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
