"""Axes of matplotlib: making them, labels from names and comments, ticks, colours and notes."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pypet.errors import PlotError
from pypet.interfaces import Plot
from pypet.plugins.matplotlib_plots.table_source import (
    AxisValues,
    axis_values,
    looks_logarithmic,
    short_name,
)
from pypet.support.optional import require
from pypet.support.terminal_text import escape_unprintable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pypet.tables import Column

PLUGIN = "pypet.plotting"
EXTRA = "plot"
COLOURS = "viridis"
MOST_COMMENT = 40
MOST_LABEL = 60
MOST_TICKS = 10
_NARROW = 18
"""Characters of a line of a narrow label."""
_UNITS = {
    "runtime": "s",
    "timestamp": "s since the epoch",
    "finish_timestamp": "s since the epoch",
}
"""Of the columns about runs; parameters and results have comments."""
NOTE_SIZE = "x-small"


def new_figure(size: tuple[float, float]) -> Figure:
    """Return a figure that notebooks and windows show; ``size`` is in inches."""
    pyplot = require("matplotlib.pyplot", plugin=PLUGIN, extra=EXTRA)
    figure: Figure = pyplot.figure(figsize=size, layout="constrained")
    return figure


def new_axes(axes: Axes | None, size: tuple[float, float] = (6.4, 4.4)) -> Axes:
    """Return the axes to draw into: the given ones, or those of a new figure."""
    return new_figure(size).add_subplot() if axes is None else axes


def save_figure(
    path: str | os.PathLike[str], draw: Callable[[Figure], Any], size: tuple[float, float]
) -> None:
    """Write a figure to a file without any window.

    Raises
    ------
    PlotError
        The ending of the file is that of no format.
    """
    module = require("matplotlib.figure", plugin=PLUGIN, extra=EXTRA)
    figure: Figure = module.Figure(figsize=size, layout="constrained")
    ending = os.path.splitext(os.fspath(path))[1].removeprefix(".").lower()
    known = figure.canvas.get_supported_filetypes()
    if ending not in known:
        raise PlotError(
            f"{os.fspath(path)!r} has the ending of no format for figures; those are "
            f"{', '.join(sorted(known))}."
        )
    draw(figure)
    figure.savefig(path, dpi=150)


class AxesPlot(Plot):
    """A plot that a function draws into axes, which it takes as ``axes`` and returns."""

    requires: ClassVar[tuple[str, ...]] = ("matplotlib",)
    extra: ClassVar[str | None] = EXTRA
    size: ClassVar[tuple[float, float]]
    """Of a new figure, in inches."""
    function: ClassVar[Callable[..., Axes]]

    @classmethod
    def draw(cls, source: Any, **arguments: Any) -> Axes:
        """Call the function."""
        return cls.function(source, **arguments)

    @classmethod
    def save(cls, source: Any, path: str | os.PathLike[str], **arguments: Any) -> None:
        """Have the function draw into a file."""
        save_figure(
            path,
            lambda figure: cls.function(source, **arguments, axes=figure.add_subplot()),
            cls.size,
        )


# ----- text ------------------------------------------------------------------------------------


def label_of(column: Column) -> str:
    """Return the name of a column with its comment, ``'v (membrane potential in mV)'``."""
    name, comment = _name_and_comment(column)
    return f"{name} ({comment})" if comment else name


def narrow_label_of(column: Column) -> str:
    """Return the same in several lines, for axes close to each other."""
    name, comment = _name_and_comment(column)
    if not comment:
        return name
    # A formula must stay in one line.
    lines = [comment] if "$" in comment else textwrap.wrap(comment, _NARROW)
    return "\n".join([name, *lines])


def _name_and_comment(column: Column) -> tuple[str, str]:
    name = plain_text(short_name(column), MOST_LABEL)
    return name, plain_text(column.comment or _unit(column), MOST_COMMENT)


def _unit(column: Column) -> str:
    return _UNITS.get(column.name, "") if column.kind == "run" else ""


def plain_text(text: str, most: int) -> str:
    """Return text of unknown origin in one line, cut, and safe to be drawn.

    Formulas between dollar signs are kept if matplotlib understands them; other dollar signs are
    drawn as such.
    """
    line = escape_unprintable(" ".join(text.split()))
    if "$" in line and len(line) <= most and _is_formula(line):
        return line
    cut = line if len(line) <= most else f"{line[: most - 1]}…"
    return cut.replace("$", r"\$")


def _is_formula(text: str) -> bool:
    if text.count("$") % 2:
        return False
    mathtext = require("matplotlib.mathtext", plugin=PLUGIN, extra=EXTRA)
    try:
        mathtext.MathTextParser("path").parse(text)
    except (ValueError, RuntimeError):
        return False
    return True


def number_text(value: float) -> str:
    """Return a number as short text."""
    return f"{value:.4g}"


def add_title(axes: Axes, name: str) -> None:
    """Give axes the name of the trajectory as title."""
    axes.set_title(plain_text(name, MOST_LABEL), fontsize="medium")


def add_note(axes: Axes, *notes: str) -> None:
    """Write below the axes what a reader has to know about the data."""
    text = "\n".join(note for note in notes if note)
    if text:
        axes.annotate(
            plain_lines(text),
            (1.0, 0.0),
            (0.0, -38.0),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=NOTE_SIZE,
            color="0.35",
        )


def plain_lines(text: str) -> str:
    """Return notes with the dollar signs of names drawn as such."""
    return "\n".join(plain_text(line, 200) for line in text.splitlines())


# ----- axes of categories, numbers and colours -------------------------------------------------


def fit_axis(axes: Axes, which: str, values: AxisValues) -> None:
    """Give the axis ``'x'`` or ``'y'`` ticks at categories, or a logarithmic scale if that fits."""
    axis = getattr(axes, f"{which}axis")
    if values.categories:
        set_ticks(axis, range(len(values.categories)), values.categories)
    elif looks_logarithmic(values.places):
        getattr(axes, f"set_{which}scale")("log")


def set_ticks(axis: Any, places: Sequence[float], labels: Sequence[str]) -> None:
    """Set at most `MOST_TICKS` ticks with text."""
    step = -(-len(places) // MOST_TICKS)
    texts = [plain_text(str(label), 20) for label in labels[::step]]
    axis.set_ticks(list(places)[::step], labels=texts)


def colour_scale(values: AxisValues) -> tuple[Any, Any]:
    """Return the colour map and the normalization for the values of a column."""
    matplotlib = require("matplotlib", plugin=PLUGIN, extra=EXTRA)
    colors = require("matplotlib.colors", plugin=PLUGIN, extra=EXTRA)
    places = values.places
    if values.categories:
        count = len(values.categories)
        return (
            matplotlib.colormaps[COLOURS].resampled(count),
            colors.Normalize(-0.5, count - 0.5),
        )
    least, most = float(places.min()), float(places.max())
    if looks_logarithmic(places):
        return matplotlib.colormaps[COLOURS], colors.LogNorm(least, most)
    return matplotlib.colormaps[COLOURS], colors.Normalize(least, most)


def add_colour_bar(axes: Any, column: Column, values: AxisValues, scale: tuple[Any, Any]) -> None:
    """Add a colour bar with the name of a column; ``axes`` may be several of one figure."""
    cm = require("matplotlib.cm", plugin=PLUGIN, extra=EXTRA)
    colour_map, norm = scale
    first = axes if not isinstance(axes, np.ndarray) else axes.flat[0]
    mappable = cm.ScalarMappable(norm, colour_map)
    bar = first.figure.colorbar(mappable, ax=axes, label=label_of(column))
    if values.categories:
        set_ticks(bar, range(len(values.categories)), values.categories)


def coloured_runs(axes: Any, column: Column) -> tuple[AxisValues, NDArray[np.float64]]:
    """Add a colour bar for a column; return its values, and the colours of all runs."""
    values = axis_values(column)
    scale = colour_scale(values)
    add_colour_bar(axes, column, values, scale)
    return values, colours_of(values, scale)


def colours_of(values: AxisValues, scale: tuple[Any, Any]) -> NDArray[np.float64]:
    """Return the colours of all runs; float64, shape (runs, 4)."""
    colour_map, norm = scale
    colours: NDArray[np.float64] = colour_map(norm(values.places))
    return colours
