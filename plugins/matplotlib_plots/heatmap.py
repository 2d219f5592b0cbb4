"""A result over two parameters, as colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pypet.interfaces import Plot
from pypet.markers import hookimpl
from pypet.plugins.matplotlib_plots.axes import (
    AxesPlot,
    add_note,
    add_title,
    colour_scale,
    label_of,
    new_axes,
    number_text,
    set_ticks,
)
from pypet.plugins.matplotlib_plots.statistics import (
    DEFAULT_BINS,
    band_text,
    bin_edges,
    bin_positions,
    check_bins,
    estimator_of,
)
from pypet.plugins.matplotlib_plots.table_source import (
    AxisValues,
    axis_values,
    chosen_parameters,
    chosen_result,
    complete_rows,
    count_parameters,
    table_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pypet.tables import RunTable
    from pypet.tables.results import Reductions

SIZE = (6.4, 4.8)
_MOST_NUMBERED = 64
"""Cells that have their number written into them."""
_FULL_ENOUGH = 0.25
"""Part of the cells of a grid that has runs; random points fill much less."""


def heatmap(
    source: Any,
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
    *,
    estimator: str = "mean",
    bins: int | None = None,
    trajectory: str | None = None,
    where: str | None = None,
    reduce: Reductions | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw a result over two parameters, as colours of cells.

    Points of a grid make one cell each, with the values of the parameters at the ticks. Points
    that were drawn at random are collected in ``bins`` cells along each axis. Cells without any
    run stay empty. Runs without a value are left out, and a note says how many.

    Parameters
    ----------
    x, y
        Names of two parameters; by default the only two that are explored.
    color
        Name of the result; by default the only one with numbers.
    estimator
        ``'mean'``, ``'median'``, ``'min'`` or ``'max'`` of the runs of a cell.
    bins
        Number of cells along each axis, at least 1; None: one for each value, or 20 if the points
        are no grid.
    source, trajectory, where, reduce, axes
        As for `line`.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the cells; the colour bar has axes of its own.

    Raises
    ------
    PlotError
        There is no such column, several could be meant, or it has no such values.
    MissingDependencyError
        matplotlib is not installed.
    """
    estimator_of(estimator)
    check_bins(bins)
    table = table_of(source, trajectory=trajectory, where=where, reduce=reduce)
    result = chosen_result(table, color, "color")
    across, up = chosen_parameters(table, {"x": x, "y": y}, taken=[result])
    table, note = complete_rows(table, [across, up, result])
    axes = new_axes(axes, SIZE)

    places = [axis_values(table[column.name]) for column in (across, up)]
    values = axis_values(table[result.name]).places
    steps = _steps(places[0], places[1], bins)
    cells, counts = _cells(steps, values, estimator)
    scale = colour_scale(AxisValues(cells[~np.isnan(cells)]))
    mesh = axes.pcolormesh(
        steps[0].edges, steps[1].edges, np.ma.masked_invalid(cells), cmap=scale[0], norm=scale[1]
    )
    axes.figure.colorbar(mesh, ax=axes, label=label_of(result))
    for axis, step in zip((axes.xaxis, axes.yaxis), steps, strict=True):
        if step.labels:
            set_ticks(axis, range(len(step.labels)), step.labels)
    if cells.size <= _MOST_NUMBERED:
        _write_numbers(axes, mesh, cells, scale)
    axes.set_xlabel(label_of(across))
    axes.set_ylabel(label_of(up))
    add_title(axes, table.trajectory)
    add_note(axes, band_text(estimator, None, counts[counts > 0]), note)
    return axes


class _Steps(NamedTuple):
    """The cells along one axis."""

    edges: NDArray[np.float64]
    """float64, shape (cells + 1,)."""
    positions: NDArray[np.int64]
    """Which cell each run is in."""
    labels: tuple[str, ...]
    """Text at the middle of each cell; empty if the axis has numbers."""


def _steps(across: AxisValues, up: AxisValues, bins: int | None) -> tuple[_Steps, _Steps]:
    if bins is None:
        one_each = _one_for_each(across), _one_for_each(up)
        cells = len(one_each[0].labels) * len(one_each[1].labels)
        filled = len(np.unique(np.stack([one_each[0].positions, one_each[1].positions]), axis=1).T)
        if cells <= _MOST_NUMBERED or filled >= _FULL_ENOUGH * cells:
            return one_each
        bins = DEFAULT_BINS
    return _binned(across, bins), _binned(up, bins)


def _one_for_each(values: AxisValues) -> _Steps:
    found, positions = np.unique(values.places, return_inverse=True)
    if values.categories:
        labels = tuple(values.categories[int(place)] for place in found)
    else:
        labels = tuple(number_text(place) for place in found.tolist())
    edges = np.arange(len(found) + 1, dtype=np.float64) - 0.5
    return _Steps(edges, positions.astype(np.int64), labels)


def _binned(values: AxisValues, bins: int) -> _Steps:
    if values.categories or len(np.unique(values.places)) <= min(bins, DEFAULT_BINS):
        return _one_for_each(values)
    edges = bin_edges(values.places, bins)
    return _Steps(edges, bin_positions(values.places, edges), ())


def _cells(
    steps: tuple[_Steps, _Steps], values: NDArray[np.float64], estimator: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return values, NaN for empty cells, and numbers of runs; both have shape (up, across)."""
    estimate = estimator_of(estimator)
    across, up = steps
    shape = len(up.edges) - 1, len(across.edges) - 1
    flat = up.positions * shape[1] + across.positions
    found, inverse, sizes = np.unique(flat, return_inverse=True, return_counts=True)
    parts = np.split(values[np.argsort(inverse, kind="stable")], np.cumsum(sizes)[:-1])
    cells = np.full(shape, np.nan)
    counts = np.zeros(shape, np.int64)
    cells.flat[found] = [estimate(part) for part in parts]
    counts.flat[found] = sizes
    return cells, counts


def _write_numbers(
    axes: Axes, mesh: Any, cells: NDArray[np.float64], scale: tuple[Any, Any]
) -> None:
    colour_map, norm = scale
    edges = mesh.get_coordinates()
    middles = (edges[:-1, :-1] + edges[1:, 1:]) / 2
    for (x, y), value in zip(middles.reshape(-1, 2).tolist(), cells.ravel().tolist(), strict=True):
        if not np.isnan(value):
            red, green, blue, _ = colour_map(norm(value))
            # As people see it, green is bright and blue is dark (ITU-R BT.601).
            is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            axes.text(
                x,
                y,
                f"{value:.3g}",
                ha="center",
                va="center",
                fontsize="small",
                color="white" if is_dark else "black",
            )


class Heatmap(AxesPlot):
    """The feature behind `heatmap`."""

    name = "heatmap"
    help = "a result (color) over two parameters (x, y)"
    arguments = ("x", "y", "color")
    size = SIZE
    function = staticmethod(heatmap)

    @classmethod
    def suits(cls, table: RunTable, arguments: Mapping[str, Any]) -> bool:
        """Draw a heat map if two parameters vary, or if an axis and the color are named."""
        if "x" in arguments or "y" in arguments:
            return "color" in arguments
        return count_parameters(table, arguments) == 2


@hookimpl
def pypet_register_plots() -> list[type[Plot]]:
    """Register the figure."""
    return [Heatmap]
