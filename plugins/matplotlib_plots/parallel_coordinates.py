"""One line a run, through parallel axes of parameters and results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypet.interfaces import Plot
from pypet.markers import hookimpl
from pypet.plugins.matplotlib_plots.axes import (
    EXTRA,
    MOST_TICKS,
    PLUGIN,
    AxesPlot,
    add_note,
    add_title,
    coloured_runs,
    narrow_label_of,
    new_axes,
    number_text,
    plain_text,
)
from pypet.plugins.matplotlib_plots.table_source import (
    AxisValues,
    axis_column,
    axis_values,
    chosen_columns,
    complete_rows,
    count_parameters,
    looks_logarithmic,
    numeric_results,
    sampled_rows,
    table_of,
)
from pypet.support.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pypet.tables import Column, RunTable
    from pypet.tables.results import Reductions

SIZE = (8.0, 4.8)
MOST_LINES = 5000
"""Of more runs a random sample is drawn."""
MOST_COLUMNS = 12
"""Columns that are chosen by default."""


def parallel_coordinates(
    source: Any,
    columns: Sequence[str] | None = None,
    color: str | None = None,
    *,
    trajectory: str | None = None,
    where: str | None = None,
    reduce: Reductions | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw one line a run through parallel axes of parameters and results.

    Of more than 5,000 runs a random sample is drawn, and a note says so. Runs without a value are
    left out, and the note says how many. Lines of large values of ``color`` are drawn last.

    Parameters
    ----------
    columns
        Names of at least two parameters and results, in the order of the axes; by default all
        explored parameters and results with numbers, at most 12.
    color
        Name of the column that the colours show; by default the last of the results.
    source, trajectory, where, reduce, axes
        As for `line`.

    Returns
    -------
    matplotlib.axes.Axes
        Axes in which the axis of the k-th column is at ``x=k``, scaled from 0 to 1.

    Raises
    ------
    PlotError
        There is no such column, several could be meant, or it has no such values.
    MissingDependencyError
        matplotlib is not installed.
    """
    table = table_of(source, trajectory=trajectory, where=where, reduce=reduce)
    shown = chosen_columns(table, columns, MOST_COLUMNS)
    coloured = chosen_colour(table, color)
    used = [*shown, *([] if coloured is None else [coloured])]
    table, note = sampled_rows(complete_rows(table, used), MOST_LINES)
    axes = new_axes(axes, SIZE)

    scaled = []
    for position, column in enumerate(shown):
        values = axis_values(table[column.name])
        scale = _Scale(values)
        scaled.append(scale.heights(values.places))
        _draw_axis(axes, position, scale)
    heights = np.stack(scaled, axis=1)
    colours: Any = "C0"
    if coloured is not None:
        values, found = coloured_runs(axes, table[coloured.name])
        order = np.argsort(values.places, kind="stable")
        heights, colours = heights[order], found[order]
    _draw_lines(axes, heights, colours)
    axes.set_xlim(-0.5, len(shown) - 0.5)
    axes.set_ylim(-0.03, 1.03)
    axes.set_xticks(range(len(shown)), [narrow_label_of(column) for column in shown])
    axes.set_yticks([])
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="x", length=0, labelsize="small")
    add_title(axes, table.trajectory)
    add_note(axes, note)
    return axes


def chosen_colour(table: RunTable, name: str | None) -> Column | None:
    """Return the column that colours show, by default the last of the results, None without any."""
    if name is not None:
        return axis_column(table, name)
    results = numeric_results(table)
    return results[-1] if results else None


class _Scale:
    """From the values of a column to heights between 0 and 1."""

    def __init__(self, values: AxisValues) -> None:
        places = values.places
        self._categories = values.categories
        self._has_integers = bool((places == np.floor(places)).all())
        self._is_logarithmic = not values.categories and looks_logarithmic(places)
        if values.categories:
            self._low, self._high = 0.0, float(max(len(values.categories) - 1, 1))
        else:
            numbers = np.log10(places) if self._is_logarithmic else places
            self._low, self._high = float(numbers.min()), float(numbers.max())

    def heights(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return heights; 0.5 for all if there is one value only."""
        numbers = np.log10(places) if self._is_logarithmic else places
        if self._high == self._low:
            return np.full(len(numbers), 0.5)
        heights: NDArray[np.float64] = (numbers - self._low) / (self._high - self._low)
        return heights

    def ticks(self) -> list[tuple[float, str]]:
        """Return heights and texts of ticks."""
        if self._categories:
            step = -(-len(self._categories) // MOST_TICKS)
            chosen = range(0, len(self._categories), step)
            places = np.array(chosen, np.float64)
            texts = [plain_text(self._categories[position], 20) for position in chosen]
        else:
            places = self._numbers()
            texts = [number_text(place) for place in places.tolist()]
        return list(zip(self.heights(places).tolist(), texts, strict=True))

    def _numbers(self) -> NDArray[np.float64]:
        if self._high == self._low:
            ends = np.array([self._low])
            return 10**ends if self._is_logarithmic else ends
        ticker = require("matplotlib.ticker", plugin=PLUGIN, extra=EXTRA)
        if self._is_logarithmic:
            found = 10.0 ** np.arange(np.ceil(self._low), np.floor(self._high) + 1)
            low, high = 10.0**self._low, 10.0**self._high
        else:
            locator = ticker.MaxNLocator(6, integer=self._has_integers)
            found = np.asarray(locator.tick_values(self._low, self._high))
            low, high = self._low, self._high
        # The ends are exact, so that a reader sees the range that was explored.
        inner = found[(found > low) & (found < high)]
        gap = 0.06
        heights = self.heights(inner)
        inner = inner[(heights > gap) & (heights < 1 - gap)]
        return np.array([low, *inner.tolist(), high])


def _draw_axis(axes: Axes, position: int, scale: _Scale) -> None:
    axes.plot([position, position], [0, 1], color="0.2", linewidth=1, zorder=3)
    for height, text in scale.ticks():
        axes.plot([position, position - 0.02], [height, height], color="0.2", linewidth=1, zorder=3)
        axes.text(
            position - 0.03,
            height,
            text,
            ha="right",
            va="center",
            fontsize="x-small",
            zorder=4,
            bbox={"facecolor": "white", "alpha": 0.6, "linewidth": 0, "pad": 0.5},
        )


def _draw_lines(axes: Axes, heights: NDArray[np.float64], colours: Any) -> None:
    collections = require("matplotlib.collections", plugin=PLUGIN, extra=EXTRA)
    runs, count = heights.shape
    across = np.broadcast_to(np.arange(count, dtype=np.float64), heights.shape)
    lines = collections.LineCollection(
        np.stack([across, heights], axis=2),
        colors=colours,
        linewidths=0.8,
        alpha=max(0.15, min(0.8, 60 / runs)),
        rasterized=runs > 1000,
    )
    axes.add_collection(lines)


class ParallelCoordinates(AxesPlot):
    """The feature behind `parallel_coordinates`."""

    name = "parallel_coordinates"
    help = "one line a run through parallel axes (columns)"
    arguments = ("columns", "color")
    size = SIZE
    function = staticmethod(parallel_coordinates)

    @classmethod
    def suits(cls, table: RunTable, arguments: Mapping[str, Any]) -> bool:
        """Draw parallel coordinates if columns are named, or if more than two parameters vary.

        Also for a color over one parameter, since lines have no such argument.
        """
        if "columns" in arguments:
            return True
        count = count_parameters(table, arguments)
        return count > 2 or (count < 2 and "color" in arguments)


@hookimpl
def pypet_register_plots() -> list[type[Plot]]:
    """Register the figure."""
    return [ParallelCoordinates]
