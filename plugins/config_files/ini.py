"""Ini files, and parsers of `configparser` with the same content.

Values are Python literals. `configparser` converts names to lower case.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
from collections.abc import Iterator
from typing import Any, ClassVar

from pypet.interfaces import ConfigReader, Option
from pypet.interfaces.config_reading import ConfigContent, ConfigEntry
from pypet.interfaces.logging import WORKER_PREFIX
from pypet.options.established import established
from pypet.plugins.config_files.sections import (
    LEAF_SECTIONS,
    OPTION_SECTIONS,
    is_toml,
    relative,
    text_of,
    unknown_section,
)
from pypet.support.config_text import SourceLocations

_LOGGING = ("loggers", "handlers", "formatters")
_LOGGING_PARTS = ("logger_", "handler_", "formatter_")


class IniReader(ConfigReader):
    """Reads ini files and parsers."""

    name: ClassVar[str] = "ini"
    options: ClassVar[tuple[Option, ...]] = established("config")

    @classmethod
    def reads(cls, source: Any) -> bool:
        """Return whether ``source`` is a parser, or a path of any file but TOML."""
        if isinstance(source, configparser.RawConfigParser):
            return True
        return isinstance(source, str | os.PathLike) and not is_toml(source)

    @classmethod
    def read(cls, source: Any) -> ConfigContent:
        """Return the content of a file or parser; see `ConfigReader.read`."""
        parser, locations = _parsed(source)
        log_where = ""
        for section in parser.sections():
            if _is_logging(section):
                log_where = log_where or locations.locate(section)
            elif section not in (*OPTION_SECTIONS, *LEAF_SECTIONS):
                raise unknown_section(section, locations.locate(section), _LOGGING)
        if not log_where:  # [DEFAULT] often holds what logging sections share
            _check_defaults(parser, locations)
        keywords = [
            ConfigEntry(name, value, where)
            for section in OPTION_SECTIONS
            for name, value, where in _values(parser, locations, section)
        ]
        parameters, config = (
            [
                _leaf(relative(name, section), value, where)
                for name, value, where in _values(parser, locations, section)
            ]
            for section in LEAF_SECTIONS
        )
        log_config = source if log_where else None
        return ConfigContent(keywords, parameters, config, log_config, log_where)


def _parsed(source: Any) -> tuple[configparser.RawConfigParser, SourceLocations]:
    if isinstance(source, configparser.RawConfigParser):
        return source, SourceLocations("The config parser")
    path, text = text_of(source)
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text, str(path))
    except configparser.Error as error:
        raise ValueError(f"The config file {str(path)!r} is malformed: {error}") from error
    return parser, SourceLocations(str(path), text)


def _is_logging(section: str) -> bool:
    name = section.removeprefix(WORKER_PREFIX)
    return name in _LOGGING or name.startswith(_LOGGING_PARTS)


def _values(
    parser: configparser.RawConfigParser, locations: SourceLocations, section: str
) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and location of all options of a section, if it exists."""
    if not parser.has_section(section):
        return
    defaults = parser.defaults()
    # Entries of [DEFAULT] are not options of each section; values refer to them.
    for name in parser.options(section):
        if name in defaults and parser.get(section, name, raw=True) == defaults[name]:
            continue
        where = locations.locate(section, name)
        try:
            text = parser.get(section, name)
        except configparser.InterpolationError as error:
            raise ValueError(f"{where}: {error}. A percent sign has to be doubled.") from error
        yield name, _literal(text, where), where


def _literal(text: Any, where: str) -> Any:
    """Return the value of a literal; parsers may have None for a missing one."""
    try:
        return ast.literal_eval("" if text is None else str(text).strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        advice = "text needs quotes"
        if text and ";" in str(text):
            advice += ", and a comment after a value begins with #"
        raise ValueError(f"{where}: {text!r} is not a Python literal; {advice}.") from error


def _check_defaults(parser: configparser.RawConfigParser, locations: SourceLocations) -> None:
    """Reject options in [DEFAULT] that no value refers to, since they would be ignored."""
    head = parser.default_section
    values = [
        str(value)
        for section in (*parser.sections(), head)
        for value in dict(parser.items(section, raw=True)).values()
    ]
    for name in parser.defaults():
        reference = re.compile(rf"%\({re.escape(name)}\)s|\$\{{{re.escape(name)}\}}", re.IGNORECASE)
        if not any(reference.search(value) for value in values):
            raise ValueError(
                f"{locations.locate(head, name)}: no value refers to %({name})s. [{head}] holds "
                f"strings for that purpose; options belong in {', '.join(OPTION_SECTIONS)}."
            )


def _leaf(name: str, value: Any, where: str) -> ConfigEntry:
    """Return a parameter from a value, or from a tuple of value and comment."""
    if not isinstance(value, tuple):
        return ConfigEntry(name, value, where)
    if len(value) not in (1, 2) or not all(isinstance(each, str) for each in value[1:]):
        raise ValueError(
            f"{where}: {value!r} is taken for a value and its comment; to have a tuple as the "
            f"value write ({value!r}, 'a comment')."
        )
    return ConfigEntry(name, value[0], where, *value[1:])
