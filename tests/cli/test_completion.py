"""Completion of command lines in shells."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
import threading

import pytest

from pypet import Trajectory
from pypet.cli.app import main
from pypet.cli.completion import complete
from pypet.interfaces import Command
from pypet.manager import PluginManager
from pypet.markers import hookimpl

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    for name in ("first", "forth"):
        traj = Trajectory(name, filename="data.hdf5", add_time=False)
        traj.f_add_parameter("neuron.gain", 1)
        traj.f_explore({"gain": [1, 2]})
        traj.f_add_result("neat", 1)
        traj.f_store()
    return tmp_path


def words(line):
    """Return the candidates for the last word of a line."""
    typed = line.split(" ")
    return list(complete(typed, len(typed) - 1).words)


def test_commands_and_options_are_completed():
    assert words("pypet sho") == ["show"]
    assert {"ls", "show", "table", "diff", "--help"} <= set(words("pypet "))
    assert words("pypet table --wh") == ["--where"]
    assert "--candidates" not in words("pypet completion --")
    assert words("pypet completion ") == ["bash", "zsh", "fish"]


def test_files_are_left_to_the_shell():
    for line in ("pypet show ", "pypet export data.hdf5 first --to ", "pypet ls "):
        typed = line.split(" ")
        assert complete(typed, len(typed) - 1) == ((), True)


def test_names_in_files_are_completed(folder):
    assert words("pypet show data.hdf5 f") == ["first", "forth"]
    assert words("pypet table data.hdf5 --sort x fi") == ["first"]
    assert words("pypet table data.hdf5 first --sort neu") == ["neuron.gain"]
    assert words("pypet table data.hdf5 first --columns run,neu") == ["run,neuron.gain"]
    assert words("pypet show data.hdf5 first ") == ["config", "parameters", "results"]
    assert words("pypet show data.hdf5 first parameters.neuron.") == ["parameters.neuron.gain"]
    assert words("pypet show data.hdf5 first results.ne") == ["results.neat"]


def test_nothing_is_offered_where_nothing_is_known(folder):
    assert words("pypet table data.hdf5 --where ") == []
    assert words("pypet show data.hdf5 first results.neat more ") == []


def test_names_that_mean_something_to_a_shell_are_not_offered(folder):
    h5py = pytest.importorskip("h5py")
    with h5py.File("data.hdf5", "r+") as file:
        file.copy("first", "f;rm -rf $HOME")
        file.copy("first", "f\nword\tx")
    assert words("pypet show data.hdf5 f") == ["first", "forth"]


def test_commands_of_other_plugins_are_completed(monkeypatch):
    def add_arguments(parser):
        parser.add_argument("colour", choices=["red", "green"])
        parser.add_argument("--brush")

    class Plugin:
        @hookimpl
        def pypet_register_commands(self):
            return [Command("paint", "Paint.", lambda arguments: 0, add_arguments)]

    manager = PluginManager(entries=())
    manager.register(Plugin(), "paint")
    monkeypatch.setattr("pypet.cli.completion.get_manager", lambda: manager)
    assert words("pypet p") == ["paint"]
    assert words("pypet paint g") == ["green"]
    assert words("pypet paint --b") == ["--brush"]
    assert words("pypet paint --brush ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_for_each_shell(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "pypet completion" in script
    assert "--candidates " in script
    assert main(["completion", shell, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["script"] == script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script.encode(), check=True, timeout=30)


@pytest.mark.parametrize("arguments", [[], ["tcsh"]])
def test_an_unknown_shell_is_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(["completion", *arguments])
    assert end.value.code == 2
    assert "bash" in capsys.readouterr().err


def test_candidates_are_lines_of_kind_and_value(folder, capsys):
    assert main(["completion", "--candidates", "3", "pypet", "show", "data.hdf5", "fi"]) == 0
    assert capsys.readouterr().out == "word\tfirst\n"
    assert main(["completion", "--candidates", "2", "pypet", "show", "--js"]) == 0
    assert capsys.readouterr().out == "word\t--json\n"
    assert main(["completion", "--candidates", "2", "pypet", "show"]) == 0
    assert capsys.readouterr().out == "file\t\n"


@pytest.mark.parametrize("typed", ["'data.hdf5'", '"data.hdf5"', r"data\.hdf5", "data.hdf5"])
def test_words_as_typed_have_their_quotes_removed(folder, capsys, typed):
    words = ["--quoted", "--candidates", "3", "pypet", "show", typed, "fi"]
    assert main(["completion", *words]) == 0
    assert capsys.readouterr().out == "word\tfirst\n"


# ----- in the shells -----------------------------------------------------------------------------

PROGRAM = """\
#!/bin/sh
[ "$1" = completion ] && exec {python} -m pypet "$@"
printf '%s\\n' "$*" >> called
"""
SHELL_SECONDS = 240


def shell(name):
    """Return the mark of a test that needs a shell."""
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"there is no {name}")


@pytest.fixture
def program(folder, monkeypatch):
    """A program ``pypet`` in the path that completes, and otherwise notes its arguments."""
    program = folder / "bin" / "pypet"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    monkeypatch.setenv("HOME", str(folder))
    (folder / "data.hdf5").rename(folder / "the data.hdf5")
    return program


@shell("bash")
def test_bash_completes_with_the_script(program, folder):
    script = (
        f'eval "$(pypet completion bash)"\nCOMP_WORDS=({program} show "the\\ data.hdf5" f)\n'
        'COMP_CWORD=3\n_pypet_completion\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "--norc"],
        input=script,
        capture_output=True,
        text=True,
        timeout=SHELL_SECONDS,
        check=True,
    )
    assert done.stdout.split() == ["first", "forth"]


TYPED = [
    ("sho", "show"),
    ("show the", "show the data.hdf5"),
    ("show 'the data.hdf5' fi", "show the data.hdf5 first"),
    (
        r"table the\ data.hdf5 forth --columns run,neu",
        "table the data.hdf5 forth --columns run,neuron.gain",
    ),
    ("table --wh", "table --where"),
]
"""What is typed before the tabulator, and the arguments of the program then."""


@shell("zsh")
def test_zsh_completes_with_the_script(program, folder):
    (folder / ".zshrc").write_text(
        'autoload -Uz compinit\ncompinit -u\neval "$(pypet completion zsh)"\n'
    )
    lines = "".join(f"pypet {typed}\t\n" for typed, _ in TYPED)
    talk_to(["zsh", "-i"], f"{lines}exit\n", folder)
    called = (folder / "called").read_text().splitlines()
    assert called == [arguments for _, arguments in TYPED]


@shell("fish")
def test_fish_completes_with_the_script(program, folder):
    lines = ["pypet completion fish | source"]
    for typed, _ in TYPED:
        quoted = typed.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"complete -C 'pypet {quoted}'")
    done = subprocess.run(
        ["fish", "--no-config", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        timeout=SHELL_SECONDS,
        check=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "show",
        "the data.hdf5",
        "first",
        "run,neuron.gain",
        "--where",
    ]


def talk_to(arguments, typed, folder):
    """Execute an interactive shell in a terminal of its own, into which a text is typed."""
    main_end, shell_end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "ZDOTDIR": str(folder), "PS1": "$ "}
    with subprocess.Popen(
        arguments,
        stdin=shell_end,
        stdout=shell_end,
        stderr=shell_end,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(shell_end)
        os.write(main_end, typed.encode())
        shown = threading.Thread(target=drain, args=(main_end,))
        shown.start()
        try:
            process.wait(timeout=SHELL_SECONDS)
        finally:
            process.kill()
            shown.join(timeout=SHELL_SECONDS)
            os.close(main_end)
    assert process.returncode == 0


def drain(descriptor):
    """Read what is shown until the shell has gone, so that it does not wait for that."""
    with contextlib.suppress(OSError):  # the end of a terminal
        while os.read(descriptor, 4096):
            pass
