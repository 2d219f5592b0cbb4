"""Configurations from dictionaries."""

from __future__ import annotations

import logging

import pytest

from tests.plugins.logging.log_files import CONTEXT, read


def dictionary(**more):
    return {
        "version": 1,
        "formatters": {"plain": {"format": "%(asctime)s|%(message)s", "datefmt": "then"}},
        "filters": {"only": {"name": "wanted"}},
        "handlers": {
            "main": {
                "class": "logging.FileHandler",
                "filename": "new/$traj/$set.txt",
                "formatter": "plain",
                "filters": ["only"],
            },
            "a_buffer": {
                "class": "logging.handlers.MemoryHandler",
                "capacity": 1,
                "target": "main",
            },
        },
        "loggers": {"wanted": {"handlers": ["a_buffer"], "level": "DEBUG"}},
        **more,
    }


def test_dictionary(make):
    config = dictionary()
    setup = make(log_config=config)
    setup.start(CONTEXT)
    logging.getLogger("wanted").debug("yes")
    setup.stop()
    assert read("new", "traj_name", "run_set_ALL.txt") == "then|yes\n"
    assert config == dictionary()


def test_dictionary_for_workers(make):
    setup = make(
        log_config=dictionary(
            multiproc_handlers={"w": {"class": "logging.FileHandler", "filename": "$run.txt"}},
            multiproc_loggers={"wanted": {"handlers": ["w"], "level": "INFO"}},
        )
    )
    setup.start(CONTEXT)
    setup.start_worker(CONTEXT._replace(run_name="run_7"))
    logging.getLogger("wanted").info("work")
    assert read("run_7.txt") == "work\n"
    assert read("new", "traj_name", "run_set_ALL.txt") == ""


def test_other_loggers_only_fall_silent_if_asked_for(make):
    other = logging.getLogger("somebody_elses")
    setup = make(log_config=dictionary())
    setup.start(CONTEXT)
    assert not other.disabled
    setup.stop()
    setup = make(log_config=dictionary(disable_existing_loggers=True))
    setup.start(CONTEXT)
    assert other.disabled
    setup.stop()
    assert not other.disabled


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"handlers": {}}, "'version': 1"),
        ({"version": 1, "incremental": True}, "incremental"),
        (dictionary(handlers={"x": {"class": "no.such.Class"}}), "handler 'x'"),
        (dictionary(loggers={"wanted": {"handlers": ["nope"]}}), "'nope'"),
        (dictionary(formatters={"plain": {"()": "no.such.factory"}}), "'plain'"),
    ],
)
def test_faulty_dictionaries_say_what_is_wrong(make, config, message):
    with pytest.raises(ValueError, match=message):
        make(log_config=config).start(CONTEXT)
    assert not logging.getLogger("wanted").handlers


@pytest.mark.parametrize(
    ("worker", "message"),
    [
        ({"multiproc_handlers": {"w": {"class": "no.such.Class"}}}, "handler 'w'"),
        ({"multiproc_loggers": {"wanted": {"handlers": ["nope"]}}}, "logger 'wanted'.*'nope'"),
        ({"multiproc_root": {"level": "LOUD"}}, "LOUD"),
        (
            {"multiproc_handlers": {"w": {"class": "logging.NullHandler", "formatter": "none"}}},
            "handler 'w'.*'none'",
        ),
    ],
)
def test_faults_of_the_part_for_workers_are_told_at_once(make, worker, message):
    with pytest.raises(ValueError, match=message):
        make(log_config=dictionary(**worker))
