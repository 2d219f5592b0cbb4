"""Means of one column over a grid of two others, for heat maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pypet.plugins.dashboard.model.axes import Axis, shortened

MAX_CELLS = 60
"""Distinct values along one side of the grid; more of them are gathered in as many bins."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Means of a column in the cells of a grid."""

    means: NDArray[np.float64]
    """Shape (y, x); NaN in cells without a value."""
    counts: NDArray[np.int64]
    """How many runs each mean is of; shape (y, x)."""
    x_labels: tuple[str, ...]
    """One for each column of cells: a value, or the bounds of a bin."""
    y_labels: tuple[str, ...]


def grid_of(x: Axis, y: Axis, values: Axis, rows: NDArray[np.int64]) -> Grid:
    """Return the means of ``values`` for the values of ``x`` and ``y`` in some rows."""
    rows = rows[
        np.isfinite(x.coordinates[rows])
        & np.isfinite(y.coordinates[rows])
        & np.isfinite(values.coordinates[rows])
    ]
    x_cells, x_labels = _cells(x, rows)
    y_cells, y_labels = _cells(y, rows)
    shape = len(y_labels), len(x_labels)
    cells = y_cells * shape[1] + x_cells
    size = shape[0] * shape[1]
    counts = np.bincount(cells, minlength=size)
    sums = np.bincount(cells, values.coordinates[rows], minlength=size)
    means = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
    return Grid(means.reshape(shape), counts.reshape(shape), x_labels, y_labels)


def _cells(axis: Axis, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the number of the cell of each row, and the labels of all cells."""
    coordinates = axis.coordinates[rows]
    distinct, cells = np.unique(coordinates, return_inverse=True)
    if len(distinct) <= MAX_CELLS:
        return cells.astype(np.int64), tuple(_label(axis, value) for value in distinct.tolist())
    edges = np.linspace(distinct[0], distinct[-1], MAX_CELLS + 1)
    bins = np.clip(np.searchsorted(edges, coordinates, side="right") - 1, 0, MAX_CELLS - 1)
    labels = tuple(
        f"{_label(axis, low)} to {_label(axis, high)}"
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    )
    return bins.astype(np.int64), labels


def _label(axis: Axis, coordinate: float) -> str:
    if axis.categories is None:
        return f"{coordinate:.6g}"
    return shortened(axis.categories[min(round(coordinate), len(axis.categories) - 1)])
