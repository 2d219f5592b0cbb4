"""Logging of an experiment: every kind of configuration, files, and taking it down."""

from __future__ import annotations

import configparser
import io
import logging
import os
import pickle
import sys

import pytest

from pypet.interfaces import LogContext
from pypet.interfaces.logging import SHOWN_LIVE
from pypet.plugins.logging import ExperimentLogging
from pypet.plugins.logging.setup import default_ini

CONTEXT = LogContext("env_name", "traj_name", "run_ALL", "run_set_ALL")
FOLDER = os.path.join("logs", "traj_name", "env_name")

INI = """
[loggers]
keys=root,sim

[logger_root]
handlers=main
level=INFO

[logger_sim]
qualname=simulation
handlers=sim
level=DEBUG
propagate=0

[formatters]
keys=plain

[formatter_plain]
format=%(levelname)s:%(message)s

[handlers]
keys=main,sim

[handler_main]
class=FileHandler
args=('out/$traj/main.log',)
formatter=plain

[handler_sim]
class=handlers.RotatingFileHandler
kwargs={'filename': 'out/$env/$run/sim.txt', 'maxBytes': 100000}
formatter=plain
level=WARNING
"""


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make():
    """Make set-ups that are taken down after the test."""
    made = []

    def make(**options):
        defaults = {
            "log_config": "DEFAULT",
            "log_folder": None,
            "logger_names": None,
            "log_levels": None,
            "log_level": None,
            "log_multiproc": None,
        }
        setup = ExperimentLogging({**defaults, **options})
        made.append(setup)
        return setup

    yield make
    for setup in made:
        setup.stop()


def read(*parts):
    with open(os.path.join(*parts), encoding="utf8") as file:
        return file.read()


def files():
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(".") for name in names)


def state_of(*names):
    loggers = [logging.getLogger(name or None) for name in names]
    return [(lg.level, list(lg.handlers), lg.propagate, lg.disabled) for lg in loggers]


# ----- the default ---------------------------------------------------------------------------


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


# ----- taking it down ------------------------------------------------------------------------


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
    assert read(FOLDER, "LOG.txt") == ""


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


# ----- ini files and parsers -----------------------------------------------------------------


def check_ini_result():
    logging.getLogger("pypet").info("root")
    logging.getLogger("simulation").warning("sim")
    logging.getLogger("simulation").info("below the level of the handler")
    assert read("out", "traj_name", "main.log") == "INFO:root\n"
    assert read("out", "env_name", "run_ALL", "sim.txt") == "WARNING:sim\n"


def test_ini_file(make, tmp_path):
    path = tmp_path / "log.ini"
    path.write_text(INI)
    before = state_of("", "simulation")
    setup = make(log_config=str(path))
    setup.start(CONTEXT)
    check_ini_result()
    setup.stop()
    assert state_of("", "simulation") == before


def test_parser(make):
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(INI)
    make(log_config=parser).start(CONTEXT)
    check_ini_result()


def test_ini_without_sections_for_workers_leaves_workers_alone(make, tmp_path):
    path = tmp_path / "log.ini"
    path.write_text(INI)
    setup = make(log_config=path)
    setup.start(CONTEXT)
    setup.start_worker(CONTEXT)
    check_ini_result()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[loggers]\nkeys=root,sim\n", "", r"lacks \[loggers\]"),
        ("[handler_sim]", "[handler_mis]", r"lacks the section \[handler_sim\]"),
        ("args=('out/$traj/main.log',)", "args=(1/0,)", r"\[handler_main\].*division"),
        ("class=FileHandler", "class=NoSuchHandler", "NoSuchHandler"),
        ("class=FileHandler", "klass=FileHandler", r"\[handler_main\].*lacks `class`"),
        ("handlers=main\n", "handlers=main,more\n", "names the handler 'more'"),
        ("level=DEBUG", "level=LOUD", "LOUD"),
    ],
)
def test_faulty_ini_files_say_what_is_wrong(make, tmp_path, old, new, message):
    before = state_of("", "simulation")
    path = tmp_path / "log.ini"
    assert old in INI
    path.write_text(INI.replace(old, new))
    with pytest.raises(ValueError, match=message):
        make(log_config=str(path)).start(CONTEXT)
    assert state_of("", "simulation") == before


def test_a_missing_file_is_told_at_once(make, tmp_path):
    with pytest.raises(ValueError, match="no logging configuration file"):
        make(log_config=str(tmp_path / "none.ini"))


def test_other_types_are_refused(make):
    with pytest.raises(ValueError, match="log_config=5"):
        make(log_config=5)


def test_a_file_that_is_no_ini_file_is_told_at_once(make, tmp_path):
    path = tmp_path / "log.ini"
    path.write_text("just text")
    with pytest.raises(ValueError, match="no ini file"):
        make(log_config=path)


# ----- dictionaries --------------------------------------------------------------------------


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


# ----- simple keywords -----------------------------------------------------------------------


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
    assert len(files()) == 4
    setup.stop()
    setup = make(log_folder="other", log_multiproc=False)
    setup.start(CONTEXT)
    setup.start_worker(CONTEXT)
    assert len(files()) == 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"logger_names": ("a", "b", "c"), "log_levels": (10, 20)}, "3 logger_names"),
        ({"log_level": 10, "log_levels": 10}, "log_level or log_levels"),
        ({"log_folder": "x", "log_config": None}, "log_config or log_folder"),
        ({"log_multiproc": False, "log_config": dictionary()}, "log_config or log_multiproc"),
    ],
)
def test_contradicting_keywords_are_refused(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)


# ----- the console beside a live bar ---------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_console_leaves_out_what_a_bar_shows(make, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    make().start(CONTEXT)
    logging.getLogger("pypet").info("in the bar", extra={SHOWN_LIVE: True})
    logging.getLogger("pypet").info("no bar", extra={SHOWN_LIVE: False})
    assert "in the bar" in read(FOLDER, "LOG.txt")
    assert "in the bar" not in terminal.getvalue()
    assert "no bar" in terminal.getvalue()


def test_a_console_that_is_no_terminal_shows_all(make, capsys):
    make().start(CONTEXT)
    logging.getLogger("pypet").info("in the bar", extra={SHOWN_LIVE: True})
    assert "in the bar" in capsys.readouterr().err


def test_lines_do_not_garble_a_live_bar(make, monkeypatch):
    from pypet.plugins.progress import RunProgress

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    make().start(CONTEXT)
    progress = RunProgress({"report_progress": (50, "pypet")})
    progress.start(4)
    logging.getLogger("pypet").info("a line")
    progress.advance(4)
    progress.stop()
    shown = terminal.getvalue()
    line = next(line for line in shown.split("\n") if "a line" in line)
    # What stood on the line of the terminal is wiped before: blanks between carriage returns.
    assert line.split("\r")[-1].endswith("a line")
    assert line.split("\r")[-2].strip() == ""
    assert "PROGRESS" not in shown
    assert read(FOLDER, "LOG.txt").count("PROGRESS: Finished") == 2


def test_a_burst_of_lines_does_not_draw_the_bar_for_each(make, monkeypatch):
    from pypet.plugins.progress import RunProgress

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    make().start(CONTEXT)
    progress = RunProgress({"report_progress": (50, "pypet")})
    progress.start(4)
    for i in range(200):
        logging.getLogger("pypet").info("line %d", i)
    drawn = terminal.getvalue().count("0/4")
    progress.stop()
    assert drawn <= 25
    assert all(f"INFO     line {i}\n" in terminal.getvalue() for i in range(200))


# ----- the established module ----------------------------------------------------------------


def test_all_logging_can_be_disabled(caplog):
    from pypet.pypetlogging import DisableAllLogging

    with DisableAllLogging():
        logging.getLogger("pypet").critical("unheard")
    logging.getLogger("pypet").critical("heard")
    assert caplog.messages == ["heard"]


def test_simple_keywords_become_a_configuration():
    from pypet.pypetlogging import simple_logging_config, use_simple_logging

    kwargs = {"log_folder": "x", "log_level": 10, "other": 1}
    assert use_simple_logging(kwargs)
    config = simple_logging_config(kwargs)
    assert config.keys() == {"other", "log_config"}
    assert config["log_config"]["loggers"][""]["level"] == 10
    assert simple_logging_config({"other": 1}) == {"other": 1}
    with pytest.raises(ValueError, match="log_config"):
        simple_logging_config({**kwargs, "log_config": None})
