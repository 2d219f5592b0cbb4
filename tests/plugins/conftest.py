"""A terminal as users have it, wherever the tests are executed."""

from __future__ import annotations

import logging

import pytest

from pypet import Environment


@pytest.fixture(autouse=True)
def _seen_by_somebody(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.fixture
def make_env(tmp_path, monkeypatch):
    """Make environments in an empty folder that store in memory and explore ``x``."""
    monkeypatch.chdir(tmp_path)

    def make(length=6, **options):
        defaults = {
            "storage_service": "memory",
            "wrap_mode": "LOCAL",
            "log_config": None,
            "report_progress": False,
        }
        env = Environment("test", **{**defaults, **options})
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(length)})
        return env

    return make


@pytest.fixture
def records_of():
    """Return what gives the records of a logger, to which nobody else then listens."""
    listening = []

    def listen(name, level):
        logger, records = logging.getLogger(name), []
        handler = logging.Handler()
        handler.emit = records.append
        listening.append((logger, handler, logger.level))
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
        return records

    yield listen
    for logger, handler, level in listening:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = True
