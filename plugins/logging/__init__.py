"""Log files of an experiment and lines on the console."""

from __future__ import annotations

from pypet.interfaces import LoggingSetup
from pypet.markers import hookimpl
from pypet.plugins.logging.ini import NoInterpolationParser
from pypet.plugins.logging.log_files import (
    FILENAME_INDICATORS,
    get_strings,
    rename_log_file,
    try_make_dirs,
)
from pypet.plugins.logging.setup import ExperimentLogging
from pypet.plugins.logging.simple import LOGGING_DICT, simple_logging_config, use_simple_logging
from pypet.plugins.logging.stdout import StdoutToLogger

LoggingManager = ExperimentLogging
"""The name under which scripts may know it."""

__all__ = [
    "FILENAME_INDICATORS",
    "LOGGING_DICT",
    "ExperimentLogging",
    "LoggingManager",
    "NoInterpolationParser",
    "StdoutToLogger",
    "get_strings",
    "rename_log_file",
    "simple_logging_config",
    "try_make_dirs",
    "use_simple_logging",
]


@hookimpl
def pypet_register_logging() -> list[type[LoggingSetup]]:
    """Register the logging of ``log_config`` and its relatives."""
    return [ExperimentLogging]
