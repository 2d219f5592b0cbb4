"""What commands write to stdout: JSON, tables, and facts with labels.

Pipes get plain text, and so do terminals unless a plugin writes to them (`TerminalWriter`), such as
the one for rich (``pip install "pypet[cli]"``). Text may be anybody's: it is escaped for terminals.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from pypet.interfaces import TableColumn, TerminalWriter
from pypet.manager import get_manager
from pypet.support.json_output import to_json
from pypet.support.terminal import is_terminal
from pypet.support.terminal_text import escape_unprintable, write_lines

Column = TableColumn
GAP = "  "


def write_json(**content: Any) -> None:
    """Write an object with the key ``format`` and the given ones; ASCII only.

    Dataclasses become objects, and numbers that are not finite null.
    """
    write_lines(sys.stdout, to_json(**content).splitlines())


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Write rows of cells under the titles of their columns."""
    columns = [column._replace(title=escape_unprintable(column.title)) for column in columns]
    cells = [[escape_unprintable(cell) for cell in row] for row in rows]
    writer = _terminal_writer()
    if writer is not None:
        writer.write_table(sys.stdout, columns, cells)
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
    facts = [(escape_unprintable(label), escape_unprintable(text)) for label, text in facts]
    writer = _terminal_writer()
    if writer is not None:
        writer.write_facts(sys.stdout, facts)
        return
    width = TerminalWriter.label_width
    write_lines(sys.stdout, [f"{label:<{width}}{text}".rstrip() for label, text in facts])


def _terminal_writer() -> type[TerminalWriter] | None:
    """Return the first writer if stdout is a terminal that can do more than plain text."""
    is_dumb = os.environ.get("TERM", "") in ("", "dumb")
    if is_dumb or not is_terminal(sys.stdout):
        return None
    return next(iter(get_manager().terminal_writers()), None)
