"""Whatever environments configure, one in another or one after the other: afterwards the logging
of the process is what it was."""

from __future__ import annotations

import contextlib
import io
import logging
import logging.handlers
import os
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pypet import Environment

NAMES = ["", "pypet", "pypet.environment.Environment", "user", "user.sub"]
LEVELS = [logging.NOTSET, logging.DEBUG, logging.INFO, logging.ERROR, logging.CRITICAL]
OPEN_FILES = Path("/proc/self/fd")


class Refuse(logging.Filter):
    """Refuses every second record."""

    seen = 0

    def filter(self, record):
        self.seen += 1
        return self.seen % 2 == 0


class Keep(logging.Handler):
    def emit(self, record):
        self.last = record


HANDLERS = [
    lambda: logging.StreamHandler(io.StringIO()),
    logging.NullHandler,
    Keep,
    lambda: logging.handlers.MemoryHandler(2, target=Keep()),
]

users_logger = st.fixed_dictionaries(
    {
        "level": st.sampled_from(LEVELS),
        "propagate": st.booleans(),
        "disabled": st.booleans(),
        "handlers": st.lists(st.sampled_from(HANDLERS), max_size=2),
        "filters": st.integers(0, 1),
    }
)
users_loggers = st.dictionaries(st.sampled_from(NAMES), users_logger, max_size=3)

logger_section = st.fixed_dictionaries(
    {"handlers": st.lists(st.sampled_from(["file", "console", "memory"]), unique=True)},
    optional={
        "level": st.sampled_from([*LEVELS, "INFO", "ERROR"]),
        "propagate": st.booleans(),
        "filters": st.just(["some"]),
    },
)
dictionaries = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "filters": st.just({"some": {"()": Refuse}}),
        "handlers": st.just(
            {
                "file": {"class": "logging.FileHandler", "filename": "$traj/$env/$run.txt"},
                "console": {"class": "logging.StreamHandler", "stream": io.StringIO()},
                "memory": {
                    "class": "logging.handlers.MemoryHandler",
                    "capacity": 3,
                    "target": "file",
                },
            }
        ),
        "loggers": st.dictionaries(st.sampled_from(NAMES), logger_section, max_size=3),
    },
    optional={"root": logger_section, "disable_existing_loggers": st.booleans()},
)
LOG_INI = """
[loggers]
keys=root,user
[logger_root]
handlers=file
level=INFO
[logger_user]
qualname=user
handlers=
level=DEBUG
propagate=0
[handlers]
keys=file
[handler_file]
class=FileHandler
args=('$traj/ini.txt',)
[formatters]
keys=
"""
BAD = {"version": 1, "handlers": {"x": {"class": "logging.FileHandler", "filename": "/"}}}

what_to_log = st.one_of(
    st.just({}),
    st.just({"log_config": None}),
    st.just({"log_config": "log.ini"}),
    st.just({"log_config": BAD}),
    dictionaries.map(lambda config: {"log_config": config}),
    st.fixed_dictionaries(
        {"log_folder": st.just("simple")},
        optional={
            "logger_names": st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
            "log_level": st.sampled_from([*LEVELS, "WARNING"]),
            "log_multiproc": st.booleans(),
        },
    ),
)
printed = st.sampled_from([False, True, "user", logging.ERROR, ("user.sub", logging.INFO)])
reported = st.sampled_from([False, True, (50, "user"), (50, "print", 0)])

actions = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), what_to_log, printed, reported),
        st.tuples(st.just("run"), st.booleans()),
        st.tuples(st.just("end"), st.integers(0, 3), st.booleans()),
    ),
    max_size=10,
)


def loggers():
    known = logging.root.manager.loggerDict
    found = {name: each for name, each in known.items() if isinstance(each, logging.Logger)}
    return {"": logging.root, **found}


def states():
    """Return what every logger is; one that nobody has touched is as if it did not exist."""
    all_states = {
        name: (each.level, each.propagate, each.disabled, list(each.handlers), list(each.filters))
        for name, each in loggers().items()
    }
    untouched = (logging.NOTSET, True, False, [], [])
    return {name: state for name, state in all_states.items() if state != untouched}


@contextlib.contextmanager
def configured(configuration):
    """Let a user have configured loggers, until the end."""
    before = {}
    for name, wanted in configuration.items():
        logger = logging.getLogger(name)
        before[logger] = dict(vars(logger))
        logger.level, logger.propagate = wanted["level"], wanted["propagate"]
        logger.disabled = wanted["disabled"]
        logger.handlers = [make() for make in wanted["handlers"]]
        logger.filters = [Refuse() for _ in range(wanted["filters"])]
        logger.manager._clear_cache()
    try:
        yield
    finally:
        for logger, state in before.items():
            for handler in logger.handlers:
                handler.close()
            vars(logger).update(state)
            logger.manager._clear_cache()


def simulate(traj, fails):
    sys.stdout.write("printed\nwithout end")
    logging.getLogger("user.sub").warning("a word of the model")
    if fails and traj.x == 1:
        raise ZeroDivisionError


def perform(action, alive, number):
    """Begin, use or end an environment; ``alive`` are those that did not end yet."""
    kind, *details = action
    if kind == "begin":
        logs, stdout, progress = details
        options = {**logs, "log_stdout": stdout, "report_progress": progress}
        with contextlib.suppress(ValueError):  # some configurations are wrong
            alive.append(Environment(f"t{number}", storage_service="memory", **options))
            alive[-1].traj.f_add_parameter("x", 0)
            alive[-1].traj.f_explore({"x": [0, 1, 2]})
    elif kind == "run" and alive:
        with contextlib.suppress(ZeroDivisionError):
            alive[-1].run(simulate, *details)
    elif kind == "end" and alive:
        index, raises = details
        with contextlib.suppress(KeyError), alive.pop(-1 - index % len(alive)):
            if raises:
                raise KeyError


@pytest.mark.filterwarnings("error")
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(configuration=users_loggers, actions=actions)
def test_logging_is_left_as_it_was_found(configuration, actions):
    former = os.getcwd()
    with tempfile.TemporaryDirectory() as folder, configured(configuration):
        os.chdir(folder)
        Path("log.ini").write_text(LOG_INI)
        stdout, sys.stdout = sys.stdout, io.StringIO()
        own = sys.stdout
        before = states(), logging.root.manager.disable, warnings.showwarning
        files = _open_files()
        alive = []
        try:
            for number, action in enumerate(actions):
                perform(action, alive, number)
            while alive:
                alive.pop().disable_logging()
            assert sys.stdout is own
            assert (states(), logging.root.manager.disable, warnings.showwarning) == before
            assert _open_files() == files
        finally:
            for env in reversed(alive):
                env.disable_logging()
            sys.stdout = stdout
            os.chdir(former)


def _open_files():
    if not OPEN_FILES.is_dir():
        return []
    found = []
    for each in OPEN_FILES.iterdir():
        with contextlib.suppress(OSError):
            found.append(os.readlink(each))
    return sorted(name for name in found if name.startswith("/") and "/proc/" not in name)
