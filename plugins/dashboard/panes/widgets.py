"""Panel and Bokeh, and what all panes share: safe text, and tables of text."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
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
    """Return a pane of preformatted text."""
    styles = {"white-space": "pre-wrap", "font-family": "monospace", "overflow-wrap": "anywhere"}
    if height is not None:
        styles |= {"max-height": f"{height}px", "overflow-y": "auto"}
    return pn.pane.Str(text, styles=styles, sizing_mode="stretch_width")


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


def tabulator(
    columns: Mapping[str, Values] | None = None, *, page_size: int = 20, **options: Any
) -> Any:
    """Return a table whose pages come from the server one by one.

    ``columns`` are values by title. See `frame_of` for how to replace them.
    """
    frame, titles, formatters = frame_of(columns or {})
    return pn.widgets.Tabulator(
        frame,
        titles=titles,
        formatters=formatters,
        pagination="remote",
        page_size=page_size,
        disabled=True,
        show_index=False,
        selectable=False,
        layout="fit_data_stretch",
        sizing_mode="stretch_width",
        stylesheets=[_TABLE_CSS],
        **options,
    )


def frame_of(
    columns: Mapping[str, Values],
) -> tuple[pd.DataFrame, dict[str, str], dict[str, Any]]:
    """Return a frame with titles and formatters by its columns.

    Its columns have names of their own, as titles are HTML and names may be anybody's; cells are
    shown as text.
    """
    fields = {f"c{number}": values for number, values in enumerate(columns.values())}
    titles = {field: escaped(title) for field, title in zip(fields, columns, strict=True)}
    return pd.DataFrame(fields), titles, {field: {"type": "plaintext"} for field in fields}


def replace_columns(table: Any, columns: Mapping[str, Values]) -> None:
    """Replace what a table of `tabulator` shows, in the order and on the page that it is at."""
    frame, titles, formatters = frame_of(columns)
    if titles != table.titles:
        table.param.update(titles=titles, formatters=formatters, sorters=[], page=1, value=frame)
        return
    last = max(1, -(-len(frame) // (table.page_size or 1)))
    if table.page > last:
        table.page = last
    table.value = frame
