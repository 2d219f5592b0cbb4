"""Reads the options of logging, in any of their forms, as configurations."""

from __future__ import annotations

import configparser
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any

from pypet.interfaces.logging import WORKER_PREFIX
from pypet.plugins.logging import dictionary, ini
from pypet.plugins.logging.attachment import LoggingPlan
from pypet.plugins.logging.lines import HANDLER_CLASSES, WORKER_HANDLER_CLASSES, Replacements
from pypet.plugins.logging.log_files import LogFilePlaces
from pypet.plugins.logging.simple import (
    SIMPLE_KEYWORDS,
    both_given,
    simple_dictionary,
    use_simple_logging,
)
from pypet.pypetconstants import DEFAULT_LOGGING


class Configuration(ABC):
    """A configuration that was checked, but has no handlers yet; can be pickled."""

    @abstractmethod
    def file_names(self) -> list[str]:
        """Return the names of log files, with wildcards, as far as they are literals."""

    def build(self, places: LogFilePlaces, *, for_worker: bool = False) -> LoggingPlan:
        """Return handlers with their files in ``places``, all of them or none.

        Files of workers are made when they have something to write.

        Raises
        ------
        ValueError
            A handler cannot be made.
        """
        try:
            return self._build(
                places.place, WORKER_HANDLER_CLASSES if for_worker else HANDLER_CLASSES
            )
        except BaseException:
            places.remove_empty()
            raise

    @abstractmethod
    def _build(self, place: Callable[[str], str], replacements: Replacements) -> LoggingPlan:
        """Make handlers; ``place`` turns each file name into the one to open."""


class IniConfiguration(Configuration):
    """A configuration read from an ini file or a parser."""

    def __init__(self, sections: ini.Sections) -> None:
        self._sections = sections

    def file_names(self) -> list[str]:
        """Return those among the arguments of handlers."""
        return ini.file_names(self._sections)

    def _build(self, place: Callable[[str], str], replacements: Replacements) -> LoggingPlan:
        return ini.build_from_sections(self._sections, place, replacements)


class DictConfiguration(Configuration):
    """A configuration given as a dictionary."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def file_names(self) -> list[str]:
        """Return every ``filename``, at any depth."""
        return dictionary.file_names(self._config)

    def _build(self, place: Callable[[str], str], replacements: Replacements) -> LoggingPlan:
        return dictionary.build_from_dictionary(self._config, place, replacements)


def configurations(
    options: Mapping[str, Any],
) -> tuple[Configuration | None, Configuration | None]:
    """Return the configurations of the main process and of workers; None where there is none.

    Raises
    ------
    ValueError
        The options contradict each other, or a configuration is missing or malformed.
    """
    log_config = options["log_config"]
    if use_simple_logging(options):
        given = {name: options[name] for name in SIMPLE_KEYWORDS if options[name] is not None}
        if log_config != DEFAULT_LOGGING:
            raise both_given(list(given))
        log_config = simple_dictionary(**given)
    if log_config is None:
        return None, None
    # Parsers are mappings, too.
    if isinstance(log_config, Mapping) and not isinstance(log_config, configparser.RawConfigParser):
        return _from_dictionary(log_config)
    if isinstance(log_config, str) and log_config == DEFAULT_LOGGING:
        parser = ini.NoInterpolationParser()
        parser.read_string(default_ini())
        log_config = parser
    if not isinstance(log_config, str | os.PathLike | configparser.RawConfigParser):
        raise ValueError(
            f"log_config={log_config!r}: give the path of an ini file, a dictionary, a parser, "
            f"{DEFAULT_LOGGING!r}, or None."
        )
    return _from_sections(log_config)


def default_ini() -> str:
    """Return the text of the default configuration that comes with pypet."""
    return (resources.files("pypet") / "logging" / "default.ini").read_text(encoding="utf-8")


def _from_dictionary(
    config: Mapping[str, Any],
) -> tuple[Configuration, Configuration | None]:
    main, worker = _split(config)
    dictionary.check_dictionary(main)
    if not worker:
        return DictConfiguration(main), None
    shared = ("version", "disable_existing_loggers")
    common: dict[str, Any] = {key: main[key] for key in shared if key in main}
    worker = {**common, **worker}
    dictionary.check_dictionary(worker)
    return DictConfiguration(main), DictConfiguration(worker)


def _from_sections(
    source: str | os.PathLike[str] | configparser.RawConfigParser,
) -> tuple[Configuration, Configuration | None]:
    read = ini.read_ini(source)
    main, worker = _split(read.sections)
    ini.check_sections(main, read.locations)
    if not worker:
        return IniConfiguration(main), None
    ini.check_sections(worker, read.locations, WORKER_PREFIX)
    return IniConfiguration(main), IniConfiguration(worker)


def _split(parts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split sections into those of the main process and those of workers, without prefix."""
    main = {name: part for name, part in parts.items() if not name.startswith(WORKER_PREFIX)}
    worker = {
        name.removeprefix(WORKER_PREFIX): part
        for name, part in parts.items()
        if name.startswith(WORKER_PREFIX)
    }
    return main, worker
