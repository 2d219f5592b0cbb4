"""What holds for each of pypet's own commands."""

from __future__ import annotations

import pytest

from pypet.cli.app import main
from pypet.cli.completion import complete
from pypet.manager import get_manager

COMMANDS = sorted(
    command.name
    for command in get_manager().commands()
    if get_manager().registered(command).entry.builtin
)


def test_all_commands_are_here():
    assert {"ls", "show", "table", "diff", "export", "import", "completion"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_writes_json_if_asked_to(name):
    assert complete(["pypet", name, "--js"], 2).words == ("--json",)


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_options_are_wrong_usage(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--nonsense"])
    assert end.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert f"usage: pypet {name}" in output.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert f"usage: pypet {name}" in capsys.readouterr().out
