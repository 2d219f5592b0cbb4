"""Differences of the results of two experiments, run by run."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import numpy as np

from pypet.catalog.differences import CHANGED, ONLY_IN_A, ONLY_IN_B, Difference
from pypet.catalog.values import value_text
from pypet.support.readable import counted
from pypet.tables import Column, RunTable, read_table

_Source = tuple[str, str]
_Pairs = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def compared_results(a: _Source, b: _Source) -> Iterator[Difference]:
    """Yield the differences of the scalar results of two experiments, by name of the result.

    Runs are matched by the values of the explored parameters where both explore the same ones, and
    each combination of values has one run; otherwise by their indices.
    """
    table_a, table_b = read_table(a, objects=True), read_table(b, objects=True)
    rows_a, rows_b, how = _matched(table_a, table_b)
    columns_a = {column.name: column for column in table_a.results}
    columns_b = {column.name: column for column in table_b.results}
    for name in sorted(columns_a.keys() | columns_b.keys()):
        if name not in columns_b:
            yield Difference(name, ONLY_IN_A, _runs(columns_a[name]), None)
        elif name not in columns_a:
            yield Difference(name, ONLY_IN_B, None, _runs(columns_b[name]))
        else:
            found = _compared(columns_a[name].take(rows_a), columns_b[name].take(rows_b), how)
            if found is not None:
                yield found


def _runs(column: Column) -> str:
    return f"in {counted(int((~column.missing).sum()), 'run')}"


def _matched(a: RunTable, b: RunTable) -> tuple[Any, Any, str]:
    """Return the rows of runs that belong together, and how they were found."""
    names = [column.name for column in a.parameters]
    if names and sorted(names) == sorted(column.name for column in b.parameters):
        points_a, points_b = _points(a, names), _points(b, names)
        if len(points_a) == len(a) and len(points_b) == len(b):
            both = [point for point in points_a if point in points_b]
            return (
                np.array([points_a[point] for point in both], np.int64),
                np.array([points_b[point] for point in both], np.int64),
                "runs with the same parameters",
            )
    common = np.arange(min(len(a), len(b)))
    return common, common, "runs with the same index"


def _points(table: RunTable, names: list[str]) -> dict[Hashable, int]:
    """Return the row of each combination of values of the explored parameters."""
    columns = [table[name].values.tolist() for name in names]
    return {
        tuple(value_text(value) for value in point): row
        for row, point in enumerate(zip(*columns, strict=True))
    }


def _compared(a: Column, b: Column, how: str) -> Difference | None:
    appeared, vanished = ~b.missing & a.missing, ~a.missing & b.missing
    both = ~a.missing & ~b.missing
    differs = np.zeros(len(a), np.bool_)
    differs[both] = [
        not (one == other or (one != one and other != other))
        for one, other in zip(a.values[both].tolist(), b.values[both].tolist(), strict=True)
    ]
    rows = np.flatnonzero(differs | appeared | vanished)
    if not len(rows):
        return None
    parts = [f"{len(rows)} of {len(a)} {how}"]
    by = _largest(a.values[differs], b.values[differs])
    if by is not None:
        parts.append(f"by {by:.3g} at most")
    for mask, text in ((vanished, "only in a"), (appeared, "only in b")):
        if mask.any():
            parts.append(f"{int(mask.sum())} {text}")
    first = rows[0]
    return Difference(a.name, CHANGED, _cell(a, first), _cell(b, first), ", ".join(parts))


def _cell(column: Column, row: Any) -> str | None:
    if column.missing[row]:
        return None
    value = column.values[row]
    return value_text(value.item() if isinstance(value, np.generic) else value)


def _largest(a: Any, b: Any) -> float | None:
    """Return the largest difference of numbers, None for anything else."""
    if a.dtype.kind not in "iuf" or b.dtype.kind not in "iuf" or not len(a):
        return None
    by = np.abs(a.astype(float) - b.astype(float))
    known = by[np.isfinite(by)]
    return float(known.max()) if known.size else None
