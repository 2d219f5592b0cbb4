"""Colours, and tables that fit the terminal, by rich."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from pypet.interfaces import TableColumn, TerminalWriter
from pypet.markers import hookimpl

if TYPE_CHECKING:
    from rich.console import Console

_COLOURS = {"warning": "red", "name": "bold", "number": "cyan", "": ""}
_WARNING_LABELS = frozenset(("failed", "damaged", "problem", "removed"))


class RichTerminal(TerminalWriter):
    """Text in colours, and tables that fit the terminal."""

    name = "rich"
    requires = ("rich",)
    extra = "cli"

    @classmethod
    def write_table(
        cls, stream: TextIO, columns: Sequence[TableColumn], rows: Sequence[Sequence[str]]
    ) -> None:
        """Write a table whose long cells are folded."""
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
        for row in rows:
            table.add_row(*map(Text, row))
        _console(stream).print(table)

    @classmethod
    def write_facts(cls, stream: TextIO, facts: Sequence[tuple[str, str]]) -> None:
        """Write bold labels; those of what went wrong are red."""
        from rich.text import Text

        console = _console(stream)
        for label, text in facts:
            style = _COLOURS["warning" if label in _WARNING_LABELS else "name"]
            line = Text(f"{label:<{cls.label_width}}", style=style)
            line.append(text, style="not bold default")
            console.print(line, soft_wrap=True)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, markup=False, emoji=False)


@hookimpl
def pypet_register_terminal_writers() -> list[type[TerminalWriter]]:
    """Register the writer."""
    return [RichTerminal]
