"""What commands write: plain text, what plugins write to terminals, and JSON."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from pypet.cli.output import Column, write_facts, write_json, write_table
from pypet.interfaces import TerminalWriter
from pypet.manager import PluginManager
from pypet.markers import hookimpl
from pypet.testing.terminal_writers import Terminal

HOSTILE = "\x1b[2J[red]x[/red] :smile:"
SHOWN = r"\x1b[2J[red]x[/red] :smile:"


class Marking(TerminalWriter):
    name = "marking"

    @classmethod
    def write_table(cls, stream, columns, rows):
        stream.write(f"table {[tuple(column) for column in columns]} {rows}\n")

    @classmethod
    def write_facts(cls, stream, facts):
        stream.write(f"facts {facts}\n")


@pytest.fixture
def manager(monkeypatch):
    manager = PluginManager(entries=())
    monkeypatch.setattr("pypet.cli.output.get_manager", lambda: manager)
    return manager


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    # Not of `sys` itself, whose stream pytest replaces for each phase of a test.
    monkeypatch.setattr("pypet.cli.output.sys", SimpleNamespace(stdout=stream))
    return stream


def register(manager, *writers):
    hooks = SimpleNamespace(pypet_register_terminal_writers=hookimpl(lambda: list(writers)))
    manager.register(hooks, "writers")


def test_a_pipe_gets_aligned_columns(capsys):
    write_table([Column("name"), Column("n", is_right=True), Column("end")], [("a", "10", HOSTILE)])
    write_table([Column("name"), Column("n", is_right=True), Column("end")], [("b", "", "")])
    assert capsys.readouterr().out == f"name   n  end\na     10  {SHOWN}\nname  n  end\nb\n"


def test_a_pipe_gets_labels_in_a_column(capsys):
    write_facts([("label", "text"), ("", HOSTILE), ("longer label here", "x")])
    assert capsys.readouterr().out == (
        f"label       text\n            {SHOWN}\nlonger label herex\n"
    )


def test_a_plugin_writes_escaped_text_to_terminals(terminal, manager):
    register(manager, Marking)
    write_table([Column(HOSTILE, style="name")], [(HOSTILE,)])
    write_facts([(HOSTILE, HOSTILE)])
    assert terminal.getvalue().splitlines() == [
        f"table {[(SHOWN, False, 'name')]} {[[SHOWN]]}",
        f"facts {[(SHOWN, SHOWN)]}",
    ]


def test_a_plugin_writes_nothing_to_pipes(capsys, manager):
    register(manager, Marking)
    write_facts([("label", "text")])
    assert capsys.readouterr().out == "label       text\n"


def test_writers_of_other_distributions_come_first():
    pytest.importorskip("rich")
    manager = PluginManager()
    register(manager, Marking)
    assert [writer.name for writer in manager.terminal_writers()] == ["marking", "rich"]


@pytest.mark.parametrize("value", ["dumb", ""])
def test_terminals_that_know_no_colours_get_plain_text(terminal, manager, monkeypatch, value):
    register(manager, Marking)
    monkeypatch.setenv("TERM", value)
    write_facts([("label", "text")])
    assert terminal.getvalue() == "label       text\n"


def test_terminals_without_a_writer_get_plain_text(terminal, manager):
    class NotInstalled(Marking):
        requires = ("no_such_package",)

    register(manager, NotInstalled)
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
