"""Single values: arrays as plots, frames as tables, everything else as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import panel as pn
from bokeh.models import LinearColorMapper
from bokeh.palettes import Viridis256

from pypet.plugins.dashboard.model.axes import cell_text
from pypet.plugins.dashboard.panes.plots import new_figure
from pypet.plugins.dashboard.panes.widgets import (
    ACCENT,
    Table,
    escaped,
    markup,
    note,
    plain_text,
)

MAX_POINTS = 5000
"""Points of a curve, and cells along a side of an image; of more every n-th is drawn."""
_MAX_SIDE = 500
_MAX_ROWS = 10_000
_MAX_TABLE_COLUMNS = 100
_MAX_TEXT = 20_000
_LEAST_PLOTTED = 3
_HEIGHT = 240


def is_small(value: Any) -> bool:
    """Return whether a value fits into a line of text."""
    if isinstance(value, np.ndarray):
        return bool(value.size < _LEAST_PLOTTED)
    return not isinstance(value, (pd.DataFrame, pd.Series)) and not _is_long(value)


def line_of(value: Any) -> str:
    """Return a value as one line of text."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return str(value.tolist())
    return cell_text(value)


def value_pane(value: Any) -> Any:
    """Return a pane that shows a value of any type."""
    if isinstance(value, pd.Series):
        value = value.to_frame()
    if isinstance(value, pd.DataFrame):
        return _frame(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return _array(value)
    if isinstance(value, dict):
        return _mapping(value)
    return plain_text(_text(value), height=300)


def _is_long(value: Any) -> bool:
    if isinstance(value, (str, bytes)):
        return len(value) > 80 or "\n" in str(value)
    return isinstance(value, (list, tuple, dict)) and len(value) > 8


def _text(value: Any) -> str:
    """Return text of types that are known; objects of others are only named."""
    if isinstance(value, (str, bytes, list, tuple)):
        text = value if isinstance(value, str) else repr(value)
        return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]} ..."
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=200)[:_MAX_TEXT]
    return cell_text(value)


def _frame(frame: pd.DataFrame) -> Any:
    rows, columns = frame.shape
    part = frame.iloc[:_MAX_ROWS, :_MAX_TABLE_COLUMNS]
    cells: dict[str, Any] = {"index": [cell_text(each) for each in part.index.tolist()]}
    for number in range(part.shape[1]):
        title = str(part.columns[number])
        title = title if title not in cells else f"{title} ({number})"
        column = part.iloc[:, number]
        is_number = column.dtype.kind in "biuf"
        cells[title] = column.tolist() if is_number else [cell_text(v) for v in column.tolist()]
    text = f"{rows:,} rows, {columns:,} columns"
    if part.shape != frame.shape:
        text += f"; the first {part.shape[0]:,} rows and {part.shape[1]:,} columns are shown"
    table = Table(page_size=10)
    table.show(cells)
    return pn.Column(markup(note(text)), table.view)


def _mapping(value: dict[Any, Any]) -> Any:
    rows = "".join(
        f"<dt>{escaped(cell_text(key))}</dt><dd>{escaped(cell_text(each))}</dd>"
        for key, each in list(value.items())[:_MAX_ROWS]
    )
    return markup(f"<dl>{rows}</dl>")


def _array(array: np.ndarray[Any, Any]) -> Any:
    described = f"{array.dtype}, shape {array.shape}"
    if array.dtype.kind == "c":
        array, described = np.abs(array), f"{described}, absolute values"
    squeezed = np.squeeze(array)
    if squeezed.ndim == 0 or not squeezed.size:
        return pn.Column(markup(note(described)), plain_text(str(array.tolist())))
    while squeezed.ndim > 2:
        squeezed = squeezed[0]
        described += ", the first of the leading axis"
    plot, text = _curve(squeezed) if squeezed.ndim == 1 else _image(squeezed)
    return pn.Column(
        markup(note(described + text)), pn.pane.Bokeh(plot, sizing_mode="stretch_width")
    )


def _curve(array: np.ndarray[Any, Any]) -> tuple[Any, str]:
    step = -(-len(array) // MAX_POINTS)
    plot = new_figure(tools="pan,box_zoom,wheel_zoom,reset")
    plot.height = _HEIGHT
    xs, ys = np.arange(len(array))[::step], array[::step].astype(np.float64)
    plot.line(xs, ys, color=ACCENT)
    if len(xs) <= 60:
        plot.scatter(xs, ys, color=ACCENT, size=4)
    return plot, f", every {step}th entry is drawn" if step > 1 else ""


def _image(array: np.ndarray[Any, Any]) -> tuple[Any, str]:
    steps = [-(-length // _MAX_SIDE) for length in array.shape]
    part = array[:: steps[0], :: steps[1]].astype(np.float64)
    plot = new_figure(tools="pan,box_zoom,wheel_zoom,reset")
    plot.height = _HEIGHT
    plot.x_range.range_padding = plot.y_range.range_padding = 0
    finite = part[np.isfinite(part)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    mapper = LinearColorMapper(palette=Viridis256, low=low, high=high if high > low else low + 1.0)
    plot.image([part], x=0, y=0, dw=array.shape[1], dh=array.shape[0], color_mapper=mapper)
    text = f", {low:.4g} to {high:.4g}"
    if max(steps) > 1:
        text += f"; every {max(steps)}th row or column is drawn"
    return plot, text
