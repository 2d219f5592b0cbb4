"""The table ``runs``: one row a run, written and read in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from h5py import h5d, h5g

from pypet import pypetconstants as constants
from pypet.records import RunRows
from pypet.records.run_text import NOT_FINISHED, NOT_STARTED, TEXT_COLUMNS, text_columns
from pypet.storage_backends.hdf5.objects.groups import has_child
from pypet.storage_backends.hdf5.objects.tables import (
    append_rows,
    create_table,
    cut,
    dtype_of_table,
    fitted,
    read_rows,
    write_rows,
)
from pypet.storage_backends.hdf5.settings.settings import Filters

NAME = b"runs"
BLOCK_ROWS = 2048
CHUNK_ROWS = 128
NO_ENVIRONMENT = "N/A"

LAYOUT = np.dtype(
    [
        ("idx", "i4"),
        ("name", f"S{constants.HDF5_STRCOL_MAX_NAME_LENGTH}"),
        ("time", "S20"),
        ("timestamp", "f8"),
        ("finish_timestamp", "f8"),
        ("runtime", f"S{constants.HDF5_STRCOL_MAX_RUNTIME_LENGTH}"),
        ("parameter_summary", f"S{constants.HDF5_STRCOL_MAX_COMMENT_LENGTH}"),
        ("short_environment_hexsha", "S7"),
        ("completed", "i4"),
    ]
)


# ----- writing ---------------------------------------------------------------------------------


def write_runs(group: h5g.GroupID, runs: RunRows, length: int, filters: Filters) -> None:
    """Change the rows of the given runs and append missing ones, up to ``length`` runs.

    ``group`` is that of the overview tables.
    """
    if has_child(group, NAME):
        table = h5d.open(group, NAME)
    else:
        table = create_table(group, NAME, LAYOUT, 0, filters, title="runs", chunk_rows=CHUNK_ROWS)
    dtype = dtype_of_table(table)
    for block in runs.blocks(BLOCK_ROWS):
        rows = fitted(_columns(block, dtype), len(block), dtype)
        for start, stop in _stretches(block.idx):
            _put_stretch(table, int(block.idx[start]), rows[start:stop])
    _append_unstarted(table, dtype, table.shape[0], length)


def _put_stretch(table: h5d.DatasetID, first: int, rows: np.ndarray[Any, Any]) -> None:
    """Write rows of neighbouring runs, of which ``first`` is the first."""
    length = table.shape[0]
    _append_unstarted(table, rows.dtype, length, first)
    old = min(max(0, length - first), len(rows))
    write_rows(table, first, rows[:old])
    append_rows(table, rows[old:])


def _stretches(idx: Any) -> Iterator[tuple[int, int]]:
    """Yield start and end position of each stretch of neighbouring indices."""
    if len(idx):
        starts = [0, *(np.flatnonzero(np.diff(idx) != 1) + 1).tolist()]
        yield from zip(starts, [*starts[1:], len(idx)], strict=True)


def _append_unstarted(table: h5d.DatasetID, dtype: np.dtype[Any], start: int, stop: int) -> None:
    """Append rows of runs that nobody said anything about."""
    for first in range(start, stop, BLOCK_ROWS):
        idx = np.arange(first, min(first + BLOCK_ROWS, stop))
        count = len(idx)
        unstarted = RunRows(
            idx,
            np.zeros(count, dtype=np.int8),
            np.full(count, NOT_STARTED),
            np.full(count, NOT_FINISHED),
            np.full(count, -1, dtype=np.int32),
        )
        append_rows(table, fitted(_columns(unstarted, dtype), count, dtype))


def _columns(runs: RunRows, dtype: np.dtype[Any]) -> dict[str, Any]:
    text = text_columns(runs)
    names = runs.names
    if names is None:
        names = [constants.FORMATTED_RUN_NAME % index for index in runs.idx.tolist()]
    shas = np.array([*runs.hexshas, NO_ENVIRONMENT], dtype="S7")
    return {
        "idx": runs.idx,
        "name": _encoded(names, dtype, "name"),
        "timestamp": runs.timestamp,
        "finish_timestamp": runs.finish_timestamp,
        "completed": runs.completed,
        "short_environment_hexsha": shas[runs.environment],
        **{column: _encoded(text[column], dtype, column) for column in TEXT_COLUMNS},
    }


def _encoded(texts: Sequence[str], dtype: np.dtype[Any], column: str) -> Any:
    """Return texts as the bytes that a column has room for."""
    if column not in (dtype.names or ()):
        return b""
    size = dtype[column].itemsize
    if max(map(len, texts), default=0) <= size:
        with suppress(UnicodeEncodeError):  # the fast way is for ASCII only
            return np.array(texts, dtype=f"S{size}")
    return [cut(text, size) for text in texts]


# ----- reading ---------------------------------------------------------------------------------


def read_runs(table: h5d.DatasetID | np.ndarray[Any, Any]) -> RunRows:
    """Return all rows of a table, or those given.

    Text columns are only as wide as their longest text.
    """
    blocks = list(_blocks(table))
    columns = {name: _joined([block[name] for block in blocks]) for name in LAYOUT.names or ()}
    count = len(columns["idx"])
    order = columns["idx"]
    if not np.array_equal(order, np.arange(count)):
        positions = np.argsort(order, kind="stable")
        columns = {name: column[positions] for name, column in columns.items()}
    shas, environment = np.unique(columns["short_environment_hexsha"], return_inverse=True)
    known = [sha.decode("ascii", "replace") for sha in shas.tolist()]
    place = _places([name for name in known if name not in (NO_ENVIRONMENT, "")], known)
    return RunRows(
        columns["idx"].astype(np.int64),
        columns["completed"].astype(np.int8),
        columns["timestamp"].astype(np.float64),
        columns["finish_timestamp"].astype(np.float64),
        place[environment.reshape(-1)] if count else np.zeros(0, dtype=np.int32),
        tuple(name for name in known if name not in (NO_ENVIRONMENT, "")),
        {},
        _own_names(columns["name"]),
        {name: columns[name] for name in TEXT_COLUMNS},
    )


def _places(shas: list[str], known: list[str]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array([shas.index(sha) if sha in shas else -1 for sha in known], dtype=np.int32)


def _blocks(
    table: h5d.DatasetID | np.ndarray[Any, Any],
) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
    for start in range(0, max(table.shape[0], 1), BLOCK_ROWS):
        if isinstance(table, np.ndarray):
            rows = table[start : start + BLOCK_ROWS]
        else:
            rows = read_rows(table, start, start + BLOCK_ROWS)
        block = {}
        for name in LAYOUT.names or ():
            if name in (rows.dtype.names or ()):
                block[name] = _trimmed(rows[name])
            else:
                block[name] = np.zeros(len(rows), dtype=LAYOUT[name])
        yield block


def _trimmed(column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if column.dtype.kind != "S":
        return column.copy()
    width = int(np.char.str_len(column).max(initial=1))
    return column.astype(f"S{width}")


def _joined(columns: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return np.concatenate(columns)


def _own_names(names: np.ndarray[Any, Any]) -> list[str] | None:
    """Return the run names, None if they are the default ones."""
    for start in range(0, len(names), BLOCK_ROWS):
        part = names[start : start + BLOCK_ROWS].tolist()
        for index, name in enumerate(part, start):
            if name != b"run_%08d" % index:
                return [other.decode("utf8", "replace") for other in names.tolist()]
    return None
