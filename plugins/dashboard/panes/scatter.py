"""The pane with a scatter plot of two columns; a box selects runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from bokeh.events import Reset, SelectionGeometry
from bokeh.models import (
    BoxSelectTool,
    BoxZoomTool,
    ColumnDataSource,
    PanTool,
    Range1d,
    ResetTool,
    TapTool,
    WheelZoomTool,
)

from pypet.plugins.dashboard.model.axes import Axis
from pypet.plugins.dashboard.model.session import ExperimentSession
from pypet.plugins.dashboard.model.view import sampled
from pypet.plugins.dashboard.panes.plots import (
    BACKGROUND,
    color_mapper,
    default_value,
    drawable,
    literal,
    new_figure,
    sample_note,
    select,
    set_colors,
    set_ticks,
)
from pypet.plugins.dashboard.panes.widgets import markup, note
from pypet.tables import RunTable

MAX_POINTS = 10_000
"""Points that are drawn; of more runs a sample is."""
_MAX_BACKGROUND = 5_000
_MARGIN = 0.05


class ScatterPane:
    """A scatter plot of the chosen runs above all others; a box narrows the choice."""

    is_kept = True

    def __init__(self, session: ExperimentSession) -> None:
        """Show the experiment of a session."""
        self._session = session
        self._shown: tuple[Any, ...] = ()
        self._x, self._y, self._color = select("x"), select("y"), select("Color")
        for each in (self._x, self._y, self._color):
            each.on_change(self.update)
        self._message = markup()
        self._background = ColumnDataSource({"x": [], "y": []})
        self._points = ColumnDataSource({"x": [], "y": [], "color": [], "run": []})
        self._mapper = color_mapper()
        self._plot = self._make_plot()
        self.view: Any = pn.Column(
            pn.Row(*(each.widget for each in (self._x, self._y, self._color))),
            self._message,
            pn.pane.Bokeh(self._plot, sizing_mode="stretch_width"),
            sizing_mode="stretch_width",
        )
        """What to show."""

    def _make_plot(self) -> Any:
        box, tap = BoxSelectTool(renderers=[]), TapTool()
        plot = new_figure(
            tools=[box, tap, BoxZoomTool(), PanTool(), WheelZoomTool(), ResetTool()],
            x_range=Range1d(start=0, end=1),
            y_range=Range1d(start=0, end=1),
            output_backend="webgl",
        )
        plot.toolbar.active_drag = box
        plot.scatter("x", "y", source=self._background, size=4, color=BACKGROUND, alpha=0.6)
        points = plot.scatter(
            "x",
            "y",
            source=self._points,
            size=6,
            color={"field": "color", "transform": self._mapper},
            alpha=0.8,
            nonselection_alpha=0.8,
        )
        tap.renderers = [points]
        plot.on_event(SelectionGeometry, self._select)
        plot.on_event(Reset, self._reset)
        self._points.selected.on_change("indices", self._show_run)
        return plot

    def update(self) -> None:
        """Show the session as it is now."""
        session, experiment = self._session, self._session.experiment
        if experiment is None or session.view is None:
            return
        table, names = experiment.table, drawable(experiment.table)
        self._x.offer(names, default_x(table))
        self._y.offer(names, default_value(table))
        self._color.offer(names, default_value(table))
        chosen = self._x.value, self._y.value, self._color.value
        if any(name not in table.columns for name in chosen):
            return
        shown = (session.version, chosen)
        if shown == self._shown:
            return
        has_new_axes = self._shown[1:] != shown[1:]
        self._shown = shown
        x, y, color = (session.view.axis(name) for name in chosen)
        rows = sampled(_known(session.rows, x, y), MAX_POINTS)
        everything = np.arange(len(table))
        others = sampled(_known(everything, x, y), _MAX_BACKGROUND)
        is_narrowed = len(session.rows) < len(table)
        others = others if is_narrowed else others[:0]
        self._background.data = {"x": x.coordinates[others], "y": y.coordinates[others]}
        self._points.data = {
            "x": x.coordinates[rows],
            "y": y.coordinates[rows],
            "color": color.coordinates[rows],
            "run": table.indices[rows],
        }
        known = len(_known(session.rows, x, y))
        self._message.object = note(sample_note(len(rows), known))
        set_colors(self._plot, self._mapper, color)
        plot = self._plot
        for axis, drawn, extent in ((x, plot.xaxis, plot.x_range), (y, plot.yaxis, plot.y_range)):
            drawn.axis_label = literal(axis.name)
            set_ticks(drawn[0], axis)
            if has_new_axes or experiment.results_due:
                _show_all(extent, axis)

    def _reset(self, event: Any) -> None:
        self._shown = ()
        self._session.clear_selection()

    def _select(self, event: Any) -> None:
        geometry = event.geometry
        if event.final and geometry.get("type") == "rect":
            self._session.select(
                {
                    self._x.value: (geometry["x0"], geometry["x1"]),
                    self._y.value: (geometry["y0"], geometry["y1"]),
                }
            )

    def _show_run(self, attribute: str, old: Any, new: list[int]) -> None:
        if new:
            self._session.show_run(int(self._points.data["run"][new[0]]))


def _known(rows: Any, x: Axis, y: Axis) -> Any:
    return rows[np.isfinite(x.coordinates[rows]) & np.isfinite(y.coordinates[rows])]


def _show_all(extent: Any, axis: Axis) -> None:
    low, high = axis.limits
    margin = _MARGIN * (high - low)
    extent.update(
        start=low - margin, end=high + margin, reset_start=low - margin, reset_end=high + margin
    )


def default_x(table: RunTable) -> str | None:
    """Return the first explored parameter that can be drawn, or any column."""
    names = drawable(table)
    explored = [name for name in names if table.columns[name].explored]
    return next(iter([*explored, *names]), None)
