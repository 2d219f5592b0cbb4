"""A result over one parameter, with bands over all others."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.interfaces import Plot
from pypet.plugins.matplotlib_plots.axes import (
    EXTRA,
    add_colour_bar,
    add_note,
    add_title,
    colour_scale,
    colours_of,
    fit_axis,
    label_of,
    new_axes,
    number_text,
    plain_text,
    save_figure,
)
from pypet.plugins.matplotlib_plots.statistics import (
    Band,
    band_text,
    check_band,
    estimator_of,
    summarize,
)
from pypet.plugins.matplotlib_plots.table_source import (
    AxisValues,
    axis_column,
    axis_values,
    chosen_parameters,
    chosen_result,
    complete_rows,
    table_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pypet.tables import Column

SIZE = (6.4, 4.4)
_MOST_MARKERS = 60
_MOST_LEGEND = 10
"""Lines with an entry of their own in the legend; more numbers get a colour bar."""


def line(
    source: Any,
    x: str | None = None,
    y: str | None = None,
    *,
    by: str | None = None,
    estimator: str = "mean",
    band: Band = "std",
    trajectory: str | None = None,
    where: str | None = None,
    reduce: Mapping[str, Callable[[Any], Any]] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw a result over one parameter; a band shows how it varies with all others.

    Runs with the same value of ``x`` make one point of the line. Runs without a value are left
    out, and a note below the axes says how many.

    Parameters
    ----------
    source
        A trajectory, a `pypet.tables.RunTable`, or the path of a file.
    x
        Name of the parameter; by default the only one that is explored.
    y
        Name of the result; by default the only one with numbers.
    by
        Name of another parameter, each of whose values gets a line.
    estimator
        ``'mean'``, ``'median'``, ``'min'`` or ``'max'`` of the runs of a point.
    band
        ``'std'`` for the standard deviation, ``'sem'`` for the standard error of the mean,
        ``'range'`` from the least to the largest value, two percentages such as ``(5, 95)``, or
        None for no band.
    trajectory
        Name of the trajectory if ``source`` is a path; by default the only one.
    where
        Only runs for which this is true, such as ``'x > 3 and completed'``.
    reduce
        Functions that make a number of a result, by its name: ``{'trace': np.max}``.
    axes
        Where to draw; by default a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with the lines.

    Raises
    ------
    PlotError
        There is no such column, several could be meant, or it has no such values.
    MissingDependencyError
        matplotlib is not installed.
    """
    check_band(band)
    estimator_of(estimator)
    table = table_of(source, trajectory=trajectory, where=where, reduce=reduce)
    result = chosen_result(table, y, "y")
    groups = [] if by is None else [axis_column(table, by)]
    (parameter,) = chosen_parameters(table, {"x": x}, taken=[*groups, result])
    table, note = complete_rows(table, [parameter, result, *groups])
    axes = new_axes(axes, SIZE)

    at = axis_values(table[parameter.name])
    values = axis_values(table[result.name]).places
    lines = _Lines(axes, table[groups[0].name] if groups else None)
    counts = []
    for mask, colour, label in lines.parts(len(table)):
        found = summarize(at.places[mask], values[mask], estimator, band)
        counts.append(found.counts)
        marker = "o" if len(found.at) <= _MOST_MARKERS else ""
        axes.plot(found.at, found.centre, marker=marker, markersize=4, color=colour, label=label)
        if band is not None and found.counts.max() > 1:
            axes.fill_between(found.at, found.low, found.high, color=colour, alpha=0.2, linewidth=0)
    lines.finish()
    fit_axis(axes, "x", at)
    axes.set_xlabel(label_of(parameter))
    axes.set_ylabel(label_of(result))
    add_title(axes, table.trajectory)
    add_note(axes, band_text(estimator, band, np.concatenate(counts)), note)
    return axes


class _Lines:
    """The runs of each line with its colour, and the legend or colour bar that explains them."""

    def __init__(self, axes: Axes, column: Column | None) -> None:
        self._axes = axes
        self._column = column
        self._values = AxisValues(np.zeros(0)) if column is None else axis_values(column)
        self._found = np.unique(self._values.places)
        self._has_legend = len(self._found) <= _MOST_LEGEND or bool(self._values.categories)

    def parts(self, runs: int) -> list[tuple[Any, Any, str | None]]:
        """Return mask, colour and label of each line."""
        if self._column is None:
            return [(np.ones(runs, bool), "C0", None)]
        values = self._values
        if self._has_legend and values.categories:
            colours: list[Any] = [f"C{position % 10}" for position in range(len(self._found))]
        else:
            self._scale = colour_scale(values)
            colours = list(colours_of(AxisValues(self._found, values.categories), self._scale))
        return [
            (values.places == value, colour, self._text(value) if self._has_legend else None)
            for value, colour in zip(self._found.tolist(), colours, strict=True)
        ]

    def _text(self, value: float) -> str:
        categories = self._values.categories
        return plain_text(categories[int(value)], 30) if categories else number_text(value)

    def finish(self) -> None:
        """Add the legend or the colour bar."""
        if self._column is None:
            return
        if self._has_legend:
            title = label_of(self._column)
            self._axes.legend(title=title, fontsize="small", title_fontsize="small")
        else:
            add_colour_bar(self._axes, self._column, self._values, self._scale)


class Line(Plot):
    """The feature behind `line`."""

    name = "line"
    requires = ("matplotlib",)
    extra = EXTRA
    help = "a result (y) over a parameter (x), with a band over all others"
    arguments = ("x", "y", "by")

    @classmethod
    def draw(cls, source: Any, **arguments: Any) -> Axes:
        """Draw it; see `line`."""
        return line(source, **arguments)

    @classmethod
    def save(cls, source: Any, path: str | os.PathLike[str], **arguments: Any) -> None:
        """Draw it into a file."""
        save_figure(path, lambda figure: line(source, **arguments, axes=figure.add_subplot()), SIZE)
