"""Attaches handlers to loggers and detaches them, without touching any other handlers."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable
from numbers import Integral
from typing import Any, NamedTuple

from pypet.plugins.logging.lines import LineFileHandler
from pypet.support import run_banners


class LoggerPlan(NamedTuple):
    """The configuration of one logger. ``name`` is ``''`` for the root."""

    name: str
    level: int | None
    handlers: tuple[logging.Handler, ...]
    propagate: bool | None = None
    filters: tuple[logging.Filter, ...] = ()


class LoggingPlan(NamedTuple):
    """A configuration whose handlers exist but are not attached yet."""

    loggers: tuple[LoggerPlan, ...]
    handlers: tuple[logging.Handler, ...]
    """All handlers, also those of no logger."""
    disables_others: bool = False
    """Disable existing loggers that are not mentioned."""


class _SavedLogger(NamedTuple):
    logger: logging.Logger
    level: int
    propagate: bool
    disabled: bool


def level_number(level: Any) -> int:
    """Return the number of a level that is given by name or number.

    Raises
    ------
    ValueError
        No level has this name, or it is neither.
    """
    if not isinstance(level, bool) and isinstance(level, Integral):
        return int(level)
    name = level.strip() if isinstance(level, str) else ""
    if name.isdigit():
        return int(name)
    number = logging.getLevelName(name.upper())
    if not isinstance(number, int):
        raise ValueError(f"There is no logging level {level!r}; use for example 'INFO' or 20.")
    return number


class Attachment:
    """A logging plan that can be attached, suspended and attached again."""

    def __init__(self, plan: LoggingPlan) -> None:
        self._plan = plan
        self._before: list[_SavedLogger] = []
        self._silenced: list[logging.Logger] = []

    def attach(self) -> None:
        """Configure the loggers and save their former settings; does nothing if attached."""
        if self._before:
            return
        plan = self._plan
        self._before = [_saved(each.name) for each in plan.loggers]
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
        """Remove the handlers and restore the loggers, unless these were changed since.

        Files that can be reopened are closed until the next record.
        """
        self._remove_handlers()
        for handler in self._plan.handlers:
            if isinstance(handler, LineFileHandler) and handler.mode == "a":
                handler.close()

    def detach(self) -> None:
        """Remove and close the handlers."""
        self._remove_handlers()
        close_handlers(self._plan.handlers)

    def _remove_handlers(self) -> None:
        run_banners.flush()
        before, self._before = self._before, []
        # In reverse: a logger that is configured twice gets its first settings back.
        for each, remembered in reversed(list(zip(self._plan.loggers, before, strict=False))):
            _restore(each, remembered)
        for logger in self._silenced:
            logger.disabled = False
        self._silenced = []


def close_handlers(handlers: Iterable[logging.Handler]) -> None:
    """Flush and close handlers; streams may be closed already."""
    # In reverse: a handler may flush its records to one that was made before it.
    for handler in reversed(list(handlers)):
        with contextlib.suppress(OSError, ValueError):
            handler.flush()
        with contextlib.suppress(OSError, ValueError):
            handler.close()


def _saved(name: str) -> _SavedLogger:
    logger = logging.getLogger(name or None)
    return _SavedLogger(logger, logger.level, logger.propagate, logger.disabled)


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


def _restore(plan: LoggerPlan, before: _SavedLogger) -> None:
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
