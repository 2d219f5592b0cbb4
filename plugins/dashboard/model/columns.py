"""Columns of results that grow as more runs are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet.tables import Column

_PLAIN = "biuf"


class GrowingColumns:
    """Columns for all runs of a trajectory, of which some are not filled yet.

    Filling copies, so that columns that were given out stay as they are.
    """

    def __init__(self) -> None:
        """There are no columns and no rows."""
        self._columns: dict[str, Column] = {}
        self.rows = 0

    def resize(self, rows: int) -> None:
        """Set the number of rows; new ones have no values."""
        if rows == self.rows:
            return
        kept = min(rows, self.rows)
        for name, column in self._columns.items():
            values = _empty(rows, column.values.dtype)
            missing = np.ones(rows, np.bool_)
            values[:kept], missing[:kept] = column.values[:kept], column.missing[:kept]
            self._columns[name] = replace(column, values=values, missing=missing)
        self.rows = rows

    def fill(self, positions: NDArray[np.int64], columns: Mapping[str, Column]) -> None:
        """Set the values of some rows; columns that are new have none in all other rows."""
        for name, column in columns.items():
            known = self._columns.get(name)
            if known is None:
                known = replace(
                    column,
                    values=_empty(self.rows, column.values.dtype),
                    missing=np.ones(self.rows, np.bool_),
                )
            values, missing = known.values, known.missing.copy()
            has_values, had_values = not column.missing.all(), not missing.all()
            if has_values and not had_values:
                values = _empty(self.rows, column.values.dtype)
            elif has_values:
                values = values.astype(_common(values.dtype, column.values.dtype))  # a copy
            if has_values:
                values[positions] = column.values
            missing[positions] = column.missing
            self._columns[name] = replace(known, values=values, missing=missing)
        for name in self._columns.keys() - columns.keys():  # these runs have none of them any more
            known = self._columns[name]
            missing = known.missing.copy()
            missing[positions] = True
            self._columns[name] = replace(known, missing=missing)

    def columns(self) -> dict[str, Column]:
        """Return the columns as they are now."""
        return dict(self._columns)


def _common(known: np.dtype[Any], new: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype for values of both; objects unless both are numbers, or both are text."""
    if known == new:
        return known
    are_alike = (known.kind in _PLAIN and new.kind in _PLAIN) or known.kind == new.kind == "U"
    return np.result_type(known, new) if are_alike else np.dtype(object)


def _empty(rows: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values of rows that have none."""
    if dtype.kind in "fc":
        return np.full(rows, np.nan, dtype)
    return np.full(rows, None, dtype) if dtype.kind == "O" else np.zeros(rows, dtype)
