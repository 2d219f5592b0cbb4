"""The logging set-up of an experiment: what to configure, when, and how to take it down."""

from __future__ import annotations

import configparser
import os
import sys
import weakref
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, ClassVar

from pypet.interfaces import LogContext, LoggingSetup, Option
from pypet.options.established import established
from pypet.plugins.logging import dictionary, ini
from pypet.plugins.logging.attachment import Attachment, LoggingPlan
from pypet.plugins.logging.placing import LogFilePlaces
from pypet.plugins.logging.simple import (
    SIMPLE_KEYWORDS,
    WORKER_PREFIX,
    both_given,
    simple_dictionary,
    use_simple_logging,
)
from pypet.plugins.logging.stdout import StdoutToLogger, parse_log_stdout
from pypet.pypetconstants import DEFAULT_LOGGING

_in_force: list[weakref.ref[ExperimentLogging]] = []
"""Python's logging is global to the process, so one set-up replaces the other: the last one
counts, those before come back when it ends."""
_holder: ExperimentLogging | None = None
"""Keeps the last one alive: an environment may be forgotten, its log files go on."""


class ExperimentLogging(LoggingSetup):
    """Configures loggers as ``log_config`` says, with wildcards in the names of log files.

    Handlers of others are never detached or closed. The set-up of a later environment replaces
    that of an earlier one, unless it configures nothing (``log_config=None``). Can be pickled
    for worker processes; then it brings the configuration, not the handlers.
    """

    name: ClassVar[str] = "logging"
    options: ClassVar[tuple[Option, ...]] = established(
        "log_config", *SIMPLE_KEYWORDS, "log_stdout"
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._main, self._worker = _configurations(options)
        self._printed = parse_log_stdout(options.get("log_stdout", False))
        self._attachment: Attachment | None = None
        self._stdout: StdoutToLogger | None = None

    def start(self, context: LogContext) -> None:
        """Create folders, files and handlers in the main process; capture stdout if so wanted.

        Raises
        ------
        ValueError
            A handler cannot be made from the configuration, or it is clear that one of workers
            could not be.
        """
        if self._worker is not None:
            LogFilePlaces(context).check(self._worker.file_names())
        if self._main is not None:
            attachment = Attachment(_built(self._main, context))
            self._replace_former()
            self._put_in_force(attachment)
        self._capture()

    @property
    def concerns_workers(self) -> bool:
        """Whether there is a configuration for workers, or somebody logs what is printed."""
        prints = self._printed is not None or isinstance(sys.stdout, StdoutToLogger)
        return prints or self._worker is not None

    def start_worker(self, context: LogContext) -> None:
        """Replace what the process inherited by the configuration for workers, if there is one."""
        if self._worker is not None:
            attachment = Attachment(_built(self._worker, context))
            for former in _living():
                former._let_go()
            _in_force.clear()
            self._let_go()
            self._put_in_force(attachment)
        if isinstance(sys.stdout, StdoutToLogger):
            sys.stdout.adopt()
        self._capture()

    def stop(self, *, remove_all_handlers: bool = True) -> None:
        """Detach and close the handlers, restore levels of loggers and stdout.

        A set-up that this one replaced, and that did not end meanwhile, is in force again. With
        ``remove_all_handlers=False`` only stdout is restored.
        """
        global _holder
        if self._stdout is not None:
            self._stdout.finalize()
            self._stdout = None
            print("Printed lines are not logged any more.")  # noqa: T201 - as users know it
        if not remove_all_handlers or self._attachment is None:
            return
        before = _living()
        self._let_go()
        after = [each for each in before if each is not self]
        _in_force[:] = [weakref.ref(each) for each in after]
        if before and before[-1] is self:
            _holder = after[-1] if after else None
            if after and after[-1]._attachment is not None:
                after[-1]._attachment.attach()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the handlers in this process."""
        return {**self.__dict__, "_attachment": None, "_stdout": None}

    def _replace_former(self) -> None:
        """Suspend what is in force; files are closed meanwhile, nothing is lost."""
        self._let_go()
        former = [each for each in _living() if each is not self]
        if former and former[-1]._attachment is not None:
            former[-1]._attachment.suspend()

    def _put_in_force(self, attachment: Attachment) -> None:
        global _holder
        attachment.attach()
        self._attachment = attachment
        others = [each for each in _living() if each is not self]
        _in_force[:] = [weakref.ref(each) for each in (*others, self)]
        _holder = self

    def _let_go(self) -> None:
        if self._attachment is not None:
            self._attachment.detach()
            self._attachment = None

    def _capture(self) -> None:
        if self._printed is not None and self._stdout is None:
            self._stdout = StdoutToLogger(*self._printed)
            self._stdout.start()


def _living() -> list[ExperimentLogging]:
    """Return the set-ups that are in force or suspended, the last one last."""
    return [each for ref in _in_force if (each := ref()) is not None]


class _IniConfiguration:
    """A configuration read from an ini file or a parser."""

    def __init__(self, sections: ini.Sections) -> None:
        self._sections = sections

    def build(self, place: Callable[[str], str]) -> LoggingPlan:
        return ini.build_from_sections(self._sections, place)

    def file_names(self) -> list[str]:
        return ini.file_names(self._sections)


class _DictConfiguration:
    """A configuration given as a dictionary."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    def build(self, place: Callable[[str], str]) -> LoggingPlan:
        return dictionary.build_from_dictionary(self._config, place)

    def file_names(self) -> list[str]:
        return dictionary.file_names(self._config)


_Configuration = _IniConfiguration | _DictConfiguration


def _built(configuration: _Configuration, context: LogContext) -> LoggingPlan:
    """Return handlers with their files, all of them or none."""
    places = LogFilePlaces(context)
    try:
        return configuration.build(places.place)
    except BaseException:
        places.take_back()
        raise


def _configurations(
    options: Mapping[str, Any],
) -> tuple[_Configuration | None, _Configuration | None]:
    """Return the configurations of the main process and of workers; None where there is none."""
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
) -> tuple[_Configuration, _Configuration | None]:
    main, worker = _split(config)
    dictionary.check_dictionary(main)
    if not worker:
        return _DictConfiguration(main), None
    shared = ("version", "disable_existing_loggers")
    common: dict[str, Any] = {key: main[key] for key in shared if key in main}
    worker = {**common, **worker}
    dictionary.check_dictionary(worker)
    return _DictConfiguration(main), _DictConfiguration(worker)


def _from_sections(
    source: str | os.PathLike[str] | configparser.RawConfigParser,
) -> tuple[_Configuration, _Configuration | None]:
    read = ini.read_ini(source)
    main, worker = _split(read.sections)
    ini.check_sections(main, read.places)
    if not worker:
        return _IniConfiguration(main), None
    ini.check_sections(worker, read.places, WORKER_PREFIX)
    return _IniConfiguration(main), _IniConfiguration(worker)


def _split(parts: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Separate what is for workers, without its prefix."""
    main = {name: part for name, part in parts.items() if not name.startswith(WORKER_PREFIX)}
    worker = {
        name.removeprefix(WORKER_PREFIX): part
        for name, part in parts.items()
        if name.startswith(WORKER_PREFIX)
    }
    return main, worker
