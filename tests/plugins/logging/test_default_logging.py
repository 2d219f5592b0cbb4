"""The default configuration."""

from __future__ import annotations

import configparser
import logging
import os

from pypet.plugins.logging.configurations import default_ini
from tests.plugins.logging.log_files import CONTEXT, FOLDER, files, read


def test_default_writes_two_files_and_to_the_console(make, capsys):
    make().start(CONTEXT)
    logging.getLogger("pypet").info("hello %d", 1)
    logging.getLogger("other").error("broken")
    log = read(FOLDER, "LOG.txt").splitlines()
    assert log[0].endswith(" pypet INFO     hello 1")
    assert log[1].endswith(" other ERROR    broken")
    assert read(FOLDER, "ERROR.txt").splitlines() == log[1:]
    assert "MainProcess pypet INFO     hello 1" in capsys.readouterr().err
    assert len(files()) == 2


def test_times_in_files_are_those_of_the_standard_formatter(make):
    make().start(CONTEXT)
    record = logging.getLogger("pypet").makeRecord("pypet", 20, "f", 1, "x", (), None)
    logging.getLogger("pypet").handle(record)
    standard = logging.Formatter("%(asctime)s %(name)s %(levelname)-8s %(message)s")
    assert read(FOLDER, "LOG.txt") == f"{standard.format(record)}\n"


def test_debug_records_are_not_logged(make):
    make().start(CONTEXT)
    logging.getLogger("pypet").debug("details")
    assert read(FOLDER, "LOG.txt") == ""


def test_workers_get_files_of_their_own_and_no_console(make, capsys):
    setup = make()
    setup.start(CONTEXT)
    setup.start_worker(CONTEXT._replace(run_name="run_00000003"))
    logging.getLogger("pypet").error("from a worker")
    names = [os.path.basename(name) for name in files()]
    assert [name.startswith("run_00000003_") for name in names] == [False, False, True, True]
    assert f"MainProcess-{os.getpid()}_LOG.txt" in names[3]
    assert read(FOLDER, "LOG.txt") == ""
    assert "from a worker" in read(FOLDER, names[3])
    assert capsys.readouterr().err == ""


def test_the_default_configuration_is_a_standard_one():
    parser = configparser.RawConfigParser()
    parser.read_string(default_ini())
    assert {"loggers", "handlers", "formatters", "multiproc_loggers"} <= set(parser.sections())
