"""What tests of logging look at: files, loggers, and the names in a context."""

from __future__ import annotations

import io
import logging
import os

from pypet.interfaces import LogContext

CONTEXT = LogContext("env_name", "traj_name", "run_ALL", "run_set_ALL")
FOLDER = os.path.join("logs", "traj_name", "env_name")


def read(*parts):
    with open(os.path.join(*parts), encoding="utf8") as file:
        return file.read()


def files():
    return sorted(os.path.join(folder, name) for folder, _, names in os.walk(".") for name in names)


def state_of(*names):
    loggers = [logging.getLogger(name or None) for name in names]
    return [(lg.level, list(lg.handlers), lg.propagate, lg.disabled) for lg in loggers]


class Terminal(io.StringIO):
    def isatty(self):
        return True
