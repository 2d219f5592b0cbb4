"""Taking logging down, and several set-ups at once."""

from __future__ import annotations

import io
import logging
import os
import pickle

import pytest

from tests.plugins.logging.log_files import CONTEXT, FOLDER, files, read, state_of


def test_stop_restores_loggers_and_closes_files(make):
    before = state_of("", "pypet")
    foreign = list(logging.getLogger().handlers)
    setup = make()
    setup.start(CONTEXT)
    assert state_of("", "pypet") != before
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.FileHandler) and handler not in foreign
    ]
    assert len(handlers) == 2
    setup.stop()
    setup.stop()
    assert state_of("", "pypet") == before
    assert all(handler.stream is None for handler in handlers)
    logging.getLogger("pypet").error("too late")
    assert files() == []


def test_handlers_of_others_stay(make):
    stream = io.StringIO()
    mine = logging.StreamHandler(stream)
    logging.getLogger().addHandler(mine)
    try:
        setup = make()
        setup.start(CONTEXT)
        logging.getLogger("pypet").error("one")
        setup.stop()
        logging.getLogger("pypet").error("two")
        assert mine in logging.getLogger().handlers
    finally:
        logging.getLogger().removeHandler(mine)
    assert stream.getvalue() == "one\ntwo\n"


def test_a_level_that_was_changed_meanwhile_stays(make):
    before = logging.getLogger().level
    setup = make()
    setup.start(CONTEXT)
    logging.getLogger().setLevel(logging.ERROR)
    try:
        setup.stop()
        assert logging.getLogger().level == logging.ERROR
    finally:
        logging.getLogger().setLevel(before)


def test_handlers_stay_if_so_wanted(make):
    setup = make()
    setup.start(CONTEXT)
    setup.stop(remove_all_handlers=False)
    logging.getLogger("pypet").info("still here")
    assert "still here" in read(FOLDER, "LOG.txt")


def test_a_second_set_up_replaces_the_first(make):
    make().start(CONTEXT)
    make().start(CONTEXT._replace(environment_name="second"))
    logging.getLogger("pypet").info("once")
    assert read(FOLDER, "LOG.txt") == ""
    assert "once" in read("logs", "traj_name", "second", "LOG.txt")


def test_a_second_set_up_without_configuration_keeps_the_first(make):
    make().start(CONTEXT)
    second = make(log_config=None)
    second.start(CONTEXT._replace(environment_name="second"))
    second.stop()
    logging.getLogger("pypet").info("once")
    assert "once" in read(FOLDER, "LOG.txt")


def test_a_file_that_another_process_removed_because_it_was_empty_is_made_again(make):
    config = {
        "version": 1,
        "handlers": {"all": {"class": "logging.FileHandler", "filename": "shared/errors.txt"}},
        "root": {"handlers": ["all"], "level": "ERROR"},
    }
    first, second = make(log_config=config), make(log_config=config)
    first.start(CONTEXT)
    second.start(CONTEXT)
    first.stop()
    assert files() == []
    logging.getLogger("pypet").error("of the second")
    logging.getLogger("pypet").error("once more")
    second.stop()
    assert read("shared", "errors.txt") == "of the second\nonce more\n"


def test_what_was_there_before_stays_also_if_it_is_empty(make):
    os.makedirs(FOLDER)
    with open(os.path.join(FOLDER, "ERROR.txt"), "w"):
        pass
    setup = make()
    setup.start(CONTEXT)
    setup.stop()
    assert files() == [os.path.join(".", FOLDER, "ERROR.txt")]


def test_files_of_workers_are_made_by_the_first_record(make):
    setup = make()
    setup.start_worker(CONTEXT._replace(run_name="run_00000003"))
    assert files() == []
    logging.getLogger("pypet").info("begins")
    assert [name.endswith("_LOG.txt") for name in files()] == [True]
    setup.stop()


def test_a_worker_whose_folder_is_gone_does_not_fail(make, capsys):
    setup = make()
    setup.start_worker(CONTEXT)
    os.rmdir(FOLDER)
    logging.getLogger("pypet").info("into the void")
    assert "FileNotFoundError" in capsys.readouterr().err


def test_none_touches_nothing(make):
    before = state_of("", "pypet")
    setup = make(log_config=None)
    setup.start(CONTEXT)
    setup.start_worker(CONTEXT)
    assert state_of("", "pypet") == before
    assert files() == []


def test_a_pickled_set_up_configures_another_process(make):
    setup = make()
    setup.start(CONTEXT)
    copy = pickle.loads(pickle.dumps(setup))
    setup.stop()
    copy.start_worker(CONTEXT)
    try:
        logging.getLogger("pypet").info("there")
    finally:
        copy.stop()
    assert any("there" in read(name) for name in files())


def test_a_nested_set_up_gives_back_to_the_first(make):
    before = state_of("", "pypet")
    first = make()
    first.start(CONTEXT)
    second = make(log_level="ERROR")
    second.start(CONTEXT._replace(environment_name="second"))
    logging.getLogger("pypet").error("inside")
    second.stop()
    logging.getLogger("pypet").info("outside again")
    first.stop()
    assert state_of("", "pypet") == before
    assert "inside" not in read(FOLDER, "LOG.txt")
    assert "outside again" in read(FOLDER, "LOG.txt")
    assert "inside" in read("logs", "traj_name", "second", "LOG.txt")


def test_an_outer_set_up_that_ends_first_does_not_come_back(make):
    before = state_of("", "pypet")
    first = make()
    first.start(CONTEXT)
    second = make()
    second.start(CONTEXT._replace(environment_name="second"))
    first.stop()
    second.stop()
    assert state_of("", "pypet") == before


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_many_set_ups_hold_no_more_files_than_one(make):
    make().start(CONTEXT)
    few = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        make().start(CONTEXT._replace(environment_name=f"number_{number}"))
    assert len(os.listdir("/proc/self/fd")) == few


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_stop_leaves_no_file_open(make):
    before = len(os.listdir("/proc/self/fd"))
    setup = make()
    setup.start(CONTEXT)
    setup.stop()
    assert len(os.listdir("/proc/self/fd")) == before
