"""Rows that are added to a pandas item once, however often the request is applied.

Beside the table of the item an array keeps the numbers of the storing calls that added to it
(`PutNode.call`). It is made with the first such call, and pandas does not look at it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CALLS = "SRVC_CALLS"
"""Name of the array, unsigned integers of 64 bits."""
_CHUNK_ROWS = 32


def was_added(file: Any, path: str, call: int) -> bool:
    """Return whether the item at ``path`` has the rows of a call; ``file`` is of PyTables."""
    place = f"{path}/{CALLS}"
    return bool(call) and place in file and bool(np.any(file.get_node(place)[:] == np.uint64(call)))


def note_added(file: Any, path: str, call: int) -> None:
    """Write down that the item at ``path`` has the rows of a call."""
    import tables

    if not call:
        return
    place = f"{path}/{CALLS}"
    if place not in file:
        file.create_earray(
            path, CALLS, tables.UInt64Atom(), (0,), expectedrows=1, chunkshape=(_CHUNK_ROWS,)
        )
    file.get_node(place).append(np.array([call], np.uint64))


def with_rows(frame: Any, rows: Any) -> Any:
    """Return what pandas reads of a frame or series after ``rows`` were added to it."""
    if not len(rows):
        return frame
    from pandas import concat

    return concat([frame, rows])
