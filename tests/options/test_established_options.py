"""The table of established options: names, order and defaults are a contract."""

from __future__ import annotations

import configparser
import logging

import numpy as np
import pytest

from pypet.interfaces import Option
from pypet.manager.optional_features import OPTIONAL_FEATURES
from pypet.options import ESTABLISHED, POSITIONAL_COUNT, established

POSITIONAL = {
    "trajectory": "trajectory",
    "add_time": False,
    "comment": "",
    "dynamic_imports": None,
    "wildcard_functions": None,
    "automatic_storing": True,
    "log_config": "DEFAULT",
    "log_stdout": False,
    "report_progress": (5, "pypet", logging.INFO),
    "multiproc": False,
    "ncores": 1,
    "use_scoop": False,
    "use_pool": False,
    "freeze_input": False,
    "timeout": None,
    "cpu_cap": 100.0,
    "memory_cap": 100.0,
    "swap_cap": 100.0,
    "niceness": None,
    "wrap_mode": "LOCK",
    "queue_maxsize": -1,
    "port": None,
    "gc_interval": None,
    "clean_up_runs": True,
    "immediate_postproc": False,
    "resumable": False,
    "resume_folder": None,
    "delete_resume": True,
    "storage_service": "hdf5",
    "git_repository": None,
    "git_message": "",
    "git_fail": False,
    "sumatra_project": None,
    "sumatra_reason": "",
    "sumatra_label": None,
    "do_single_runs": True,
    "graceful_exit": False,
    "lazy_debug": False,
}

STORAGE = {
    "filename": None,
    "file_title": None,
    "overwrite_file": False,
    "encoding": "utf8",
    "complevel": 9,
    "complib": "zlib",
    "shuffle": True,
    "fletcher32": False,
    "pandas_format": "fixed",
    "purge_duplicate_comments": True,
    "summary_tables": True,
    "small_overview_tables": True,
    "large_overview_tables": False,
    "results_per_run": 0,
    "derived_parameters_per_run": 0,
    "display_time": 20,
}

ADDED = {
    "scheduler": None,
    "start_method": None,
    "on_error": None,
    "on_existing": None,
    "seed": None,
    "unpickle": "trust",
    "git_commit": True,
    "record_environment": True,
    "commit_interval": 0.2,
    "dask_address": None,
    "disable_plugins": (),
}


def test_positions_names_and_defaults_are_the_established_ones():
    assert POSITIONAL_COUNT == 38
    table = {name: option.default for name, option in ESTABLISHED.items()}
    assert list(table.items())[:38] == list(POSITIONAL.items())


def test_keyword_only_options_have_their_defaults():
    for name, default in (STORAGE | ADDED).items():
        assert ESTABLISHED[name].default == default
        assert list(ESTABLISHED).index(name) >= POSITIONAL_COUNT


def test_every_option_is_documented_and_belongs_to_a_family():
    for name, option in ESTABLISHED.items():
        assert option.name == name
        assert option.help.endswith(".")
        assert option.family


def test_every_family_of_plugins_has_an_option():
    assert set(OPTIONAL_FEATURES) <= {option.family for option in ESTABLISHED.values()}


def test_every_default_passes_its_own_check():
    for option in ESTABLISHED.values():
        option.validate(option.default)


def test_plugins_take_their_declarations_from_the_table():
    assert established("git_fail", "seed") == (ESTABLISHED["git_fail"], ESTABLISHED["seed"])
    with pytest.raises(KeyError):
        established("nothing")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("multiproc", 1),
        ("multiproc", np.bool_(True)),
        ("ncores", np.int64(4)),
        ("ncores", 0),
        ("cpu_cap", 70),
        ("cpu_cap", np.float32(0.5)),
        ("memory_cap", (50.0, 1000)),
        ("memory_cap", 1),
        ("port", 7777),
        ("port", (7777, 9999)),
        ("port", "tcp://127.0.0.1:7777"),
        ("wrap_mode", None),
        ("sumatra_label", "label"),
        ("config", "x.ini"),
        ("config", configparser.ConfigParser()),
        ("start_method", "spawn"),
        ("on_error", "continue"),
        ("on_error", "retry:3"),
        ("seed", 0),
        ("commit_interval", 0),
        ("unpickle", "never"),
        ("disable_plugins", ["git"]),
        ("disable_plugins", "git,sumatra"),
        ("complevel", "whatever the service takes"),
        ("resume_folder", None),
    ],
)
def test_good_values_pass(name, value):
    ESTABLISHED[name].validate(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("multiproc", "False"),
        ("ncores", -1),
        ("cpu_cap", 0),
        ("cpu_cap", 100.1),
        ("swap_cap", -3.0),
        ("memory_cap", 0.0),
        ("memory_cap", (101.0, 5.0)),
        ("memory_cap", (50.0, -5.0)),
        ("memory_cap", (50.0,)),
        ("memory_cap", ("much", 5.0)),
        ("port", (9999, 7777)),
        ("sumatra_label", "a.b"),
        ("start_method", "teleport"),
        ("on_error", "ignore"),
        ("on_error", "retry:0"),
        ("on_error", "retry:"),
        ("on_error", "retry:-1"),
        ("seed", -1),
        ("commit_interval", -0.1),
        ("unpickle", "maybe"),
        ("disable_plugins", 3),
        ("disable_plugins", [3]),
    ],
)
def test_bad_values_name_the_option_and_the_value(name, value):
    with pytest.raises(ValueError) as caught:
        ESTABLISHED[name].validate(value)
    shown = value[0] if name == "memory_cap" and value == (101.0, 5.0) else value
    assert f"{name}={shown!r}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ncores", "4"),
        ("memory_cap", [50.0, 5.0]),
        ("wildcard_functions", 3),
        ("port", 1.5),
        ("comment", 5),
        ("log_stdout", 1.5),
        ("report_progress", {}),
    ],
)
def test_values_of_a_wrong_type_are_type_errors(name, value):
    with pytest.raises(TypeError, match=name):
        ESTABLISHED[name].validate(value)


def test_accepted_types_are_called_what_users_call_them():
    with pytest.raises(TypeError, match="'memory_cap' takes float or tuple, not '4' \\(str\\)"):
        ESTABLISHED["memory_cap"].validate("4")


def test_a_config_that_is_neither_path_nor_parser_is_a_runtime_error():
    with pytest.raises(RuntimeError, match="config=3"):
        ESTABLISHED["config"].validate(3)


@pytest.mark.parametrize(
    ("types", "given", "expected"),
    [
        ((int, tuple), [1, 2], (1, 2)),
        ((set,), [1, 2], {1, 2}),
        ((frozenset, str), ["a"], frozenset("a")),
        ((list, tuple), [1], [1]),
        ((tuple, list), [1], (1,)),
        ((), [1], [1]),
        ((str,), [1], [1]),
        ((tuple,), "text", "text"),
    ],
)
def test_lists_become_the_kind_of_sequence_that_an_option_takes(types, given, expected):
    made = Option("sizes", types=types).from_list(given)
    assert (made, type(made)) == (expected, type(expected))
