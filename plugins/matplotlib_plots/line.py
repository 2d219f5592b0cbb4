"""A result over one parameter, with bands over all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pypet.plugins.matplotlib_plots.axes import (
    AxesPlot,
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
)
from pypet.plugins.matplotlib_plots.statistics import (
    DEFAULT_BINS,
    Band,
    band_text,
    bin_edges,
    bin_positions,
    check_band,
    check_bins,
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
    count_parameters,
    looks_logarithmic,
    short_name,
    table_of,
    varied_parameters,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pypet.tables import Column, RunTable
    from pypet.tables.results import Reductions

SIZE = (6.4, 4.4)
_MOST_MARKERS = 60
_MOST_POINTS = 40
"""Values of the parameter that are never collected in bins unless asked for."""
_AXES = frozenset(("x", "y", "by"))
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
    bins: int | None = None,
    trajectory: str | None = None,
    where: str | None = None,
    reduce: Reductions | None = None,
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
    bins
        Number of equal bins of ``x`` whose runs make a point each, at least 1; None: runs with the
        same ``x`` do, or 20 bins if hardly any two runs have the same one because the points
        were drawn at random.
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
    check_bins(bins)
    estimator_of(estimator)
    table = table_of(source, trajectory=trajectory, where=where, reduce=reduce)
    result = chosen_result(table, y, "y")
    groups = [] if by is None else [axis_column(table, by)]
    (parameter,) = chosen_parameters(table, {"x": x}, taken=[*groups, result])
    table, note = complete_rows(table, [parameter, result, *groups])
    axes = new_axes(axes, SIZE)

    at = axis_values(table[parameter.name])
    if bins is None and _is_random(table, at, [parameter, *groups]):
        bins = DEFAULT_BINS
    places = at.places if bins is None or at.categories else _bin_middles(at.places, bins)
    values = axis_values(table[result.name]).places
    lines = _Lines(axes, table[groups[0].name] if groups else None)
    counts = []
    for mask, colour, label in lines.parts(len(table)):
        found = summarize(places[mask], values[mask], estimator, band)
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
    in_bins = "" if places is at.places else f", in {bins} bins of {short_name(parameter)}"
    what = band_text(estimator, band, np.concatenate(counts))
    add_note(axes, f"{what}{in_bins}" if what else "", note)
    return axes


def _is_random(table: RunTable, at: AxisValues, drawn: Sequence[Column]) -> bool:
    """Return whether hardly any two runs have the same place, and other parameters vary, too.

    A sweep through one parameter has each of its values once, but nothing to average over.
    """
    distinct = len(np.unique(at.places))
    if at.categories or distinct <= _MOST_POINTS or 2 * distinct <= len(table):
        return False
    names = {column.name for column in drawn}
    return any(column.name not in names for column in varied_parameters(table))


def _bin_middles(places: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Return the middle of the bin that each place is in."""
    is_logarithmic = looks_logarithmic(places)
    edges = bin_edges(places, bins, logarithmic=is_logarithmic)
    lower, upper = edges[:-1], edges[1:]
    middles = np.sqrt(lower * upper) if is_logarithmic else (lower + upper) / 2
    found: NDArray[np.float64] = middles[bin_positions(places, edges)]
    return found


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


class Line(AxesPlot):
    """The feature behind `line`."""

    name = "line"
    help = "a result (y) over a parameter (x), with a band over all others"
    arguments = ("x", "y", "by")
    size = SIZE
    function = staticmethod(line)

    @classmethod
    def suits(cls, table: RunTable, arguments: Mapping[str, Any]) -> bool:
        """Draw lines if an axis is named, or if no more than one parameter varies."""
        return bool(_AXES.intersection(arguments)) or count_parameters(table, arguments) < 2
