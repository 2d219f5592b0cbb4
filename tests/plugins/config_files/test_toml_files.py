"""Environments from TOML files."""

from __future__ import annotations

import logging
import math

import pytest

from pypet import Environment
from pypet.interfaces import Option
from pypet.manager import get_manager
from pypet.manager.plugin_manager import refresh
from pypet.markers import hookimpl
from pypet.utils.configparsing import parse_config

BASE = """
[trajectory]
trajectory = "Demo"
v_auto_load = true

[environment]
report_progress = [10, "pypet", 20]

[storage_service]
storage_service = "memory"

[parameters]
Rate = 0.5
names = ["a", "b"]

[parameters.grid]
dx = { value = 0.1, comment = "step size" }
shape.nx = 10

[config]
author = "me"

[logging]
version = 1
root = { level = "INFO", handlers = ["mine"] }
handlers.mine = { class = "logging.FileHandler", filename = "my_logs/$traj.txt" }
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text=BASE):
        path = tmp_path / "experiment.toml"
        path.write_text(text, encoding="utf8")
        return path

    return write


def test_tables_become_options_parameters_and_logging(write, tmp_path):
    with Environment(config=write()) as env:
        logging.getLogger("x").info("said")
    traj = env.traj
    assert traj.v_name == "Demo"
    assert traj.v_auto_load
    assert env.options["report_progress"] == (10, "pypet", 20)
    assert traj.f_get("parameters.Rate").f_get() == 0.5
    assert traj.f_get("parameters.names").f_get() == ["a", "b"]
    assert traj.f_get("parameters.grid.dx").f_get() == 0.1
    assert traj.f_get("parameters.grid.dx").v_comment == "step size"
    assert traj.f_get("parameters.grid.shape.nx").f_get() == 10
    assert traj.f_get("config.author").f_get() == "me"
    assert "said" in (tmp_path / "my_logs" / "Demo.txt").read_text()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("v_auto_load = true", "v_auto_load = True", "malformed.*line 4"),
        ("v_auto_load = true", "ncores = 'two'", r"line 4.*ncores"),
        ("v_auto_load = true", "v_auto_laod = true", r"line 4.*v_auto_load"),
        ("[config]", "[confg]", r"\[config\]"),
        ('comment = "step size"', "unit = 3", "a value and a comment"),
        ("[trajectory]", "ncores = 2\n[trajectory]", "line 2, ncores: is in no table"),
        ("[trajectory]", "[[trajectory]]", "line 2, .*has to be a table"),
        ("[storage_service]", "[environment.caps]\n[storage_service]", "line 9.*'caps'"),
        ("Rate = 0.5", "Rate = 2026-11-25", r"line 13.*does not support datetime.date"),
        ("Rate = 0.5", "Rate = [1, 'a']", r"line 13.*does not support"),
        ("Rate = 0.5", "    'a b' = 1", r"line 13.*characters other"),
        ("Rate = 0.5", "[[parameters.rates]]", r"line 13, \[parameters\] rates"),
        ("root =", "rooot =", r"line 25, \[logging\] rooot.*'root'"),
    ],
)
def test_mistakes_are_told_with_file_and_line(write, tmp_path, before, after, message):
    path = write(BASE.replace(before, after))
    with pytest.raises(ValueError, match=message) as caught:
        Environment(config=str(path))
    assert "experiment.toml" in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("version = 1", "version = 2", "'version': 1"),
        ('level = "INFO"', 'level = "LOUD"', "LOUD"),
        ('["mine"]', '["yours"]', "yours"),
        ("handlers.mine = {", "handlers.mine = 3 #", "dictionary for 'handlers: mine'"),
        ("root = {", "root = 3 #", "dictionary for 'root'"),
    ],
)
def test_faults_of_logging_are_told_before_anything_is_made(
    write, tmp_path, before, after, message
):
    path = write(BASE.replace(before, after))
    with pytest.raises(ValueError, match=message) as caught:
        Environment(config=str(path))
    assert "experiment.toml, line 23, [logging]" in caught.value.__notes__[0]
    assert list(tmp_path.iterdir()) == [path]


def test_lists_become_what_an_option_takes(write):
    pytest.importorskip("psutil")
    text = BASE.replace(
        "[storage_service]",
        "memory_cap = [90.0, 500.0]\nlog_stdout = ['out', 30]\n[storage_service]",
    )
    with Environment(config=write(text), multiproc=False, log_config=None) as env:
        assert env.options["memory_cap"] == (90.0, 500.0)
        assert env.options["log_stdout"] == ("out", 30)


def test_lists_become_what_options_of_plugins_take(write):
    class Colours:
        @hookimpl
        def pypet_register_options(self):
            return [
                Option("colours", (), types=(tuple,)),
                Option("shades", frozenset(), types=(frozenset,)),
                Option("hues", (), types=(set, list)),
            ]

    lines = "colours = ['red']\nshades = ['pale']\nhues = [1, 1]\n"
    get_manager().register(Colours(), "colours")
    try:
        text = BASE.replace("[storage_service]", f"{lines}[storage_service]")
        with Environment(config=write(text), multiproc=False, log_config=None) as env:
            assert env.options["colours"] == ("red",)
            assert env.options["shades"] == frozenset({"pale"})
            assert env.options["hues"] == {1}
        with pytest.raises(ValueError, match=r"line 11, \[environment\] hues: .*unhashable"):
            Environment(config=write(text.replace("[1, 1]", "[[1]]")))
    finally:
        refresh()


def test_numbers_that_ini_files_cannot_say(write):
    text = BASE.replace(
        "Rate = 0.5", "rate = inf\nlow = -inf\nnone = nan\nhuge = 0x1_0000_0000_0000_0000"
    )
    with Environment(config=write(text)) as env:
        assert (env.traj.rate, env.traj.low) == (math.inf, -math.inf)
        assert math.isnan(env.traj.f_get("parameters.none").f_get())
        assert env.traj.huge == 2**64


@parse_config
def _keywords(**kwargs):
    return kwargs


def test_functions_of_ones_own_take_toml_files(write):
    read = _keywords(config=write(), trajectory="mine")
    assert read["trajectory"] == "mine"
    assert read["report_progress"] == (10, "pypet", 20)
    assert read["log_config"]["version"] == 1
