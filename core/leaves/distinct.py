"""Ranges with many equal entries: every distinct one is kept once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from hashlib import blake2b
from typing import Any

import numpy as np

from pypet.encoding import encode_value
from pypet.records import ArrayItem

_SHORT_BYTES = 64


def distinct(
    values: Iterable[Any], key_of: Callable[[Any], Hashable]
) -> tuple[list[Any], list[int]]:
    """Return the distinct values in order of appearance, and for each value its position there.

    Values are the same if their keys are equal. The key of one and the same object is asked for
    once.
    """
    found: list[Any] = []
    indices: list[int] = []
    by_key: dict[Hashable, int] = {}
    by_identity: dict[int, int] = {}
    for value in values:
        index = by_identity.get(id(value))
        if index is None:
            index = by_key.setdefault(key_of(value), len(found))
            if index == len(found):
                found.append(value)
            by_identity[id(value)] = index
        indices.append(index)
    return found, indices


def content_key(value: Any) -> Hashable:
    """Return a key that arrays, lists and tuples share only with exact equals.

    Type, shape, dtype and every bit count: 0 is not 0.0, -0.0 is not 0.0, NaN is itself.
    """
    item = encode_value("range entry", value)
    if not isinstance(item, ArrayItem):
        raise TypeError(f"A range entry of type {type(value).__name__} cannot be compared.")
    array = item.value
    return (item.collection, item.scalar, array.dtype.str, array.shape, bytes_key(array))


def bytes_key(array: np.ndarray[Any, Any]) -> bytes:
    """Return the bytes of an array, or a digest of them if they are many."""
    if array.nbytes <= _SHORT_BYTES:
        return array.tobytes()
    return blake2b(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).digest()
