"""Configurations from a few keywords."""

from __future__ import annotations

import logging

import pytest

from pypet.errors import OptionWarning
from tests.plugins.logging.log_files import CONTEXT, files, read


def test_folder_names_and_levels(make):
    make(
        log_folder="elsewhere", logger_names=("one", "two"), log_levels=(logging.ERROR, "INFO")
    ).start(CONTEXT)
    logging.getLogger("one").info("no")
    logging.getLogger("one").error("yes 1")
    logging.getLogger("two").info("yes 2")
    logging.getLogger("three").error("nobody listens")
    log = read("elsewhere", "traj_name", "env_name", "LOG.txt")
    assert [line[-5:] for line in log.splitlines()] == ["yes 1", "yes 2"]


def test_one_level_is_for_all_names(make):
    make(logger_names=["one", "two"], log_level="ERROR").start(CONTEXT)
    assert logging.getLogger("one").level == logging.getLogger("two").level == logging.ERROR


def test_the_root_is_the_default(make):
    make(log_folder="elsewhere").start(CONTEXT)
    assert logging.getLogger().level == logging.INFO
    logging.getLogger("anything").info("x")
    assert "anything INFO     x" in read("elsewhere", "traj_name", "env_name", "LOG.txt")


def test_workers_write_files_unless_told_otherwise(make):
    setup = make(log_folder="elsewhere")
    setup.start(CONTEXT)
    setup.start_worker(CONTEXT)
    logging.getLogger("pypet").error("of a worker")
    assert len(files()) == 4
    setup.stop()
    assert len(files()) == 2
    setup = make(log_folder="other", log_multiproc=False)
    setup.start(CONTEXT)
    setup.start_worker(CONTEXT)
    logging.getLogger("pypet").error("of a worker")
    assert len(files()) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"logger_names": ("a", "b", "c"), "log_levels": (10, 20)}, "3 logger_names"),
        ({"log_levels": [1.5]}, "level 1.5"),
        ({"log_level": True}, "level True"),
        ({"log_level": 10, "log_levels": 10}, "log_level or log_levels"),
        ({"log_folder": "x", "log_config": None}, "log_config or log_folder"),
        ({"log_multiproc": False, "log_config": {"version": 1}}, "log_config or log_multiproc"),
    ],
)
def test_contradicting_keywords_are_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


def test_more_levels_than_names_are_told_and_the_first_ones_used(make):
    with pytest.warns(OptionWarning, match=r"2 logger_names.*4 log_levels.*not used"):
        make(logger_names=("a", "b"), log_levels=(10, 20, 30, 40)).start(CONTEXT)
    assert [logging.getLogger(name).level for name in "ab"] == [10, 20]
