"""The ``pypet`` command: sub-commands come from plugins, expected errors are one line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pypet import __version__
from pypet.__main__ import main
from pypet.errors import StorageFormatError
from pypet.interfaces import Command
from pypet.manager import PluginManager
from pypet.markers import hookimpl
from tests.processes import run_python


@pytest.fixture
def with_commands(monkeypatch):
    """Return a function that lets the command line see only these commands."""

    def use(*commands: Command) -> PluginManager:
        class Plugin:
            @hookimpl
            def pypet_register_commands(self):
                return list(commands)

        manager = PluginManager(entries=())
        manager.register(Plugin(), "commands")
        monkeypatch.setattr("pypet.cli.app.get_manager", lambda: manager)
        return manager

    return use


def raising(error):
    def run(arguments):
        raise error

    return Command("break", "Raise an error.", run)


def test_the_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"pypet {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_lists_the_commands(arguments, with_commands, capsys):
    with_commands(Command("paint", "Paint the bike shed.", lambda arguments: 0))
    try:
        status = main(arguments)
    except SystemExit as finished:
        status = finished.code
    assert status == 0
    assert "paint" in (text := capsys.readouterr().out)
    assert "Paint the bike shed." in text


def test_a_command_gets_its_arguments_and_gives_the_status(with_commands):
    seen = []

    def run(arguments):
        seen.append(arguments.colour)
        return 7

    def add_arguments(parser):
        parser.add_argument("--colour")

    with_commands(Command("paint", "Paint.", run, add_arguments))
    assert main(["paint", "--colour", "red"]) == 7
    assert seen == ["red"]


@pytest.mark.parametrize(
    "error", [StorageFormatError("damaged\nfile"), FileNotFoundError("damaged file")]
)
def test_expected_errors_are_one_line_on_stderr(error, with_commands, capsys):
    with_commands(raising(error))
    assert main(["break"]) == 1
    output = capsys.readouterr()
    assert output.err == "pypet: error: damaged file\n"
    assert output.out == ""


def test_errors_do_not_command_the_terminal(with_commands, capsys):
    with_commands(raising(StorageFormatError("damaged \x1b]0;title\x07 \u202efile")))
    assert main(["break"]) == 1
    assert capsys.readouterr().err == "pypet: error: damaged \\x1b]0;title\\x07 \\u202efile\n"


def test_log_and_warnings_do_not_command_the_terminal(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import logging, sys, warnings\n"
        "from pypet.cli import messages\n"
        "with messages.messages_on_stderr():\n"
        "    logging.getLogger('pypet.x').warning('a %s', '\\x1b[2J')\n"
        "    logging.getLogger('pypet.x').info('nothing')\n"
        "    logging.getLogger('pypet.manager').warning('no plugin')\n"
        "    warnings.warn('b \\x1b[2J')\n"
        "logging.getLogger('pypet.x').warning('after')\n"
    )
    done = run_python(script, check=True)
    assert done.stderr.splitlines() == ["a \\x1b[2J", "UserWarning: b \\x1b[2J", "after"]


def test_an_error_is_not_told_again_by_the_log(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import logging\n"
        "from pypet.cli import messages\n"
        "log = logging.getLogger('pypet.x')\n"
        "try:\n"
        "    with messages.messages_on_stderr():\n"
        "        try:\n"
        "            1 / 0\n"
        "        except ZeroDivisionError as err:\n"
        "            log.error('told', exc_info=err)\n"
        "            log.error('other', exc_info=KeyError('x'))\n"
        "            raise OSError from err\n"
        "except OSError:\n"
        "    pass\n"
    )
    done = run_python(script, check=True)
    assert done.stderr.splitlines() == ["other", "KeyError: 'x'"]


def test_bugs_show_their_traceback(with_commands):
    with_commands(raising(ZeroDivisionError("bug")))
    with pytest.raises(ZeroDivisionError):
        main(["break"])


def test_an_interruption_has_the_status_of_a_signal(with_commands, capsys):
    with_commands(raising(KeyboardInterrupt()))
    assert main(["break"]) == 130
    assert capsys.readouterr().err == "pypet: interrupted\n"


def test_an_unknown_command_names_the_nearest(capsys):
    assert main(["plugin"]) == 1
    error = capsys.readouterr().err
    assert "No command named 'plugin'." in error
    assert "Did you mean 'plugins'?" in error


def test_wrong_arguments_have_status_2(with_commands, capsys):
    with_commands(Command("paint", "Paint.", lambda arguments: 0))
    with pytest.raises(SystemExit) as caught:
        main(["paint", "--nonsense"])
    assert caught.value.code == 2
    assert "--nonsense" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_crash():
    script = (
        "import os, sys; from pypet.__main__ import main; reader, writer = os.pipe();"
        "os.close(reader); os.dup2(writer, 1); sys.exit(main(['plugins']))"
    )
    done = run_python("-c", script)
    assert done.returncode == 1
    assert done.stderr == ""


def test_the_module_is_the_same_command():
    done = run_python("-m", "pypet", "plugins", "--json", check=True)
    rows = json.loads(done.stdout)
    assert {"family": "storage", "name": "lazy", "plugin": "lazy"}.items() <= next(
        row for row in rows if row["name"] == "lazy"
    ).items()
    assert done.stderr == ""


def test_wrong_arguments_are_told_with_the_usage_of_the_command(with_commands, capsys):
    def add_arguments(parser):
        parser.add_argument("colour")

    with_commands(Command("paint", "Paint.", lambda arguments: 0, add_arguments))
    with pytest.raises(SystemExit) as caught:
        main(["paint", "red", "twice"])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("usage: pypet paint [-h] colour\n")
    assert error.endswith("pypet paint: error: unrecognized arguments: twice\n")


CLOSING = """
import os, sys
from pypet.manager import get_manager
get_manager()
sys.stdin = sys.stdout = sys.stderr = None  # as Python has them if they were closed before
for descriptor in {closed}:
    os.close(descriptor)
from pypet.__main__ import main
status = main({arguments})
assert os.fstat({closed}[-1]).st_rdev == os.stat(os.devnull).st_rdev
os._exit(status)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors are another matter there")
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize(("arguments", "status"), [(["plugins"], 0), (["plugin"], 1)])
def test_streams_may_be_closed(closed, arguments, status):
    script = CLOSING.format(closed=closed, arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=100, check=False
    )
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
