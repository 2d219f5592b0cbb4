"""The pane with a heat map: means of one column over two others."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, Range1d

from pypet.plugins.dashboard.model.grid import Grid, grid_of
from pypet.plugins.dashboard.model.session import ExperimentSession
from pypet.plugins.dashboard.panes.plots import (
    color_bar,
    color_mapper,
    default_value,
    drawable,
    literal,
    new_figure,
    numeric,
    select,
)
from pypet.plugins.dashboard.panes.scatter import default_x
from pypet.plugins.dashboard.panes.widgets import markup, note
from pypet.tables import RunTable

_MAX_LABELS = 15


class HeatMapPane:
    """Means of a column of numbers over a grid of two columns, of the chosen runs."""

    is_kept = True

    def __init__(self, session: ExperimentSession) -> None:
        """Show the experiment of a session."""
        self._session = session
        self._shown: tuple[Any, ...] = ()
        self._x, self._y, self._value = select("x"), select("y"), select("Mean of")
        for each in (self._x, self._y, self._value):
            each.on_change(self.update)
        self._message = markup()
        self._cells = ColumnDataSource({name: [] for name in ("x", "y", "mean", "runs")})
        self._mapper = color_mapper()
        self._plot = new_figure(
            tools=[HoverTool(tooltips=[("mean", "@mean"), ("runs", "@runs")])],
            x_range=Range1d(start=0, end=1),
            y_range=Range1d(start=0, end=1),
        )
        self._plot.rect(
            "x",
            "y",
            1,
            1,
            source=self._cells,
            fill_color={"field": "mean", "transform": self._mapper},
            line_color="white",
        )
        self._plot.grid.visible = False
        self.view: Any = pn.Column(
            pn.Row(*(each.widget for each in (self._x, self._y, self._value))),
            self._message,
            pn.pane.Bokeh(self._plot, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
        """What to show."""

    def update(self) -> None:
        """Show the session as it is now."""
        session, experiment = self._session, self._session.experiment
        if experiment is None or session.view is None:
            return
        table = experiment.table
        self._x.offer(drawable(table), default_x(table))
        self._y.offer(drawable(table), _second(table))
        self._value.offer(numeric(table), default_value(table))
        chosen = self._x.value, self._y.value, self._value.value
        if any(name not in table.columns for name in chosen):
            return
        shown = (session.version, chosen)
        if shown == self._shown:
            return
        self._shown = shown
        axes = [session.view.axis(name) for name in chosen]
        self._draw(grid_of(axes[0], axes[1], axes[2], session.rows))

    def _draw(self, grid: Grid) -> None:
        ys, xs = np.nonzero(grid.counts)
        means = grid.means[ys, xs]
        self._cells.data = {"x": xs, "y": ys, "mean": means, "runs": grid.counts[ys, xs]}
        low, high = (float(means.min()), float(means.max())) if len(means) else (0.0, 1.0)
        self._mapper.update(low=low, high=high if high > low else low + 1.0)
        plot = self._plot
        plot.right = [color_bar(self._mapper, self._value.value)]
        sides = (
            (plot.xaxis, plot.x_range, grid.x_labels, self._x.value),
            (plot.yaxis, plot.y_range, grid.y_labels, self._y.value),
        )
        for axis, extent, labels, name in sides:
            step = -(-len(labels) // _MAX_LABELS) or 1
            shown = range(0, len(labels), step)
            axis.ticker = FixedTicker(ticks=list(shown))
            axis.major_label_overrides = {number: literal(labels[number]) for number in shown}
            axis.axis_label = literal(name)
            extent.update(start=-0.5, end=max(len(labels), 1) - 0.5)
        self._plot.xaxis.major_label_orientation = 0.6
        runs = int(grid.counts.sum())
        self._message.object = note(f"means of {runs:,} runs in {len(means):,} cells")


def _second(table: RunTable) -> str | None:
    """Return the second explored parameter that can be drawn, or any other column."""
    names = drawable(table)
    explored = [name for name in names if table.columns[name].explored]
    others = [name for name in names if name not in explored[:1]]
    return next(iter([*explored[1:], *others]), None)
