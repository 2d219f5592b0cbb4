"""Environments from ini files."""

from __future__ import annotations

import configparser
import logging
from importlib.resources import files

import pytest

from pypet import Environment
from pypet.utils.configparsing import ConfigInterpreter, parse_config

BASE = """
[trajectory]
trajectory = 'Demo'
comment = 'from a file'
v_auto_load = True

[environment]
report_progress = False
log_config = None

[storage_service]
storage_service = 'memory'

[parameters]
grid.dx = 0.1, 'step size'
parameters.seed_value = 42
pair = (1, 2), 'a tuple'

[config]
note.author = 'me'
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text=BASE, name="experiment.ini"):
        path = tmp_path / name
        path.write_text(text, encoding="utf8")
        return path

    return write


def made(config, *args, **kwargs):
    with Environment(*args, config=config, **kwargs) as env:
        return env


@pytest.mark.parametrize("kind", [str, lambda path: path, "parser"], ids=["str", "path", "parser"])
def test_sections_become_options_parameters_and_config(write, kind):
    path = write()
    if kind == "parser":
        source = configparser.ConfigParser()
        source.read(path)
    else:
        source = kind(path)
    traj = made(source).traj
    assert traj.v_name == "Demo"
    assert traj.v_comment == "from a file"
    assert traj.v_auto_load
    assert traj.f_get("parameters.grid.dx").f_get() == 0.1
    assert traj.f_get("parameters.grid.dx").v_comment == "step size"
    assert traj.f_get("parameters.seed_value").f_get() == 42
    assert traj.f_get("parameters.pair").f_get() == (1, 2)
    assert traj.f_get("config.note.author").f_get() == "me"


def test_what_python_gives_wins(write):
    path = write(BASE + "\n[formatters]\nkeys=\n")
    env = made(path, "Mine", comment="from Python", auto_load=False, log_config=None)
    assert env.traj.v_name == "Mine"
    assert env.traj.v_comment == "from Python"
    assert not env.traj.v_auto_load


def test_old_spellings_in_a_file_warn_and_lose_against_new_ones(write):
    text = BASE.replace("[environment]", "[environment]\nfreeze_pool_input = True\nuse_pool = True")
    with pytest.warns(DeprecationWarning, match=r"line 8.*freeze_input"):
        env = made(write(text), multiproc=True, wrap_mode="LOCAL")
    assert env.options["freeze_input"] is True
    with pytest.warns(DeprecationWarning, match="freeze_input"):
        env = made(write(text), multiproc=True, wrap_mode="LOCAL", freeze_input=False)
    assert env.options["freeze_input"] is False


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("comment = 'from a file'", "comment = from a file", r"line 4.*no Python literal"),
        ("report_progress = False", "ncores = 'two'", r"line 8.*ncores"),
        ("report_progress = False", "report_progres = False", r"line 8.*'report_progress'"),
        ("[environment]", "[enviroment]", r"line 7.*\[environment\]"),
        ("seed_value = 42", "seed_value = 1, 2, 3", r"line 16.*comment"),
        ("'me'", "'100 %'", r"line 20.*doubled"),
        ("[config]", "[parameters]", "malformed"),
        ("comment = 'from a file'", "comment 'from a file'", "malformed"),
    ],
)
def test_mistakes_are_told_with_file_and_line(write, tmp_path, before, after, message):
    path = write(BASE.replace(before, after))
    with pytest.raises(ValueError, match=message) as caught:
        made(path)
    assert "experiment.ini" in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_cannot_be_read_are_told(tmp_path):
    for source in (tmp_path / "missing.ini", tmp_path):
        with pytest.raises(ValueError, match=str(source)):
            made(source)
    (tmp_path / "latin.ini").write_bytes("[config]\na = 'ü'\n".encode("latin1"))
    with pytest.raises(ValueError, match="UTF-8"):
        made(tmp_path / "latin.ini")
    with pytest.raises((RuntimeError, TypeError), match="config=42"):
        made(42)


LOGGING = """
[loggers]
keys=root

[logger_root]
handlers=mine
level=INFO

[formatters]
keys=plain

[formatter_plain]
format=%(message)s

[handlers]
keys=mine

[handler_mine]
class=FileHandler
args=('my_logs/$traj.txt',)
formatter=plain
"""


def test_logging_is_configured_by_the_same_file(write, tmp_path):
    path = write(BASE.replace("log_config = None\n", "") + LOGGING)
    with Environment(config=path):
        logging.getLogger("some.logger").info("100 % of it")
    assert "100 % of it" in (tmp_path / "my_logs" / "Demo.txt").read_text()


def test_without_logging_sections_logging_is_as_always(write, tmp_path):
    made(write(BASE.replace("log_config = None\n", "")))
    assert list((tmp_path / "logs" / "Demo").rglob("LOG.txt"))


def test_the_packaged_sample_works(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    parser = configparser.ConfigParser()
    parser.read_string(
        files("pypet").joinpath("logging", "env_config_test.ini").read_text().replace("%", "%%")
    )
    with pytest.warns(DeprecationWarning, match="resumable|resume_folder|delete_resume"):
        env = made(parser, filename=str(tmp_path / "mine.hdf5"), log_config=None)
    traj = env.traj
    assert traj.x == 42
    assert traj.f_get("y").v_comment == "this is the second variable"
    assert traj.testconfig
    assert traj.v_auto_load
    assert traj.v_storage_service.filename == str(tmp_path / "mine.hdf5")


@pytest.mark.parametrize("name", ["default", "debug", "test"])
def test_packaged_logging_files_work(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = files("pypet").joinpath("logging", f"{name}.ini")
    with Environment(
        "logged", log_config=str(path), storage_service="memory", report_progress=False
    ):
        logging.getLogger("x").error("said")
    (log,) = tmp_path.rglob("LOG.txt")
    assert "said" in log.read_text()


def test_functions_of_ones_own_take_config_files(write):
    @parse_config
    def function(**kwargs):
        return kwargs

    path = str(write())
    assert function(config=path, comment="mine")["comment"] == "mine"
    assert function(config=path)["trajectory"] == "Demo"
    assert ConfigInterpreter({"a": 1}).interpret() == {"a": 1}
