"""Arguments of the commands for experiments; what they do is tested with their plugin."""

from __future__ import annotations

import pytest

from pypet.cli.app import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["status"], "the following arguments are required: path"),
        (["status", "--watch", "resume"], "a path stands before --watch"),
        (["status", "resume", "--watch", "0"], "is not between 0.05 and 86400 seconds"),
        (["status", "resume", "--watch", "nan"], "is not between 0.05 and 86400 seconds"),
        (["resume", "resume", "--ncores", "0"], "not a number of at least 1"),
        (["resume", "resume", "--ncores", "two"], "not a number of at least 1"),
        (["verify"], "the following arguments are required: path"),
        (["repair", "a.hdf5", "b.hdf5"], "unrecognized arguments: b.hdf5"),
    ],
)
def test_wrong_arguments_are_told_with_the_usage_of_the_command(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert output.err.startswith(f"usage: pypet {arguments[0]} ")
    assert message in output.err


@pytest.mark.parametrize("command", ["status", "resume", "verify", "repair"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: pypet {command} " in capsys.readouterr().out
