"""Panel and Bokeh, and what all panes share: safe text, and tables of text."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import panel as pn

Values = Sequence[Any] | np.ndarray[Any, Any]

GOOD, BAD, MUTED, ACCENT = "#2e7d32", "#c62828", "#616161", "#1565c0"
"""Colors, readable on white for everybody."""

_CSS = """
:host { font-family: system-ui, sans-serif; }
.bar { background: #e0e0e0; border-radius: 4px; height: 12px; overflow: hidden; display: flex; }
.bar div { height: 100%; }
.note { color: #616161; font-size: 0.9em; }
.problem { color: #c62828; white-space: pre-wrap; }
h1 { font-size: 1.25em; margin: 0; } h2 { font-size: 1.05em; margin: 0.3em 0; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.1em 1em; margin: 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
dt { color: #616161; } dd { margin: 0; overflow-wrap: anywhere; }
"""
_TABLE_CSS = ".tabulator { font-size: 0.9em; }"


def markup(text: str = "", **options: Any) -> Any:
    """Return a pane of HTML, in which everything but tags of our own is escaped by the caller."""
    return pn.pane.HTML(text, stylesheets=[_CSS], sizing_mode="stretch_width", **options)


def escaped(text: object) -> str:
    """Return text for HTML; names, comments and values may be anybody's."""
    return html.escape(str(text))


def note(text: str) -> str:
    """Return a remark as HTML, nothing for none."""
    return f'<div class="note">{escaped(text)}</div>' if text else ""


def problem(text: str) -> str:
    """Return an error as HTML, nothing for none."""
    return f'<div class="problem">{escaped(text)}</div>' if text else ""


def plain_text(text: str, height: int | None = None) -> Any:
    """Return a pane of preformatted text; one higher than ``height`` pixels can be scrolled."""
    # Not `pn.pane.Str`, which takes text for HTML.
    styles = {} if height is None else {"max-height": f"{height}px", "overflow-y": "auto"}
    return markup(preformatted(text), styles=styles)


def preformatted(text: str) -> str:
    """Return text with its line breaks as HTML."""
    return f"<pre>{escaped(text)}</pre>"


def described(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names with their texts as HTML; those without text are left out."""
    rows = "".join(
        f"<dt>{escaped(name)}</dt><dd>{escaped(text)}</dd>" for name, text in pairs if text
    )
    return f"<dl>{rows}</dl>"


def labelled(kind: type, title: str, **options: Any) -> Any:
    """Return a widget with a title, which newer versions of Panel call otherwise."""
    return kind(**{"label" if "label" in kind.param else "name": title}, **options)  # type: ignore[attr-defined]


def several(title: str) -> Any:
    """Return a widget to choose some of many names.

    It is the browser's own: others take names for HTML.
    """
    return labelled(pn.widgets.MultiSelect, title, options=[], size=5, sizing_mode="stretch_width")


class Table:
    """A table whose pages come from the server one by one; cells are shown as text."""

    def __init__(self, page_size: int = 20, on_click: Callable[[int], None] | None = None) -> None:
        """Show nothing yet; ``on_click`` gets the position of a row that was clicked."""
        self._page_size = page_size
        self._on_click = on_click
        self._titles: dict[str, str] = {}
        self._widget: Any = None
        self.view: Any = pn.Column(sizing_mode="stretch_width")
        """What to show."""

    def show(self, columns: Mapping[str, Values]) -> None:
        """Show values by title; with the same titles order and page stay as they are."""
        # Columns have names of their own, as titles are HTML and names may be anybody's.
        fields = {f"c{number}": values for number, values in enumerate(columns.values())}
        titles = {field: escaped(title) for field, title in zip(fields, columns, strict=True)}
        frame = pd.DataFrame(fields)
        if self._widget is None or titles != self._titles:
            self._titles = titles
            # A new one: a table that gets other columns while it is drawn may stay empty.
            self._widget = self._made(frame)
            self.view.objects = [self._widget]
            return
        last = max(1, -(-len(frame) // self._page_size))
        if self._widget.page > last:
            self._widget.page = last
        self._widget.value = frame

    def _made(self, frame: pd.DataFrame) -> Any:
        widget: Any = pn.widgets.Tabulator(
            frame,
            titles=self._titles,
            formatters={field: {"type": "plaintext"} for field in self._titles},
            pagination="remote",
            page_size=self._page_size,
            disabled=True,
            show_index=False,
            selectable=False,
            layout="fit_data_stretch",
            sizing_mode="stretch_width",
            stylesheets=[_TABLE_CSS],
        )
        if self._on_click is not None:
            on_click = self._on_click
            widget.on_click(lambda event: on_click(event.row))
        return widget
