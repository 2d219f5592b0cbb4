"""Logging under its established path; log files and their configuration come from a plugin."""

from __future__ import annotations

import logging
from typing import Any

from pypet.aliases import alias_names, module_getattr
from pypet.support.loggers import HasLogger

__all__ = ["DisableAllLogging", "HasLogger", *alias_names(__name__)]

__getattr__ = module_getattr(__name__)


class DisableAllLogging:
    """Context in which no log record of any level is handled; what held before is restored."""

    def __init__(self) -> None:
        self._before = logging.NOTSET

    def __enter__(self) -> DisableAllLogging:
        self._before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        return self

    def __exit__(self, *exception: Any) -> None:
        logging.disable(self._before)
