"""A logging configuration made from a few keywords: folder, logger names and levels."""

from __future__ import annotations

import copy
import logging
import os
import warnings
from collections.abc import Mapping
from typing import Any

from pypet.errors import OptionWarning
from pypet.interfaces.logging import WORKER_PREFIX

SIMPLE_KEYWORDS = ("log_folder", "logger_names", "log_levels", "log_level", "log_multiproc")
DEFAULT_FOLDER = "logs"

_FILE_FORMAT = {"format": "%(asctime)s %(name)s %(levelname)-8s %(message)s"}
_STREAM_FORMAT = {"format": "%(processName)-10s %(name)s %(levelname)-8s %(message)s"}


def _file_handlers(prefix: str) -> dict[str, dict[str, Any]]:
    return {
        "file_main": {
            "class": "logging.FileHandler",
            "formatter": "file",
            "filename": f"$traj/$env/{prefix}LOG.txt",
        },
        "file_error": {
            "class": "logging.FileHandler",
            "formatter": "file",
            "filename": f"$traj/$env/{prefix}ERROR.txt",
            "level": "ERROR",
        },
    }


LOGGING_DICT: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"file": _FILE_FORMAT, "stream": _STREAM_FORMAT},
    "handlers": {
        **_file_handlers(""),
        "stream": {"class": "logging.StreamHandler", "formatter": "stream"},
    },
    "multiproc_formatters": {"file": _FILE_FORMAT},
    "multiproc_handlers": _file_handlers("$run_$host_$proc_"),
}
"""Template that the keywords complete with the folder and the loggers."""


def use_simple_logging(kwargs: Mapping[str, Any]) -> bool:
    """Return whether any of the simple keywords is given; None counts as not given."""
    return any(kwargs.get(name) is not None for name in SIMPLE_KEYWORDS)


def simple_dictionary(
    log_folder: str | os.PathLike[str] | None = None,
    logger_names: str | list[str] | tuple[str, ...] | None = None,
    log_levels: Any = None,
    log_level: Any = None,
    log_multiproc: bool | None = None,
) -> dict[str, Any]:
    """Return the configuration of the keywords.

    Raises
    ------
    ValueError
        Both ``log_level`` and ``log_levels`` are given, or there are fewer levels than names, but
        more than one. More levels than names only cause a warning.
    """
    names = [logger_names or ""] if isinstance(logger_names, str | None) else list(logger_names)
    levels = _levels(log_levels, log_level, names)
    config = copy.deepcopy(LOGGING_DICT)
    folder = os.fspath(log_folder) if log_folder is not None else DEFAULT_FOLDER
    for prefix in ("", WORKER_PREFIX):
        handlers = config[f"{prefix}handlers"]
        for handler in handlers.values():
            if "filename" in handler:
                handler["filename"] = os.path.join(folder, handler["filename"])
        config[f"{prefix}loggers"] = {
            name: {"level": level, "handlers": list(handlers)}
            for name, level in zip(names, levels, strict=True)
        }
    if log_multiproc is not None and not log_multiproc:
        config = {key: part for key, part in config.items() if not key.startswith(WORKER_PREFIX)}
    return config


def simple_logging_config(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return ``kwargs`` with the simple keywords, if any, replaced by ``log_config``.

    Raises
    ------
    ValueError
        ``log_config`` is given, too, or the keywords contradict each other.
    """
    if not any(name in kwargs for name in SIMPLE_KEYWORDS):
        return dict(kwargs)
    if "log_config" in kwargs:
        raise both_given([name for name in SIMPLE_KEYWORDS if name in kwargs])
    rest = {name: value for name, value in kwargs.items() if name not in SIMPLE_KEYWORDS}
    given = {name: value for name, value in kwargs.items() if name in SIMPLE_KEYWORDS}
    return {**rest, "log_config": simple_dictionary(**given)}


def both_given(names: list[str]) -> ValueError:
    """Return the error for ``log_config`` together with simple keywords."""
    return ValueError(
        f"Give either log_config or {', '.join(names)}, not both: the keywords make a "
        "configuration of their own."
    )


def _levels(log_levels: Any, log_level: Any, names: list[str]) -> list[Any]:
    if log_levels is not None and log_level is not None:
        raise ValueError("Give either log_level or log_levels; they mean the same.")
    given = log_levels if log_levels is not None else log_level
    if given is None:
        given = logging.INFO
    levels = list(given) if isinstance(given, list | tuple) else [given]
    if len(levels) == 1:
        levels *= len(names)
    if len(levels) == len(names):
        return levels
    text = (
        f"There are {len(names)} logger_names, {names}, but {len(levels)} log_levels, {levels}: "
        "give one level for all, or one for each."
    )
    if len(levels) < len(names):
        raise ValueError(text)
    warnings.warn(f"{text} The last ones are not used.", OptionWarning, stacklevel=2)
    return levels[: len(names)]
