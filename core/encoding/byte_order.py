"""Byte order of arrays: items have that of the machine and say which one to bring back."""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np

Array = np.ndarray[Any, Any]

OTHER_ORDER = {"little": "big", "big": "little"}[sys.byteorder]
"""The one that this machine does not have."""
_CODES: dict[str | None, Literal["<", ">"]] = {"little": "<", "big": ">"}


def order_of(array: Array) -> str | None:
    """Return ``'big'`` or ``'little'``, None for the order of the machine or data without one."""
    return None if array.dtype.isnative else OTHER_ORDER


def native_array(array: Array) -> Array:
    """Return the array with the byte order of the machine."""
    if array.dtype.isnative:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def in_order(array: Array, order: str | None) -> Array:
    """Return the array with the byte order that an item names."""
    if order is None:
        return array
    return array.astype(dtype_in_order(array.dtype, order), copy=False)


def dtype_in_order(dtype: np.dtype[Any], order: str | None) -> np.dtype[Any]:
    """Return a dtype with the byte order of this name, as it is if there is none such."""
    code = _CODES.get(order)  # None, or of a later version: leave it
    return dtype if code is None else dtype.newbyteorder(code)
