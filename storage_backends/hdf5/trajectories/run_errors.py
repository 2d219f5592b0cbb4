"""The table ``run_errors``: errors of failed runs, next to ``runs``, whose columns are fixed.

Rows are only appended; the last row of a run counts, and one without a type revokes earlier ones.
Only ``runs`` says whether a run is completed, so that neither a killed process nor a program that
ignores this table can make the two contradict each other.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from h5py import h5d, h5g

from pypet.records import RunError, RunRows
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.objects.groups import has_child
from pypet.storage_backends.hdf5.objects.tables import (
    Rows,
    append_rows,
    create_table,
    cut,
    dtype_of_table,
    read_rows,
    write_all,
)
from pypet.storage_backends.hdf5.settings.settings import Filters
from pypet.storage_backends.hdf5.trajectories.overview_tables import comes_from_the_system

logger = logging.getLogger(__name__)

NAME = b"run_errors"
_TEXT_WIDTHS = {"type": (32, 512), "message": (64, 1 << 14), "traceback": (512, 1 << 15)}
"""Initial and maximum bytes of each text column; columns grow with their content."""
COLUMNS = ("idx", "timestamp", *_TEXT_WIDTHS)
_MOST_CHUNK_BYTES = 1 << 16
_NO_ERROR = RunError("", "", "", 0.0)


def write_errors(group: h5g.GroupID, runs: RunRows, filters: Filters) -> None:
    """Record the errors of the failed ones among these runs, and that the others did not fail.

    ``group`` is that of the overview tables. Does nothing if there are no errors, neither in the
    file nor new ones. A damaged table is left as it is, with a warning in the log.
    """
    if not has_child(group, NAME):
        if runs.errors:
            _create(group, _rows(runs.errors, _layout(runs.errors)), filters)
        return
    try:
        _update(group, h5d.open(group, NAME), runs, filters)
    except SYMPTOMS as error:
        if comes_from_the_system(error):
            raise
        logger.warning(
            "Why %d runs failed cannot be stored, because the table overview/run_errors is "
            "damaged: %s",
            len(runs.errors),
            error,
        )


def _update(group: h5g.GroupID, table: h5d.DatasetID, runs: RunRows, filters: Filters) -> None:
    new = dict(runs.errors)
    # Only runs that are neither completed nor failed have to be looked up: there are few of them
    # during an experiment, and the table may be large.
    others = set(runs.idx[runs.completed == 0].tolist()) - new.keys()
    if others:
        known = _last_rows(read_rows(table))
        new = {
            idx: error
            for idx, error in new.items()
            if idx not in known or known[idx]["timestamp"] != error.timestamp
        }
        new.update(dict.fromkeys(sorted(others & known.keys()), _NO_ERROR))
    if new:
        _append(group, table, new, filters)


def read_errors(rows: Rows) -> dict[int, RunError]:
    """Return run index -> error from the rows of a table."""
    return {
        idx: RunError(
            type=_text(row["type"]),
            message=_text(row["message"]),
            traceback=_text(row["traceback"]),
            timestamp=float(row["timestamp"]),
        )
        for idx, row in _last_rows(rows).items()
    }


def _text(cell: bytes) -> str:
    return bytes(cell).decode("utf8", "replace")


def _last_rows(rows: Rows) -> dict[int, Any]:
    """Return the valid row of each failed run."""
    last = dict(zip(rows["idx"].tolist(), rows, strict=True))
    return {idx: row for idx, row in last.items() if row["type"]}


def _append(
    group: h5g.GroupID, table: h5d.DatasetID, errors: Mapping[int, RunError], filters: Filters
) -> None:
    """Append rows; if columns are too narrow, recreate the table with its valid rows."""
    former = dtype_of_table(table)
    layout = _layout(errors, former)
    rows = _rows(errors, layout)
    if layout == former:
        append_rows(table, rows)
        return
    kept = [row for idx, row in _last_rows(read_rows(table)).items() if idx not in errors]
    group.unlink(NAME)
    _create(group, np.concatenate([np.array(kept, former).astype(layout), rows]), filters)


def _create(group: h5g.GroupID, rows: Rows, filters: Filters) -> None:
    chunk_rows = max(1, _MOST_CHUNK_BYTES // rows.dtype.itemsize)
    title = NAME.decode("ascii")
    table = create_table(
        group, NAME, rows.dtype, len(rows), filters, title=title, chunk_rows=chunk_rows
    )
    write_all(table, rows)


def _layout(errors: Mapping[int, RunError], former: np.dtype[Any] | None = None) -> np.dtype[Any]:
    """Return a dtype wide enough for errors, and at least as wide as ``former``."""
    columns: list[tuple[str, str]] = [("idx", "i4"), ("timestamp", "f8")]
    for name, (least, most) in _TEXT_WIDTHS.items():
        longest = max(len(getattr(error, name).encode("utf8")) for error in errors.values())
        width = least if former is None else former[name].itemsize
        while width < min(longest, most):
            width *= 2
        columns.append((name, f"S{width}"))
    return np.dtype(columns)


def _rows(errors: Mapping[int, RunError], layout: np.dtype[Any]) -> Rows:
    rows = np.zeros(len(errors), layout)
    rows["idx"] = list(errors)
    rows["timestamp"] = [error.timestamp for error in errors.values()]
    for name in _TEXT_WIDTHS:
        size = layout[name].itemsize
        rows[name] = [cut(getattr(error, name), size) for error in errors.values()]
    return rows
