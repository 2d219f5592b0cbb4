"""Requests as nested tuples of builtin types, which pickle several times faster than records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pypet.records import ArrayItem, CommitRun, Item, Operation, PutNode, StoreRequest

SMALL_BYTES = 1024
"""Arrays up to this size travel as bytes; larger ones are pickled, and those need no copy."""
_PLAIN_KINDS = frozenset("biufcS")
_NODE, _OTHER = 0, 1


def flatten(request: StoreRequest) -> tuple[Any, ...]:
    """Return a request as tuples."""
    commit = request.commit
    return (
        request.trajectory,
        list(map(_flat, request.operations)),
        *request[2:5],
        None if commit is None else tuple(commit),
    )


def unflatten(flat: tuple[Any, ...], pieces: Sequence[Any] = ()) -> StoreRequest:
    """Return the request that `flatten` made into tuples; its small arrays are read-only.

    ``pieces`` are the pickle that it came in, and the buffers that were not in that.
    """
    trajectory, operations, replayed, run, started, commit = flat
    request = PickledRequest(
        trajectory,
        tuple(map(_operation, operations)),
        replayed,
        run,
        started,
        None if commit is None else CommitRun._make(commit),
    )
    request.pieces = pieces
    return request


class PickledRequest(StoreRequest):
    """A request that was unpickled and keeps its pickle, so that it can be sent on as it is."""

    pieces: Sequence[Any] = ()
    """The pickle, and the buffers of arrays that are not in it; nothing if they are gone."""


def _flat(operation: Operation) -> tuple[Any, ...]:
    if type(operation) is PutNode:
        return (_NODE, *operation[:5], list(map(_flat_item, operation.items)), *operation[6:])
    return _OTHER, operation


def _operation(flat: tuple[Any, ...]) -> Operation:
    if flat[0] == _OTHER:
        other: Operation = flat[1]
        return other
    _, *before, items = flat[:7]
    return PutNode._make((*before, tuple(map(_item, items)), *flat[7:]))


def _flat_item(item: Item) -> Any:
    if type(item) is not ArrayItem:
        return item
    value = item.value
    dtype = value.dtype
    if not 0 < value.nbytes <= SMALL_BYTES or dtype.kind not in _PLAIN_KINDS:
        return item
    return item.name, item.flag, dtype.str, value.shape, value.tobytes(), *item[3:]


def _item(flat: Any) -> Item:
    if type(flat) is not tuple:
        item: Item = flat
        return item
    name, flag, dtype, shape, data, *recall = flat
    return ArrayItem(name, flag, np.frombuffer(data, dtype).reshape(shape), *recall)
