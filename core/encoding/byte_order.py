"""Byte order of arrays: items have that of the machine and say which one to bring back."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_OTHER = {"little": "big", "big": "little"}[sys.byteorder]
_CODES = {"little": "<", "big": ">"}


def order_of(array: Array) -> str | None:
    """Return ``'big'`` or ``'little'``, None for the order of the machine or data without one."""
    return None if array.dtype.isnative else _OTHER


def native_array(array: Array) -> Array:
    """Return the array with the byte order of the machine."""
    if array.dtype.isnative:
        return array
    return array.astype(array.dtype.newbyteorder("="))


def in_order(array: Array, order: str | None) -> Array:
    """Return the array with the byte order that an item names."""
    if order not in _CODES:  # none, or of a later version
        return array
    return array.astype(array.dtype.newbyteorder(_CODES[order]), copy=False)
