"""Each pair of parameters and results as a scatter plot."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypet.errors import PlotError
from pypet.interfaces import Plot
from pypet.markers import hookimpl
from pypet.plugins.matplotlib_plots.axes import (
    EXTRA,
    NOTE_SIZE,
    coloured_runs,
    fit_axis,
    narrow_label_of,
    new_figure,
    plain_lines,
    plain_text,
    save_figure,
)
from pypet.plugins.matplotlib_plots.table_source import (
    AxisValues,
    axis_column,
    axis_values,
    chosen_columns,
    complete_rows,
    looks_logarithmic,
    sampled_rows,
    table_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pypet.tables import Column
    from pypet.tables.results import Reductions

MOST_POINTS = 5000
"""Of more runs a random sample is drawn."""
DEFAULT_COLUMNS = 6
MOST_COLUMNS = 15
_INCHES = 1.7
_HISTOGRAM_BINS = 20


def scatter_matrix(
    source: Any,
    columns: Sequence[str] | None = None,
    color: str | None = None,
    *,
    trajectory: str | None = None,
    where: str | None = None,
    reduce: Reductions | None = None,
    figure: Figure | None = None,
) -> NDArray[Any]:
    """Draw each pair of parameters and results as a scatter plot, one point a run.

    On the diagonal there are histograms. Of more than 5,000 runs a random sample is drawn, and a
    note says so. Runs without a value are left out, and the note says how many.

    Parameters
    ----------
    columns
        Names of two to 15 parameters and results; by default explored parameters and results with
        numbers, at most 6.
    color
        Name of the column that the colours show; None: all points are alike.
    figure
        Where to draw; by default a new figure.
    source, trajectory, where, reduce
        As for `line`.

    Returns
    -------
    numpy.ndarray
        The `matplotlib.axes.Axes` of row and column; object, shape (columns, columns).

    Raises
    ------
    PlotError
        There is no such column, several could be meant, or it has no such values.
    MissingDependencyError
        matplotlib is not installed.
    """
    table = table_of(source, trajectory=trajectory, where=where, reduce=reduce)
    shown = chosen_columns(table, columns, DEFAULT_COLUMNS)
    if len(shown) > MOST_COLUMNS:
        raise PlotError(f"{len(shown)} columns are too many: at most {MOST_COLUMNS} can be read.")
    coloured = None if color is None else axis_column(table, color)
    used = [*shown, *([] if coloured is None else [coloured])]
    table, note = sampled_rows(complete_rows(table, used), MOST_POINTS)
    count = len(shown)
    if figure is None:
        figure = new_figure(_size(count))

    grid: NDArray[Any] = figure.subplots(count, count, squeeze=False)
    values = [axis_values(table[column.name]) for column in shown]
    colours: Any = "C0"
    if coloured is not None:
        _, colours = coloured_runs(grid, table[coloured.name])
    for row, column in np.ndindex(count, count):
        axes: Any = grid[row, column]
        if row == column:
            _draw_histogram(axes, values[row])
        else:
            axes.scatter(
                values[column].places,
                values[row].places,
                s=6,
                c=colours,
                alpha=0.7,
                linewidths=0,
                rasterized=len(table) > 1000,
            )
            fit_axis(axes, "y", values[row])
        fit_axis(axes, "x", values[column])
    _label(grid, shown)
    figure.suptitle(plain_text(table.trajectory, 60), fontsize="medium")
    if note:
        figure.supxlabel(plain_lines(note), fontsize=NOTE_SIZE, color="0.35")
    return grid


def _size(count: int) -> tuple[float, float]:
    inches = max(4.5, _INCHES * count)
    return inches + 1.0, inches


def _draw_histogram(axes: Any, values: AxisValues) -> None:
    places = values.places
    if values.categories:
        edges = np.arange(len(values.categories) + 1) - 0.5
    elif looks_logarithmic(places):
        edges = np.geomspace(places.min(), places.max(), _HISTOGRAM_BINS + 1)
    else:
        edges = np.histogram_bin_edges(places, _HISTOGRAM_BINS)
    axes.hist(places, bins=edges, color="0.6")
    axes.set_yticks([])


def _label(grid: NDArray[Any], shown: Sequence[Column]) -> None:
    """Write names at the left and below, and ticks only there."""
    last = len(shown) - 1
    for position, column in enumerate(shown):
        label = narrow_label_of(column)
        grid[last, position].set_xlabel(label, fontsize="small")
        grid[position, 0].set_ylabel(label, fontsize="small")
    for row, column in np.ndindex(len(shown), len(shown)):
        axes: Any = grid[row, column]
        axes.tick_params(labelsize="x-small", which="both")
        if row != last:
            axes.tick_params(labelbottom=False, which="both")
        if column:
            axes.tick_params(labelleft=False, which="both")


class ScatterMatrix(Plot):
    """The feature behind `scatter_matrix`."""

    name = "scatter_matrix"
    requires = ("matplotlib",)
    extra = EXTRA
    help = "each pair of parameters and results (columns) as a scatter plot"
    arguments = ("columns", "color")

    @classmethod
    def draw(cls, source: Any, **arguments: Any) -> NDArray[Any]:
        """Draw it; see `scatter_matrix`."""
        return scatter_matrix(source, **arguments)

    @classmethod
    def save(cls, source: Any, path: str | os.PathLike[str], **arguments: Any) -> None:
        """Draw it into a file."""

        def draw(figure: Figure) -> None:
            grid = scatter_matrix(source, **arguments, figure=figure)
            figure.set_size_inches(_size(len(grid)))

        save_figure(path, draw, _size(DEFAULT_COLUMNS))


@hookimpl
def pypet_register_plots() -> list[type[Plot]]:
    """Register the figure."""
    return [ScatterMatrix]
