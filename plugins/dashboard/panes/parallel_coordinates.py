"""The pane with parallel coordinates: an axis a column, a line a run; boxes select runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.events import Reset, SelectionGeometry
from bokeh.models import BoxSelectTool, ColumnDataSource, FixedTicker, Range1d, ResetTool

from pypet.plugins.dashboard.model.axes import Axis, shortened
from pypet.plugins.dashboard.model.session import ExperimentSession
from pypet.plugins.dashboard.model.view import sampled
from pypet.plugins.dashboard.panes.plots import (
    ColumnChoice,
    color_mapper,
    default_value,
    drawable,
    literal,
    new_figure,
    sample_note,
    select,
    set_colors,
)
from pypet.plugins.dashboard.panes.widgets import ACCENT, markup, note, several
from pypet.tables import RunTable

MAX_LINES = 5000
"""Lines that are drawn; of more runs a sample is."""
MAX_AXES = 12
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


class ParallelCoordinatesPane:
    """Parallel coordinates of the chosen runs; a box over an axis narrows the choice."""

    is_kept = True

    def __init__(self, session: ExperimentSession) -> None:
        """Show the experiment of a session."""
        self._session = session
        self._shown: tuple[Any, ...] = ()
        self._drawn: list[str] = []
        self._color = select("Color")
        self._axes = ColumnChoice(several("Axes"))
        self._color.on_change(self.update)
        self._axes.on_change(self.update)
        self._message = markup()
        self._lines = ColumnDataSource({"xs": [], "ys": [], "color": []})
        self._labels = ColumnDataSource({"x": [], "y": [], "text": []})
        self._boxes = ColumnDataSource({"left": [], "right": [], "bottom": [], "top": []})
        self._mapper = color_mapper()
        self._plot = self._make_plot()
        self.view: Any = pn.Column(
            pn.Row(self._axes.widget, self._color.widget, sizing_mode="stretch_width"),
            self._message,
            pn.pane.Bokeh(self._plot, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
        """What to show."""

    def _make_plot(self) -> Any:
        tool = BoxSelectTool(renderers=[])
        plot = new_figure(
            tools=[tool, ResetTool()],
            x_range=Range1d(start=-0.3, end=1.3),
            y_range=Range1d(start=-0.06, end=1.06),
        )
        plot.toolbar.active_drag = tool
        plot.multi_line(
            "xs",
            "ys",
            source=self._lines,
            line_color={"field": "color", "transform": self._mapper},
            line_alpha=0.4,
        )
        plot.quad(
            source=self._boxes,
            left="left",
            right="right",
            bottom="bottom",
            top="top",
            fill_color=ACCENT,
            fill_alpha=0.2,
            line_color=ACCENT,
        )
        plot.text(
            "x",
            "y",
            text="text",
            source=self._labels,
            text_font_size="11px",
            text_baseline="middle",
            x_offset=4,
            background_fill_color="white",
            background_fill_alpha=0.7,
        )
        plot.yaxis.visible = False
        plot.ygrid.visible = False
        plot.xgrid.grid_line_color = "#424242"
        plot.on_event(SelectionGeometry, self._select)
        plot.on_event(Reset, lambda event: self._session.clear_selection())
        return plot

    def update(self) -> None:
        """Show the session as it is now."""
        session, experiment = self._session, self._session.experiment
        if experiment is None or session.view is None:
            return
        table = experiment.table
        self._color.offer(drawable(table), default_value(table))
        self._axes.offer(drawable(table), _default_axes(table))
        shown = (session.version, self._color.value, tuple(self._axes.value))
        if shown == self._shown:
            return
        self._shown = shown
        self._drawn = [name for name in self._axes.value if name in table.columns][:MAX_AXES]
        axes = list(map(session.view.axis, self._drawn))
        rows = sampled(session.rows, MAX_LINES)
        self._message.object = note(sample_note(len(rows), len(session.rows)))
        places = list(range(len(axes)))
        heights = np.array([axis.scaled(rows) for axis in axes]).T if axes else np.zeros((0, 0))
        color = session.view.axis(self._color.value) if self._color.value in table.columns else None
        self._lines.data = {
            # Lists, since each array would travel by itself.
            "xs": [places] * len(heights),
            "ys": heights.tolist(),
            "color": np.zeros(len(heights)) if color is None else color.coordinates[rows],
        }
        set_colors(self._plot, self._mapper, color)
        self._set_axes(axes)

    def _set_axes(self, axes: list[Axis]) -> None:
        plot = self._plot
        plot.x_range.update(start=-0.3, end=max(len(axes) - 1, 0) + 0.6)
        plot.xaxis.ticker = FixedTicker(ticks=list(range(len(axes))))
        plot.xaxis.major_label_overrides = {
            number: literal(shortened(axis.name)) for number, axis in enumerate(axes)
        }
        labels = [(number, *tick) for number, axis in enumerate(axes) for tick in _labels_of(axis)]
        self._labels.data = {
            "x": [label[0] for label in labels],
            "y": [label[1] for label in labels],
            "text": [label[2] for label in labels],
        }
        boxes = [
            (number, *axis.scaled_interval(self._session.choice.intervals[axis.name]))
            for number, axis in enumerate(axes)
            if axis.name in self._session.choice.intervals
        ]
        self._boxes.data = {
            "left": [box[0] - 0.06 for box in boxes],
            "right": [box[0] + 0.06 for box in boxes],
            "bottom": [box[1] for box in boxes],
            "top": [box[2] for box in boxes],
        }

    def _select(self, event: Any) -> None:
        """Narrow the choice to what a box covers of the axes that it crosses."""
        geometry = event.geometry
        if not event.final or geometry.get("type") != "rect" or self._session.view is None:
            return
        left, right = sorted((geometry["x0"], geometry["x1"]))
        intervals = {}
        for number, name in enumerate(self._drawn):
            if left <= number <= right:
                axis = self._session.view.axis(name)
                intervals[name] = axis.unscaled(geometry["y0"]), axis.unscaled(geometry["y1"])
        if intervals:
            self._session.select(intervals)


def _labels_of(axis: Axis) -> list[tuple[float, str]]:
    """Return heights and texts along an axis."""
    low, high = axis.limits
    ticks = axis.ticks()
    if ticks:
        return [((place - low) / (high - low), text) for place, text in ticks.items()]
    return [(fraction, f"{axis.unscaled(fraction):.4g}") for fraction in _TICKS]


def _default_axes(table: RunTable) -> list[str]:
    """Return explored parameters and results, as many as fit."""
    names = drawable(table)
    explored = [name for name in names if table.columns[name].explored]
    results = [name for name in names if table.columns[name].kind == "result"]
    few = explored[: MAX_AXES - min(len(results), MAX_AXES // 2)]
    return (few + results)[:MAX_AXES]
