"""What commands write to stdout: JSON, tables, and facts with labels.

Pipes, and terminals without rich, get plain text. With rich (``pip install "pypet[cli]"``) a
terminal gets the same text in colours, and tables that fit it. Text may be anybody's: it is escaped
for terminals, and never read as rich's markup.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from pypet.support.json_output import to_json
from pypet.support.optional import is_installed
from pypet.support.terminal import is_terminal
from pypet.support.terminal_text import escape_unprintable, write_lines

GAP = "  "
LABEL_WIDTH = 12
_WARNING_LABELS = frozenset(("failed", "damaged", "problem", "removed"))
_COLOURS = {"warning": "red", "name": "bold", "number": "cyan", "": ""}


class Column(NamedTuple):
    """A column of a table for people."""

    title: str
    is_right: bool = False
    """Numbers stand at the right."""
    style: str = ""
    """``'name'``, ``'number'``, ``'warning'`` or ``''``; colours the column on terminals."""


def write_json(**content: Any) -> None:
    """Write an object with the key ``format`` and the given ones; ASCII only.

    Dataclasses become objects, and numbers that are not finite null.
    """
    write_lines(sys.stdout, to_json(**content).splitlines())


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Write rows of cells under the titles of their columns."""
    columns = [column._replace(title=escape_unprintable(column.title)) for column in columns]
    cells = [[escape_unprintable(cell) for cell in row] for row in rows]
    if uses_rich():
        _write_rich_table(columns, cells)
        return
    shown = [[column.title for column in columns], *cells]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    write_lines(
        sys.stdout,
        [
            GAP.join(
                cell.rjust(width) if column.is_right else cell.ljust(width)
                for cell, width, column in zip(row, widths, columns, strict=True)
            ).rstrip()
            for row in shown
        ],
    )


def write_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Write lines of a label and a text; an empty label belongs to the line before."""
    if not uses_rich():
        write_lines(sys.stdout, [f"{label:<{LABEL_WIDTH}}{text}".rstrip() for label, text in facts])
        return
    from rich.text import Text

    console = _console()
    for label, text in facts:
        style = _COLOURS["warning" if label in _WARNING_LABELS else "name"]
        line = Text(escape_unprintable(f"{label:<{LABEL_WIDTH}}"), style=style)
        line.append(escape_unprintable(text), style="not bold default")
        console.print(line, soft_wrap=True)


def uses_rich() -> bool:
    """Return whether rich writes: stdout is a terminal that knows colours, and it is installed."""
    is_dumb = os.environ.get("TERM", "") in ("", "dumb")
    return is_terminal(sys.stdout) and not is_dumb and is_installed("rich")


def _console() -> Any:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False)


def _write_rich_table(columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.title),
            justify="right" if column.is_right else "left",
            style=_COLOURS[column.style],
            no_wrap=column.is_right,
            overflow="fold",
        )
    for row in cells:
        table.add_row(*map(Text, row))
    _console().print(table)
