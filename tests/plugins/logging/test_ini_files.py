"""Configurations from ini files and parsers."""

from __future__ import annotations

import configparser
import logging

import pytest

from tests.plugins.logging.log_files import CONTEXT, read, state_of

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
        ("level=DEBUG", "level=LOUD", r"log\.ini, line \d+, \[logger_sim\] level: .*LOUD"),
        (
            "[handler_sim]",
            "[handler_sin]",
            r"log\.ini, line \d+, \[handlers\] keys: .*'handler_sin'",
        ),
        ("args=('out/$traj/main.log',)", "args=()", r"\[handler_main\]: .*argument: 'filename'"),
        ("args=('out/$traj/main.log',)", "args=5", r"\[handler_main\]: "),
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


def test_folders_of_workers_are_looked_at_before_there_are_workers(make, tmp_path):
    (tmp_path / "occupied").write_text("a file")
    path = tmp_path / "log.ini"
    path.write_text(INI + WORKER_INI.replace("out/$traj/main.log", "occupied/$run/main.log"))
    with pytest.raises(ValueError, match=r"'occupied/\$run/main\.log' of workers: .*not a folder"):
        make(log_config=str(path)).start(CONTEXT)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["log.ini", "occupied"]


def test_a_missing_file_is_told_at_once(make, tmp_path):
    with pytest.raises(ValueError, match="no logging configuration file"):
        make(log_config=str(tmp_path / "none.ini"))


def test_other_types_are_refused(make):
    with pytest.raises(ValueError, match="log_config=5"):
        make(log_config=5)


def test_a_file_that_is_no_ini_file_is_told_at_once(make, tmp_path):
    path = tmp_path / "log.ini"
    path.write_text("just text")
    with pytest.raises(ValueError, match="not an ini file"):
        make(log_config=path)


WORKER_INI = "".join(
    line.replace("[", "[multiproc_") if line.startswith("[") else line
    for line in INI.splitlines(keepends=True)
)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[multiproc_loggers]\nkeys=root,sim\n", "", r"workers .*lacks \[multiproc_loggers\]"),
        ("args=('out/$traj/main.log',)", "args=()", r"\[multiproc_handler_main\]: .*'filename'"),
        ("[multiproc_handler_sim]", "[multiproc_handler_mis]", r"\[handler_sim\]"),
        ("[multiproc_logger_sim]", "[multiproc_logger_mis]", r"\[logger_sim\]"),
        ("class=FileHandler", "class=NoSuchHandler", "NoSuchHandler"),
        ("args=('out/$traj/main.log',)", "args=('out", r"\[handler_main\]"),
        ("level=DEBUG", "level=LOUD", "LOUD"),
        ("formatter=plain", "formatter=fancy", "formatter 'fancy'"),
    ],
)
def test_faults_of_the_part_for_workers_are_told_at_once(make, tmp_path, old, new, message):
    path = tmp_path / "log.ini"
    assert old in WORKER_INI
    path.write_text(INI + WORKER_INI.replace(old, new))
    with pytest.raises(ValueError, match=message):
        make(log_config=str(path))
