"""Logging configurations in the layout of `logging.config.fileConfig`."""

from __future__ import annotations

import ast
import configparser
import contextlib
import inspect
import logging
import logging.config
import operator
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pypet.plugins.logging.attachment import LoggerPlan, LoggingPlan, close_handlers, level_number
from pypet.plugins.logging.lines import HANDLER_CLASSES, LineFormatter, Replacements
from pypet.plugins.logging.log_files import get_strings, handler_error, is_filename
from pypet.support.config_text import SourceLocations, read_config_text
from pypet.support.spelling import did_you_mean

Sections = Mapping[str, Mapping[str, str]]
REQUIRED_SECTIONS = ("loggers", "handlers", "formatters")


class NoInterpolationParser(configparser.ConfigParser):
    """Reads ini files in which ``%`` has no special meaning, as in formats of log lines."""

    def __init__(self) -> None:
        super().__init__(interpolation=None)


class IniFile(NamedTuple):
    """The sections of an ini file or parser as plain text, and their places."""

    sections: Sections
    locations: SourceLocations


def read_ini(source: str | os.PathLike[str] | configparser.RawConfigParser) -> IniFile:
    """Return the content of an ini file or parser.

    Raises
    ------
    ValueError
        There is no such file, or it is no ini file.
    """
    if isinstance(source, configparser.RawConfigParser):
        parser: configparser.RawConfigParser = source
        locations = SourceLocations("The logging configuration given by a parser")
    else:
        path = Path(source).expanduser()
        text = read_config_text(path, "logging configuration file")
        locations = SourceLocations(str(path), text)
        parser = NoInterpolationParser()
        try:
            parser.read_string(text, source=str(path))
        except configparser.Error as err:
            raise ValueError(f"{str(path)!r} is not an ini file: {err}") from err
    sections = {name: dict(parser.items(name, raw=True)) for name in parser.sections()}
    return IniFile(sections, locations)


def check_sections(sections: Sections, locations: SourceLocations, prefix: str = "") -> None:
    """Raise ValueError unless all sections, classes, levels and names that are needed exist.

    Opens no files and evaluates no arguments, so that errors in the configuration of workers are
    raised before they start. ``prefix`` is that of the sections in the file.
    """
    missing = [f"[{prefix}{name}]" for name in REQUIRED_SECTIONS if name not in sections]
    if missing:
        raise ValueError(
            f"{locations.locate('')}: the logging configuration{' of workers' if prefix else ''} "
            f"lacks {', '.join(missing)}. Its layout is that of Python's "
            "`logging.config.fileConfig`."
        )

    @contextlib.contextmanager
    def at(section: str, option: str = "") -> Iterator[None]:
        try:
            yield
        except ValueError as err:
            raise ValueError(f"{locations.locate(f'{prefix}{section}', option)}: {err}") from err

    keys = {name: _keys(sections, name) for name in REQUIRED_SECTIONS}
    for plural, names in keys.items():
        for key in names:
            with at(plural, "keys"):
                _section(sections, f"{plural.removesuffix('s')}_{key}")
    formatters, handlers = (dict.fromkeys(keys[name]) for name in ("formatters", "handlers"))
    for key in handlers:
        with at(f"handler_{key}"):
            _check_handler(key, sections[f"handler_{key}"], formatters)
    for key in keys["loggers"]:
        section = sections[f"logger_{key}"]
        with at(f"logger_{key}", "handlers"):
            for name in _listed(section.get("handlers", "")):
                _known(handlers, name, "handler")
        with at(f"logger_{key}", "level"):
            if section.get("level"):
                level_number(section["level"])


def build_from_sections(
    sections: Sections, place: Callable[[str], str], replacements: Replacements = HANDLER_CLASSES
) -> LoggingPlan:
    """Create the handlers; ``place`` turns each file name into the one to open.

    As with `logging.config.fileConfig`, classes and arguments of handlers are Python expressions
    that are evaluated: the file can execute arbitrary code.

    Raises
    ------
    ValueError
        Something that is needed is missing, or a handler cannot be made.
    """
    handlers: dict[str, logging.Handler] = {}
    try:
        formatters = {
            key: _formatter(_section(sections, f"formatter_{key}"))
            for key in _keys(sections, "formatters")
        }
        for key in _keys(sections, "handlers"):
            section = _section(sections, f"handler_{key}")
            handlers[key] = _handler(key, section, formatters, place, replacements)
        _set_targets(sections, handlers)
        loggers = tuple(
            _logger_plan(key, _section(sections, f"logger_{key}"), handlers)
            for key in _keys(sections, "loggers")
        )
    except BaseException:
        close_handlers(handlers.values())
        raise
    return LoggingPlan(loggers, tuple(handlers.values()))


def file_names(sections: Sections) -> list[str]:
    """Return the names of log files, with wildcards, that are literals in the arguments."""
    return [
        text
        for key in _keys(sections, "handlers")
        for text in get_strings(sections[f"handler_{key}"].get("args") or "()")
        if is_filename(text)
    ]


def _section(sections: Sections, name: str) -> Mapping[str, str]:
    try:
        return sections[name]
    except KeyError:
        raise ValueError(
            f"The logging configuration lacks the section [{name}].{did_you_mean(name, sections)}"
        ) from None


def _keys(sections: Sections, name: str) -> list[str]:
    return _listed(_section(sections, name).get("keys", ""))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _formatter(section: Mapping[str, str]) -> logging.Formatter:
    kind: Any = LineFormatter
    if section.get("class"):
        kind = _find_class(section["class"])
    formatter: logging.Formatter = kind(
        section.get("format"), section.get("datefmt"), section.get("style", "%")
    )
    return formatter


def _check_handler(key: str, section: Mapping[str, str], formatters: Mapping[str, Any]) -> None:
    if "class" not in section:
        raise ValueError(f"Section [handler_{key}] of the logging configuration lacks `class`.")
    kind = _find_class(section["class"])
    if section.get("formatter"):
        _known(formatters, section["formatter"], "formatter")
    if section.get("level"):
        level_number(section["level"])
    for name in ("args", "kwargs"):
        try:
            compile((section.get(name) or "()").strip(), f"[handler_{key}]", "eval")
        except SyntaxError as err:
            raise handler_error(f"of section [handler_{key}]", err) from err
    try:
        args = ast.literal_eval((section.get("args") or "()").strip())
        kwargs = ast.literal_eval((section.get("kwargs") or "{}").strip())
    except (ValueError, TypeError):  # expressions
        return
    try:
        inspect.signature(kind).bind(*args, **kwargs)
    except TypeError as err:
        raise handler_error(f"of section [handler_{key}]", err) from err


def _handler(
    key: str,
    section: Mapping[str, str],
    formatters: Mapping[str, logging.Formatter],
    place: Callable[[str], str],
    replacements: Replacements,
) -> logging.Handler:
    kind = _find_class(section["class"])
    try:
        args = eval(section.get("args") or "()", vars(logging))
        kwargs = eval(section.get("kwargs") or "{}", vars(logging))
        args = tuple(_placed(value, place) for value in args)
        kwargs = {name: _placed(value, place) for name, value in kwargs.items()}
        handler: logging.Handler = replacements.get(kind, kind)(*args, **kwargs)
    except Exception as err:
        raise handler_error(f"of section [handler_{key}]", err) from err
    handler.name = key
    if "level" in section:
        handler.setLevel(section["level"])
    if section.get("formatter"):
        handler.setFormatter(_known(formatters, section["formatter"], "formatter"))
    return handler


def _placed(value: Any, place: Callable[[str], str]) -> Any:
    return place(value) if isinstance(value, str) and is_filename(value) else value


def _set_targets(sections: Sections, handlers: Mapping[str, logging.Handler]) -> None:
    """Connect handlers that forward records to others, which may be listed later."""
    for key, handler in handlers.items():
        target = sections[f"handler_{key}"].get("target")
        if target and hasattr(handler, "setTarget"):
            handler.setTarget(_known(handlers, target, "handler"))


def _logger_plan(
    key: str, section: Mapping[str, str], handlers: Mapping[str, logging.Handler]
) -> LoggerPlan:
    level = section.get("level")
    names = _listed(section.get("handlers", ""))
    chosen = tuple(_known(handlers, name, "handler") for name in names)
    number = None if not level else level_number(level)
    if key == "root":
        return LoggerPlan("", number, chosen)
    propagate = section.get("propagate", "1").strip() != "0"
    return LoggerPlan(section.get("qualname", key), number, chosen, propagate)


def _known(things: Mapping[str, Any], name: str, kind: str) -> Any:
    try:
        return things[name]
    except KeyError:
        raise ValueError(
            f"The logging configuration names the {kind} {name!r}, but lists only "
            f"{', '.join(things) or 'none'}."
        ) from None


def _find_class(name: str) -> Any:
    """Return a class by a name in the module `logging` or by its full dotted name."""
    with contextlib.suppress(AttributeError):
        return operator.attrgetter(name)(logging)
    try:
        return logging.config.BaseConfigurator({}).resolve(name)
    except (ValueError, ImportError) as err:
        raise ValueError(
            f"The class {name!r} of the logging configuration cannot be found: {err}"
        ) from err
