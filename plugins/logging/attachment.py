"""Put handlers on loggers and take them off again, leaving everybody else's alone."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable
from typing import NamedTuple

from pypet.plugins.logging.lines import LineFileHandler
from pypet.support import run_banners


class LoggerPlan(NamedTuple):
    """What a configuration wants of one logger. ``name`` is ``''`` for the root."""

    name: str
    level: int | None
    handlers: tuple[logging.Handler, ...]
    propagate: bool | None = None
    filters: tuple[logging.Filter, ...] = ()


class LoggingPlan(NamedTuple):
    """A configuration whose handlers exist but are not attached yet."""

    loggers: tuple[LoggerPlan, ...]
    handlers: tuple[logging.Handler, ...]
    """All handlers, also those that no logger has."""
    disables_others: bool = False
    """Loggers that exist but are not mentioned fall silent."""


class _Before(NamedTuple):
    logger: logging.Logger
    level: int
    propagate: bool
    disabled: bool


class Attachment:
    """A plan that can be put in force with `attach`, as often as it is suspended."""

    def __init__(self, plan: LoggingPlan) -> None:
        self._plan = plan
        self._before: list[_Before] = []
        self._silenced: list[logging.Logger] = []

    def attach(self) -> None:
        """Configure the loggers and note what they were; does nothing while that holds."""
        if self._before:
            return
        plan = self._plan
        self._before = [_remember(each.name) for each in plan.loggers]
        self._silenced = _others(plan) if plan.disables_others else []
        for each, before in zip(plan.loggers, self._before, strict=True):
            _configure(before.logger, each)
        for logger in self._silenced:
            logger.disabled = True

    def folders(self) -> list[str]:
        """Return the folders of log files, each once."""
        names = (getattr(handler, "baseFilename", None) for handler in self._plan.handlers)
        return list(dict.fromkeys(os.path.dirname(name) for name in names if name))

    def suspend(self) -> None:
        """Take the handlers off and restore loggers, unless they were changed since.

        Files that can be opened again are closed until the next record.
        """
        self._take_off()
        for handler in self._plan.handlers:
            if isinstance(handler, LineFileHandler) and handler.mode == "a":
                handler.close()

    def detach(self) -> None:
        """Take the handlers off for good: close them."""
        self._take_off()
        close_handlers(self._plan.handlers)

    def _take_off(self) -> None:
        run_banners.flush()
        before, self._before = self._before, []
        # The last one first: a logger that is named twice gets what it was at the beginning.
        for each, remembered in reversed(list(zip(self._plan.loggers, before, strict=False))):
            _restore(each, remembered)
        for logger in self._silenced:
            logger.disabled = False
        self._silenced = []


def close_handlers(handlers: Iterable[logging.Handler]) -> None:
    """Flush and close handlers; streams that are closed already do no harm."""
    # The last one first: it may hand what it has on to one that was made before it.
    for handler in reversed(list(handlers)):
        with contextlib.suppress(OSError, ValueError):
            handler.flush()
        with contextlib.suppress(OSError, ValueError):
            handler.close()


def _remember(name: str) -> _Before:
    logger = logging.getLogger(name or None)
    return _Before(logger, logger.level, logger.propagate, logger.disabled)


def _configure(logger: logging.Logger, plan: LoggerPlan) -> None:
    if plan.level is not None:
        logger.setLevel(plan.level)
    if plan.propagate is not None:
        logger.propagate = plan.propagate
    logger.disabled = False
    for log_filter in plan.filters:
        logger.addFilter(log_filter)
    for handler in plan.handlers:
        logger.addHandler(handler)


def _restore(plan: LoggerPlan, before: _Before) -> None:
    logger = before.logger
    for handler in plan.handlers:
        logger.removeHandler(handler)
    for log_filter in plan.filters:
        logger.removeFilter(log_filter)
    if plan.level is not None and logger.level == plan.level:
        logger.setLevel(before.level)
    if plan.propagate is not None and logger.propagate == plan.propagate:
        logger.propagate = before.propagate
    logger.disabled = before.disabled


def _others(plan: LoggingPlan) -> list[logging.Logger]:
    """Return the loggers that exist and are neither in the plan nor children of such."""
    named = [each.name for each in plan.loggers if each.name]
    return [
        logger
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger)
        and not logger.disabled
        and not any(name == one or name.startswith(f"{one}.") for one in named)
    ]
