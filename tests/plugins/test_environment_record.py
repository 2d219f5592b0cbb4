"""What an experiment was executed with is kept with it."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
import zipfile
from importlib.metadata import version

import pytest

from pypet import Environment, load_trajectory
from pypet.plugins.environment_record import distributions


def experiment(trajectory="test", **options):
    env = Environment(
        trajectory, storage_service="memory", log_config=None, report_progress=False, **options
    )
    env.run(lambda traj: None)
    return env


def record(env):
    group = env.traj.f_get(f"config.environment.{env.name}.record", shortcuts=False)
    return {leaf.v_name: leaf.f_get() for leaf in group.f_iter_leaves()}


def test_interpreter_packages_and_command_line_are_recorded(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    found = record(experiment())
    assert sys.version in found["python"]
    assert sys.orig_argv[0] in found["command_line"]
    assert f"numpy=={version('numpy')}" in found["distributions"].splitlines()
    assert set(found) == {
        "python",
        "executable",
        "platform",
        "host",
        "command_line",
        "working_directory",
        "distributions",
    }


def test_each_environment_has_one_record():
    first = experiment()
    first.run(lambda traj: None)
    second = Environment(first.traj, log_config=None, report_progress=False)
    second.run(lambda traj: None)
    assert record(first) == record(second)
    assert first.name != second.name


@pytest.mark.parametrize(
    "options", [{"record_environment": False}, {"disable_plugins": "environment_record"}], ids=str
)
def test_the_record_can_be_switched_off(options):
    env = experiment(**options)
    assert not env.traj.f_contains(f"config.environment.{env.name}.record", shortcuts=False)


def test_the_first_of_several_versions_on_the_path_counts(tmp_path):
    for folder, name in (
        ("first", "some_package-1.0.dist-info"),
        ("first", "broken.dist-info"),
        ("second", "Some_Package-2.0.dist-info"),
        ("second", "old-3.1-py3.11.egg-info"),
        ("second", "no_metadata-1.0"),
    ):
        (tmp_path / folder / name).mkdir(parents=True)
    path = tuple(str(tmp_path / name) for name in ("first", "missing", "second"))
    assert distributions(path) == (("broken", ""), ("old", "3.1"), ("some_package", "1.0"))


SCRIPT = """
import os, sys
from pypet import Environment
if "--leave" in sys.argv:
    os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone")
storage = dict(filename=sys.argv[1]) if sys.argv[1] != "memory" else dict(storage_service="memory")
with Environment("test", log_config=None, report_progress=False, **storage) as env:
    env.run(lambda traj: None)
record = env.traj.f_get(f"config.environment.{env.name}.record", shortcuts=False)
print(ascii(record.command_line))
print(ascii(record.working_directory))
"""


def start(how, *arguments, cwd):
    command = [os.fsencode(part) for part in (sys.executable, *how, *arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr.decode()
    command_line, folder = map(ast.literal_eval, done.stdout.decode().splitlines())
    return shlex.split(command_line)[1:], folder


@pytest.mark.parametrize(
    "how", [("experiment.py",), ("-m", "experiment"), ("-c", SCRIPT)], ids=["script", "-m", "-c"]
)
def test_the_command_line_is_that_of_the_shell(tmp_path, how):
    (tmp_path / "experiment.py").write_text(SCRIPT)
    arguments = ("memory", "--rate", "a b", "größer")
    assert start(how, *arguments, cwd=tmp_path) == ([*how, *arguments], str(tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="arguments are text there, and a folder in use stays")
def test_bytes_that_are_no_text_and_a_removed_folder_cost_no_data(tmp_path):
    pytest.importorskip("h5py")
    file = tmp_path / "data.hdf5"
    how = ("-c", SCRIPT)
    arguments, folder = start(how, str(file), "--leave", b"\xff", cwd=tmp_path)
    assert arguments[-1] == "\\udcff"
    assert folder == ""
    loaded = load_trajectory("test", filename=str(file), load_parameters=2)
    assert "command_line" in [leaf.v_name for leaf in loaded.config.f_iter_leaves()]


def test_a_notebook_is_named(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/sweep.ipynb")
    assert record(experiment())["notebook"] == "/home/me/sweep.ipynb"


def test_archives_on_the_path_have_no_distributions(tmp_path):
    with zipfile.ZipFile(tmp_path / "frozen.zip", "w") as archive:
        archive.writestr("module.py", "")
    assert distributions((str(tmp_path / "frozen.zip"),)) == ()
