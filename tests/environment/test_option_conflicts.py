"""Options that do not go together are told when the environment is made, with a way out."""

from __future__ import annotations

import configparser
import os
import sys

import pytest

from pypet import Environment, MultiprocContext, Trajectory
from pypet.errors import MissingDependencyError
from pypet.manager import plugin_manager, refresh

PARALLEL = {"multiproc": True, "storage_service": "hdf5"}


@pytest.fixture
def without(monkeypatch):
    """A function that lets an entry point look as if it were not installed."""

    def hide(name):
        found = [each for each in plugin_manager.discover() if each.name.lower() != name]
        monkeypatch.setattr(plugin_manager, "discover", lambda: found)
        refresh()

    yield hide
    monkeypatch.undo()
    refresh()


@pytest.fixture
def _no_psutil(monkeypatch):
    """Let psutil look as if it were not installed."""
    monkeypatch.setitem(sys.modules, "psutil", None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sumatra_label": "a.b"}, ["sumatra_label", "dot"]),
        ({"immediate_postproc": True, "use_pool": True}, ["immediate_postproc", "use_pool"]),
        ({"use_pool": True, "multiproc": True, "immediate_postproc": True}, ["immediate_postproc"]),
        ({"scheduler": "pool", "immediate_postproc": True}, ["immediate_postproc", "use_pool"]),
        ({"freeze_input": True}, ["freeze_input", "use_pool=True"]),
        ({"freeze_input": True, "multiproc": True}, ["freeze_input", "use_pool=True"]),
        ({"cpu_cap": 0.0}, ["cpu_cap", "0"]),
        ({"cpu_cap": 100.1}, ["cpu_cap", "100"]),
        ({"memory_cap": -1.0}, ["memory_cap", "-1"]),
        ({"memory_cap": (101.0, 5.0)}, ["memory_cap", "101"]),
        ({"swap_cap": 0}, ["swap_cap", "0"]),
        ({"port": 7777}, ["port=7777", "leave it out"]),
        ({"port": 7777, "wrap_mode": "LOCK", **PARALLEL}, ["port=7777", "leave it out"]),
        ({"log_config": None, "log_folder": "logs"}, ["log_config", "log_folder"]),
        ({"log_config": "DEFAULT.ini", "log_level": 10}, ["log_config", "log_level"]),
        ({"log_config": "nowhere.ini"}, ["nowhere.ini"]),
        ({"ncores": -1}, ["ncores", "-1"]),
        ({"trajectory": "a.b"}, ["a.b"]),
        ({"trajectory": "ä ö"}, ["ä ö"]),
        ({"wrap_mode": "QUEU"}, ["QUEU"]),
        ({"multiprc": True}, ["multiprc", "multiproc"]),
        (
            {
                "storage_service": "hdf5",
                "purge_duplicate_comments": True,
                "summary_tables": False,
            },
            ["purge_duplicate_comments", "summary_tables"],
        ),
        (
            {"start_method": "spawn", "wrap_mode": "PIPE", **PARALLEL},
            ["PIPE", "for example wrap_mode="],
        ),
        ({"multiproc": True, "scheduler": "serial"}, ["scheduler", "leave the flags out"]),
        ({"multiproc": True, "use_pool": True, "scheduler": "process"}, ["scheduler", "use_pool"]),
    ],
)
def test_the_message_says_what_is_wrong_and_what_to_do(make_env, tmp_path, options, words):
    with pytest.raises(ValueError) as caught:
        make_env(**options)
    text = str(caught.value)
    assert [word for word in words if word not in text] == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"use_pool": True, "use_scoop": True},
        {"use_scoop": True, "multiproc": True},
        {"use_scoop": True, "wrap_mode": "QUEUE"},
        {"use_scoop": True, "graceful_exit": True},
        {"immediate_postproc": True, "use_scoop": True},
        {"resumable": True, "automatic_storing": False},
    ],
)
def test_what_is_wrong_also_without_multiproc_is_told(make_env, options):
    with pytest.raises(ValueError):
        make_env(**options)


@pytest.mark.usefixtures("_no_psutil")
@pytest.mark.parametrize(
    "options",
    [
        {"cpu_cap": 99.0},
        {"memory_cap": 99.0},
        {"memory_cap": (99.0, 5.0)},
        {"swap_cap": 99.0},
        {"ncores": 0},
    ],
)
def test_what_needs_psutil_names_the_extra(make_env, options):
    with pytest.raises(ValueError, match=r"psutil.*pypet\[monitor\]"):
        make_env(**options)


@pytest.mark.usefixtures("_no_psutil")
def test_niceness_needs_psutil_where_the_platform_has_no_nice(make_env, monkeypatch):
    monkeypatch.delattr(os, "nice", raising=False)
    with pytest.raises(ValueError, match="psutil"):
        make_env(niceness=3, **PARALLEL)


@pytest.mark.parametrize(
    ("option", "value"),
    [("git_repository", "."), ("sumatra_project", "."), ("resumable", True), ("use_scoop", True)],
)
def test_features_of_plugins_that_are_absent_tell_what_to_install(make_env, option, value):
    with pytest.raises(ValueError, match=rf"{option}.* needs"):
        make_env(disable_plugins=("git", "sumatra", "resume", "scoop"), **{option: value})


@pytest.mark.parametrize("mode", ["NETLOCK", "NETQUEUE"])
def test_network_modes_that_are_switched_off_are_told_by_name(make_env, mode):
    with pytest.raises(ValueError, match=mode):
        make_env(wrap_mode=mode, disable_plugins=("netlock", "netqueue"), **PARALLEL)


@pytest.mark.parametrize("options", [PARALLEL, {"port": 7777}], ids=["parallel", "port"])
def test_an_established_wrap_mode_that_is_not_installed_is_no_misspelled_one(
    make_env, without, options
):
    without("netlock")
    without("netqueue")
    with pytest.raises(MissingDependencyError) as caught:
        make_env(**{**options, "wrap_mode": "netlock"})
    message = str(caught.value)
    assert message.startswith("wrap_mode='netlock' needs a plugin for storing over a network")
    assert "not part of this version of pypet" in message
    assert "pip install" not in message  # the extra brings no plugin
    assert "Did you mean" not in message


def test_a_multiproc_context_tells_of_such_a_mode_like_an_environment(without):
    without("netlock")
    without("netqueue")
    context = MultiprocContext(Trajectory("own", storage_service="memory"), "NETLOCK")
    with pytest.raises(MissingDependencyError, match=r"'NETLOCK' needs .* not part of"):
        context.start()


def test_a_scheduler_that_is_not_installed_is_told_like_its_flag(make_env, without):
    without("scoop")
    messages = []
    for options in ({"scheduler": "scoop"}, {"use_scoop": True}):
        with pytest.raises(MissingDependencyError) as caught:
            make_env(**options)
        messages.append(str(caught.value).partition(" needs ")[2])
    assert messages[0] == messages[1]
    assert "not part of this version of pypet" in messages[0]


def test_a_config_that_is_neither_path_nor_parser_is_a_runtime_error(make_env):
    with pytest.raises(RuntimeError, match="config"):
        make_env(config=3)


def test_a_config_that_does_not_exist_is_told(make_env):
    with pytest.raises(ValueError, match=r"nowhere\.ini|config"):
        make_env(config="nowhere.ini")


@pytest.mark.parametrize(
    "options",
    [
        {"cpu_cap": 100.0, "use_pool": True},
        {"queue_maxsize": 5, "wrap_mode": "LOCAL"},
        {"timeout": 5.0},
        {"gc_interval": 3},
        {"niceness": 1},
    ],
)
def test_options_without_effect_do_no_harm(make_env, options):
    assert make_env(multiproc=False, **options).run(lambda traj: traj.v_idx) == [(0, 0)]


def test_no_parser_is_changed_by_an_environment(tmp_path):
    parser = configparser.ConfigParser()
    parser.read_dict({"loggers": {"keys": "root"}, "logger_root": {"handlers": ""}})
    before = {section: dict(parser[section]) for section in parser}
    with pytest.raises(ValueError):
        Environment("test", storage_service="memory", log_config=parser, log_folder="logs")
    assert {section: dict(parser[section]) for section in parser} == before
