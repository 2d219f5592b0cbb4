"""The conformance suite of terminal writers: give ``feature``."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import ClassVar

import pytest

from pypet.interfaces import TableColumn, TerminalWriter
from pypet.support.terminal_text import escape_unprintable
from pypet.testing.features import FeatureConformance

HOSTILE = escape_unprintable("\x1b[2J[red]x[/red] :smile: <b>{0}%s")
"""Text as commands hand it over, with what markup languages of terminals would interpret."""
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    encoding = "utf8"

    def isatty(self) -> bool:
        return True


class TerminalWriterConformance(FeatureConformance):
    """What every terminal writer does."""

    feature: ClassVar[type[TerminalWriter]]

    @pytest.fixture
    def written(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
        """A function that returns what a method of the writer writes, without colours."""
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "100")

        def write(method: str, *arguments: object) -> str:
            stream = Terminal()
            getattr(self.feature, method)(stream, *arguments)
            return COLOURS.sub("", stream.getvalue())

        return write

    @pytest.mark.parametrize("style", ["", "name", "number", "warning"])
    def test_tables_have_all_titles_and_cells(
        self, written: Callable[..., str], style: str
    ) -> None:
        columns = [TableColumn(HOSTILE, style=style), TableColumn("n", is_right=True, style=style)]
        text = written("write_table", columns, [(HOSTILE, "1"), ("end", "2")])
        assert text.count(HOSTILE) == 2
        assert [cell in text for cell in ("n", "1", "end", "2")] == [True] * 4
        assert "\x1b" not in text

    def test_a_table_may_have_no_rows(self, written: Callable[..., str]) -> None:
        assert "title" in written("write_table", [TableColumn("title")], [])

    def test_long_cells_are_not_cut(self, written: Callable[..., str]) -> None:
        assert written("write_table", [TableColumn("title")], [("x" * 250,)]).count("x") == 250

    def test_facts_are_lines_of_label_and_text(self, written: Callable[..., str]) -> None:
        long = "x" * 250
        text = written("write_facts", [("label", HOSTILE), ("failed", "no"), ("", long)])
        width = self.feature.label_width
        expected = [f"{'label':<{width}}{HOSTILE}", f"{'failed':<{width}}no", " " * width + long]
        assert text.splitlines() == expected

    def test_there_may_be_no_facts(self, written: Callable[..., str]) -> None:
        assert written("write_facts", []) == ""
