"""Storing nothing while a debugger is active."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from pypet.pypetconstants import DEFAULT_LOGGING

_logger = logging.getLogger(__name__)

DEBUGGER = "pydevd"
SERVICE = "lazy"
CONSOLE_LOGGING: dict[str, Any] = {
    "version": 1,
    "formatters": {"lines": {"format": "%(processName)-10s %(name)s %(levelname)-8s %(message)s"}},
    "handlers": {
        "stream": {"class": "logging.StreamHandler", "formatter": "lines", "level": "INFO"}
    },
    "root": {"handlers": ["stream"], "level": "INFO"},
}
"""The default logging without its files."""


def debug_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that ``lazy_debug`` changes, none unless it is on and a debugger active.

    The storage service is the lazy one, and the default logging writes no files; a logging
    configuration of the user stays.
    """
    if not options["lazy_debug"] or DEBUGGER not in sys.modules:
        return {}
    _logger.warning("lazy_debug: the debugger %s is active, so NOTHING is stored.", DEBUGGER)
    changed: dict[str, Any] = {"storage_service": SERVICE}
    if options["log_config"] == DEFAULT_LOGGING:
        changed["log_config"] = CONSOLE_LOGGING
    return changed
