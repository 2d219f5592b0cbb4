"""How many bytes a file needs for what is to be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding.pandas_types import is_pandas
from pypet.records import ArrayItem, FrameItem, Operation, PutMeta, PutNode, RunError, TableItem
from pypet.storage_backends.hdf5.compression.packed_arrays import PackedArray

MARGIN_BYTES = 1 << 20
"""What runs have to leave for what closes an experiment: run table, overviews, times."""
META_BYTES = 1 << 16
RUN_BYTES = 64
"""A row of the run table takes at most so much."""
NODE_BYTES = 4096
"""A group or dataset with its attributes takes at most so much, apart from its data."""


class Need(NamedTuple):
    """Bytes that are to be written, and bytes that have to be free besides."""

    content: int
    margin: int


def need_of(operations: Iterable[Operation]) -> Need:
    """Return how much operations add to a file at most."""
    content = margin = 0
    for operation in operations:
        if type(operation) is PutNode:
            content += NODE_BYTES + sum(map(_bytes_of_item, operation.items))
            if constants.RUN_NAME in operation.path:
                margin = MARGIN_BYTES
        elif type(operation) is PutMeta:
            content += META_BYTES + RUN_BYTES * len(operation.runs)
            content += sum(map(_bytes_of_error, operation.runs.errors.values()))
    return Need(content, margin)


def _bytes_of_error(error: RunError) -> int:
    return RUN_BYTES + 4 * (len(error.message) + len(error.traceback))


def need_of_call(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """Return how many bytes the data among the arguments of a call takes at most."""
    return sum(map(_bytes_of_argument, (*args, *kwargs.values())))


def _bytes_of_argument(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return NODE_BYTES + value.nbytes
    if is_pandas(value, "DataFrame") or is_pandas(value, "Series"):
        return _bytes_of_frame(value)
    return 0


def _bytes_of_item(item: Any) -> int:
    if type(item) is ArrayItem:
        value: Any = item.value
        if isinstance(value, PackedArray):
            return NODE_BYTES + sum(data.nbytes for _, data in value.chunks)
        return NODE_BYTES + int(value.nbytes)
    if type(item) is TableItem:
        return NODE_BYTES + 2 * sum(int(column.values.nbytes) for column in item.columns)
    if type(item) is FrameItem:
        return _bytes_of_frame(item.value)
    return NODE_BYTES


def _bytes_of_frame(value: Any) -> int:
    used = value.memory_usage(deep=True)
    return 16 * NODE_BYTES + 2 * int(getattr(used, "sum", lambda: used)())
