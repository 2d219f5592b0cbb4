"""What the plots have in common: figures, colors, and which columns they can show."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn
from bokeh.models import BasicTicker, FixedTicker, LinearColorMapper, PlainText
from bokeh.models.annotations import ColorBar
from bokeh.palettes import Viridis256
from bokeh.plotting import figure

from pypet.plugins.dashboard.model.axes import Axis
from pypet.plugins.dashboard.panes.widgets import labelled
from pypet.tables import RunTable

BACKGROUND = "#d5d5d5"
"""Color of runs that are not chosen."""
NO_VALUE = "#9e9e9e"
HEIGHT = 460
_CATEGORIES = "biufUO"


def new_figure(**options: Any) -> Any:
    """Return an empty figure; what it draws is replaced, not added to."""
    plot = figure(height=HEIGHT, sizing_mode="stretch_width", toolbar_location="right", **options)
    plot.toolbar.logo = None
    return plot


def color_mapper() -> LinearColorMapper:
    """Return a mapper from numbers to colors."""
    return LinearColorMapper(palette=Viridis256, low=0.0, high=1.0, nan_color=NO_VALUE)


def color_bar(mapper: LinearColorMapper, title: str) -> Any:
    """Return the legend of a mapper."""
    return ColorBar(color_mapper=mapper, width=12, title=literal(title), ticker=BasicTicker())


def set_colors(plot: Any, mapper: LinearColorMapper, axis: Axis | None) -> None:
    """Make a mapper, and the legend beside a plot, those of a column; of none without one."""
    if axis is None:
        plot.right = []
        return
    low, high = axis.limits
    shown = [axis.name, low, high, *axis.ticks().values()]
    if plot.right and plot.tags == shown:
        return
    plot.tags = shown
    mapper.update(low=low, high=high)
    # A new one: a color bar does not follow its ticker.
    bar = color_bar(mapper, axis.name)
    set_ticks(bar, axis)
    plot.right = [bar]


def set_ticks(target: Any, axis: Axis | None) -> None:
    """Label an axis of a plot, or a legend, with categories where a column has such."""
    ticks = {} if axis is None else axis.ticks()
    overrides = "major_label_overrides"
    if ticks:
        target.ticker = FixedTicker(ticks=list(ticks))
        setattr(target, overrides, {place: literal(text) for place, text in ticks.items()})
    else:
        target.ticker = BasicTicker()
        setattr(target, overrides, {})


def literal(text: str) -> Any:
    r"""Return text that is drawn as it is, also where it looks like TeX (``$$...$$``)."""
    return PlainText(text=text)


def drawable(table: RunTable) -> list[str]:
    """Return the names of columns that plots can show: parameters, results, time of a run."""
    return [
        name
        for name, column in table.columns.items()
        if column.values.dtype.kind in _CATEGORIES
        and (column.kind != "run" or name in ("run", "state", "runtime"))
    ]


def numeric(table: RunTable) -> list[str]:
    """Return the names of drawable columns of numbers, results first."""
    names = [name for name in drawable(table) if table.columns[name].values.dtype.kind in "biuf"]
    return sorted(names, key=lambda name: table.columns[name].kind != "result")


def default_value(table: RunTable) -> str | None:
    """Return the first result of numbers, or any other column."""
    names = [*numeric(table), *drawable(table)]
    return names[0] if names else None


class ColumnChoice:
    """A widget to choose columns; follows the default until a user has chosen."""

    def __init__(self, widget: Any) -> None:
        """Nothing is offered yet."""
        self.widget = widget
        self._default: Any = None

    @property
    def value(self) -> Any:
        """What is chosen: the name of a column, or a list of names."""
        return self.widget.value

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a function when something else is chosen."""
        self.widget.param.watch(lambda event: listener(), "value")

    def offer(self, names: list[str], default: Any) -> None:
        """Offer these names; what a user has chosen of them stays."""
        widget = self.widget
        if names == widget.options and default == self._default:
            return
        value = widget.value
        if isinstance(value, list):
            kept = [name for name in value if name in names]
            is_gone = not kept
        else:
            kept, is_gone = value, value not in names
        if is_gone or value == self._default:
            kept = default
        self._default = default
        widget.param.update(options=names, value=kept)


def select(title: str) -> ColumnChoice:
    """Return a choice of one column."""
    return ColumnChoice(labelled(pn.widgets.Select, title, options=[], width=190))


def sample_note(drawn: int, chosen: int) -> str:
    """Return a remark if not all runs are drawn."""
    if drawn == chosen:
        return f"{chosen:,} runs"
    return (
        f"{drawn:,} of {chosen:,} runs are drawn, picked at random; "
        "what you select is selected of all runs"
    )
