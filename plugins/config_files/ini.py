"""Ini files, and parsers of `configparser` that hold the same.

Values are Python literals. Names are in lower case, as `configparser` makes them.
"""

from __future__ import annotations

import ast
import configparser
import os
from collections.abc import Iterator
from typing import Any, ClassVar

from pypet.interfaces import ConfigReader, Option
from pypet.interfaces.config_reading import ConfigContent, ConfigEntry
from pypet.options.established import established
from pypet.plugins.config_files.places import (
    LEAF_SECTIONS,
    OPTION_SECTIONS,
    Places,
    is_toml,
    relative,
    text_of,
    unknown_section,
)

_LOGGING = ("loggers", "handlers", "formatters")
_LOGGING_PARTS = ("logger_", "handler_", "formatter_")
_WORKERS = "multiproc_"


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
        parser, places = _parsed(source)
        has_logging = False
        for section in parser.sections():
            if _is_logging(section):
                has_logging = True
            elif section not in (*OPTION_SECTIONS, *LEAF_SECTIONS):
                raise unknown_section(section, places.of(section), _LOGGING)
        keywords = [
            ConfigEntry(name, value, where)
            for section in OPTION_SECTIONS
            for name, value, where in _values(parser, places, section)
        ]
        parameters, config = (
            [
                _leaf(relative(name, section), value, where)
                for name, value, where in _values(parser, places, section)
            ]
            for section in LEAF_SECTIONS
        )
        return ConfigContent(keywords, parameters, config, source if has_logging else None)


def _parsed(source: Any) -> tuple[configparser.RawConfigParser, Places]:
    if isinstance(source, configparser.RawConfigParser):
        return source, Places("The config parser")
    path, text = text_of(source)
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text, str(path))
    except configparser.Error as error:
        raise ValueError(f"The config file {str(path)!r} is malformed: {error}") from error
    return parser, Places(str(path), text)


def _is_logging(section: str) -> bool:
    name = section.removeprefix(_WORKERS)
    return name in _LOGGING or name.startswith(_LOGGING_PARTS)


def _values(
    parser: configparser.RawConfigParser, places: Places, section: str
) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and place of all options of a section, if there is such."""
    if not parser.has_section(section):
        return
    for name in parser.options(section):
        where = places.of(section, name)
        try:
            text = parser.get(section, name)
        except configparser.InterpolationError as error:
            raise ValueError(f"{where}: {error}. A percent sign has to be doubled.") from error
        try:
            value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
            raise ValueError(
                f"{where}: {text!r} is no Python literal; text needs quotes."
            ) from error
        yield name, value, where


def _leaf(name: str, value: Any, where: str) -> ConfigEntry:
    """Return a parameter from a value, or a tuple of value and comment."""
    if not isinstance(value, tuple):
        return ConfigEntry(name, value, where)
    if len(value) not in (1, 2) or not all(isinstance(each, str) for each in value[1:]):
        raise ValueError(
            f"{where}: {value!r} is taken for a value and its comment; to have a tuple as the "
            f"value write ({value!r}, 'a comment')."
        )
    return ConfigEntry(name, value[0], where, *value[1:])
