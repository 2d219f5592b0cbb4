"""The table ``runs``: one row a run, written and read in blocks."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from h5py import h5d, h5g

from pypet import pypetconstants as constants
from pypet.records import RunRows
from pypet.records.run_rows import NOT_FINISHED, NOT_STARTED, TEXT_COLUMNS, text_columns
from pypet.storage_backends.hdf5.objects.groups import has_child
from pypet.storage_backends.hdf5.objects.tables import (
    Rows,
    append_rows,
    create_table,
    cut,
    dtype_of_table,
    fitted,
    read_rows,
    write_rows,
)
from pypet.storage_backends.hdf5.settings.settings import Filters

logger = logging.getLogger(__name__)

Columns = dict[str, "np.ndarray[Any, Any]"]

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
    """Update the rows of the given runs and append missing ones, up to ``length`` runs.

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
    """Append rows for runs that have not been started."""
    for first in range(start, stop, BLOCK_ROWS):
        unstarted = _unstarted(np.arange(first, min(first + BLOCK_ROWS, stop)))
        append_rows(table, fitted(_columns(unstarted, dtype), len(unstarted), dtype))


def _unstarted(idx: np.ndarray[Any, Any]) -> RunRows:
    count = len(idx)
    return RunRows(
        idx.astype(np.int64),
        np.zeros(count, dtype=np.int8),
        np.full(count, NOT_STARTED),
        np.full(count, NOT_FINISHED),
        np.full(count, -1, dtype=np.int32),
    )


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
    """Return texts encoded and truncated to the width of a column."""
    if column not in (dtype.names or ()):
        return b""
    size = dtype[column].itemsize
    if max(map(len, texts), default=0) <= size:
        with suppress(UnicodeEncodeError):  # the fast path is for ASCII only
            return np.array(texts, dtype=f"S{size}")
    return [cut(text, size) for text in texts]


# ----- reading ---------------------------------------------------------------------------------


def read_runs(table: h5d.DatasetID | Rows, length: int) -> tuple[RunRows, int]:
    """Return the rows of a table, or those given, and how many of the ``length`` runs have none.

    A row is lost if its chunk cannot be read or its content is invalid; the run then counts as not
    started. Text columns are only as wide as their longest text.
    """
    blocks = list(_blocks(table))
    columns = {name: _joined([block[name] for block in blocks]) for name in LAYOUT.names or ()}
    columns, lost = _with_lost_rows(columns, length)
    return _run_rows(columns), lost


def read_rows_of_runs(table: h5d.DatasetID, indices: np.ndarray[Any, Any]) -> RunRows | None:
    """Return the rows of some runs, whose ``indices`` ascend, in their order.

    None if not each of them is where it belongs, and sound; or if so many chunks of the table have
    to be read for them that reading all of it is as fast.

    Raises
    ------
    OSError
        A chunk cannot be read.
    """
    if not len(indices):
        return unstarted_runs(0)
    stretches = list(_stretches(indices))
    length = int(table.shape[0])
    if indices[-1] >= length or len(stretches) * CHUNK_ROWS > length:
        return None
    blocks = [
        _block(read_rows(table, row, min(row + BLOCK_ROWS, int(indices[stop - 1]) + 1)))
        for start, stop in stretches
        for row in range(int(indices[start]), int(indices[stop - 1]) + 1, BLOCK_ROWS)
    ]
    columns = {name: _joined([block[name] for block in blocks]) for name in LAYOUT.names or ()}
    is_in_place = np.array_equal(columns["idx"], indices)
    if not is_in_place or not _sound_rows(columns, may_repeat=False).all():
        return None
    return _run_rows(columns)


def unstarted_runs(length: int) -> RunRows:
    """Return rows for runs that have not been started."""
    return _unstarted(np.arange(length))


def _with_lost_rows(columns: Columns, length: int) -> tuple[Columns, int]:
    """Return columns in the order of runs, with lost rows replaced, and the number of lost rows."""
    is_in_order = np.array_equal(columns["idx"], np.arange(len(columns["idx"])))
    is_sound = _sound_rows(columns, may_repeat=not is_in_order)
    if is_sound.all():
        if not is_in_order:
            columns = _chosen(columns, np.argsort(columns["idx"], kind="stable"))
        return columns, 0
    columns = _chosen(columns, np.flatnonzero(is_sound))
    lost = np.setdiff1d(np.arange(length), columns["idx"])
    rows = fitted(_columns(_unstarted(lost), LAYOUT), len(lost), LAYOUT)
    columns = {name: _joined([column, rows[name]]) for name, column in columns.items()}
    return _chosen(columns, np.argsort(columns["idx"], kind="stable")), len(lost)


def _chosen(columns: Columns, positions: np.ndarray[Any, Any]) -> Columns:
    return {name: column[positions] for name, column in columns.items()}


def _sound_rows(columns: Columns, *, may_repeat: bool) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which rows are plausible: one row per run, with a name."""
    idx, completed = columns["idx"], columns["completed"]
    is_sound = (idx >= 0) & (completed >= 0) & (completed <= 1)
    has_name = columns["name"].view(np.uint8).reshape(len(idx), -1)[:, :1].any(axis=1)
    if has_name.any():  # very old files might have no names
        is_sound &= has_name
    if not may_repeat:
        return is_sound
    sound = np.flatnonzero(is_sound)
    _, firsts = np.unique(idx[sound], return_index=True)
    if len(firsts) < len(sound):
        is_sound[:] = False
        is_sound[sound[firsts]] = True
    return is_sound


def _run_rows(columns: Columns) -> RunRows:
    count = len(columns["idx"])
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
        _own_names(columns["name"], columns["idx"]),
        {name: columns[name] for name in TEXT_COLUMNS},
    )


def _places(shas: list[str], known: list[str]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array([shas.index(sha) if sha in shas else -1 for sha in known], dtype=np.int32)


def _blocks(table: h5d.DatasetID | Rows) -> Iterator[Columns]:
    for start in range(0, max(table.shape[0], 1), BLOCK_ROWS):
        if isinstance(table, np.ndarray):
            rows = table[start : start + BLOCK_ROWS]
        else:
            rows = _readable_rows(table, start, min(start + BLOCK_ROWS, table.shape[0]))
        yield _block(rows)


def _block(rows: Rows) -> Columns:
    """Return all columns of rows, also those that old tables do not have."""
    return {
        name: _trimmed(rows[name])
        if name in (rows.dtype.names or ())
        else np.zeros(len(rows), dtype=LAYOUT[name])
        for name in LAYOUT.names or ()
    }


def _readable_rows(table: h5d.DatasetID, start: int, stop: int) -> Rows:
    """Return all rows; unreadable ones have a negative index."""
    try:
        return read_rows(table, start, stop)
    except OSError as error:
        step = table.get_create_plist().get_chunk()[0]
        if stop - start <= step:
            logger.debug("Rows %d to %d of the run table are lost: %s", start, stop, error)
            rows = np.zeros(stop - start, dtype=dtype_of_table(table))
            rows["idx"] = -1
            return rows
    parts = range(start // step * step, stop, step)
    return np.concatenate(
        [_readable_rows(table, max(first, start), min(first + step, stop)) for first in parts]
    )


def _trimmed(column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if column.dtype.kind != "S":
        return column.copy()
    width = int(np.char.str_len(column).max(initial=1))
    return column.astype(f"S{width}")


def _joined(columns: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return np.concatenate(columns)


def _own_names(names: np.ndarray[Any, Any], indices: np.ndarray[Any, Any]) -> list[str] | None:
    """Return the names of these runs, None if they are the default ones."""
    for start in range(0, len(names), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        for index, name in zip(indices[part].tolist(), names[part].tolist(), strict=True):
            if name != b"run_%08d" % index:
                return [other.decode("utf8", "replace") for other in names.tolist()]
    return None
