"""What commands write: plain text for pipes, rich's for terminals, and JSON."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from pypet.cli.output import Column, uses_rich, write_facts, write_json, write_table

HOSTILE = "\x1b[2J[red]x[/red] :smile:"
SHOWN = r"\x1b[2J[red]x[/red] :smile:"


class Terminal(io.StringIO):
    encoding = "utf8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = Terminal()
    # Not of `sys` itself, whose stream pytest replaces for each phase of a test.
    monkeypatch.setattr("pypet.cli.output.sys", SimpleNamespace(stdout=stream))
    return stream


def test_a_pipe_gets_aligned_columns(capsys):
    write_table([Column("name"), Column("n", is_right=True), Column("end")], [("a", "10", HOSTILE)])
    write_table([Column("name"), Column("n", is_right=True), Column("end")], [("b", "", "")])
    assert capsys.readouterr().out == f"name   n  end\na     10  {SHOWN}\nname  n  end\nb\n"


def test_a_pipe_gets_labels_in_a_column(capsys):
    write_facts([("label", "text"), ("", HOSTILE), ("longer label here", "x")])
    assert capsys.readouterr().out == (
        f"label       text\n            {SHOWN}\nlonger label herex\n"
    )


def test_a_terminal_gets_colours_and_never_what_text_commands(terminal):
    assert uses_rich()
    write_table([Column(HOSTILE, style="name"), Column("n", style="number")], [(HOSTILE, "1")])
    write_facts([("failed", HOSTILE), ("label", "text")])
    text = terminal.getvalue()
    assert text.count(SHOWN) == 3
    assert "\x1b[2J" not in text
    assert "\x1b[1m" in text
    assert "\x1b[31m" in text


def test_long_cells_are_folded_and_not_cut(terminal):
    write_table([Column("name")], [("x" * 250,)])
    assert terminal.getvalue().count("x") == 250


@pytest.mark.parametrize("value", ["dumb", ""])
def test_terminals_that_know_no_colours_get_plain_text(terminal, monkeypatch, value):
    monkeypatch.setenv("TERM", value)
    write_facts([("label", "text")])
    assert terminal.getvalue() == "label       text\n"


def test_terminals_without_rich_get_plain_text(terminal, monkeypatch):
    monkeypatch.setattr("pypet.cli.output.is_installed", lambda name: False)
    write_table([Column("name")], [("x",)])
    assert terminal.getvalue() == "name\nx\n"


def test_json_is_ascii_and_has_null_for_what_it_lacks(capsys):
    @dataclass
    class Described:
        name: str
        values: tuple

    write_json(item=Described("ü", (1.5, float("nan"), float("inf"), None)), more={"a": [1]})
    text = capsys.readouterr().out
    assert text.isascii()
    assert json.loads(text) == {
        "format": 1,
        "item": {"name": "ü", "values": [1.5, None, None, None]},
        "more": {"a": [1]},
    }


def test_a_command_writes_colours_to_a_real_terminal_only(tmp_path):
    pytest.importorskip("rich")
    command = [sys.executable, "-m", "pypet", "plugins"]
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(command, stdout=theirs, env=environment, close_fds=True)
        os.close(theirs)
        text = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not part:
                break
            text += part
        assert process.wait(timeout=60) == 0
    finally:
        os.close(ours)
    assert b"\x1b[" in text
    done = subprocess.run(command, capture_output=True, timeout=60, check=True, env=environment)
    assert b"\x1b[" not in done.stdout
    assert done.stdout.startswith(b"FAMILY ")
