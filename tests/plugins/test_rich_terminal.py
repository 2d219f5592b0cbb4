"""Tables and facts on terminals with rich."""

from __future__ import annotations

import pytest

from pypet.interfaces import TableColumn
from pypet.plugins.rich_terminal import RichTerminal
from pypet.testing.terminal_writers import Terminal, TerminalWriterConformance

pytest.importorskip("rich")


class TestRichTerminal(TerminalWriterConformance):
    feature = RichTerminal


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_titles_names_and_labels_are_bold_and_what_went_wrong_is_red(terminal):
    RichTerminal.write_table(terminal, [TableColumn("title", style="name")], [("cell",)])
    assert "\x1b[1m" in terminal.getvalue()
    assert "\x1b[31m" not in terminal.getvalue()
    RichTerminal.write_facts(terminal, [("failed", "2 runs")])
    assert "\x1b[31m" in terminal.getvalue()


def test_no_colours_for_users_who_want_none(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    RichTerminal.write_facts(terminal, [("failed", "2 runs")])
    assert "\x1b[31m" not in terminal.getvalue()
