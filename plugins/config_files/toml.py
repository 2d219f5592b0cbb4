"""TOML files with the same tables as ini files have sections.

A table in ``[parameters]`` or ``[config]`` is a group, unless it has the key ``value``: then it
is a parameter, whose ``comment`` may stand beside the value. ``[logging]`` is a dictionary for
`logging.config.dictConfig`, with keys that begin with ``multiproc_`` for workers.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pypet.interfaces import ConfigReader, Option
from pypet.interfaces.config_reading import ConfigContent, ConfigEntry
from pypet.interfaces.logging import WORKER_PREFIX
from pypet.markers import hookimpl
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
from pypet.support.spelling import did_you_mean

LOGGING = "logging"
_LOGGING_KEYS = frozenset(
    (
        "version",
        "disable_existing_loggers",
        "incremental",
        "formatters",
        "filters",
        "handlers",
        "loggers",
        "root",
    )
)
"""Those of `logging.config.dictConfig`."""
_LEAF_KEYS = frozenset(("value", "comment"))


class TomlReader(ConfigReader):
    """Reads files with the suffix ``.toml``."""

    name: ClassVar[str] = "toml"
    options: ClassVar[tuple[Option, ...]] = established("config")

    @classmethod
    def reads(cls, source: Any) -> bool:
        """Return whether ``source`` is a path with the right ending."""
        return isinstance(source, str | os.PathLike) and is_toml(source)

    @classmethod
    def read(cls, source: Any) -> ConfigContent:
        """Return the content of a file; see `ConfigReader.read`."""
        path, text = text_of(source)
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"The config file {str(path)!r} is malformed: {error}") from error
        locations = SourceLocations(str(path), text, continued=False)
        for name, table in tables.items():
            _check_table(name, table, locations)
        keywords = [
            ConfigEntry(name, value, locations.locate(section, name))
            for section in OPTION_SECTIONS
            for name, value in tables.get(section, {}).items()
        ]
        parameters, config = (
            list(_leaves(tables.get(section, {}), section, locations)) for section in LEAF_SECTIONS
        )
        return ConfigContent(
            keywords,
            parameters,
            config,
            tables.get(LOGGING),
            locations.locate(LOGGING),
            has_only_lists=True,
        )


def _check_table(name: str, table: Any, locations: SourceLocations) -> None:
    """Raise ValueError unless a top-level entry is a known table."""
    if name not in (*OPTION_SECTIONS, *LEAF_SECTIONS, LOGGING):
        if isinstance(table, dict | list):
            raise unknown_section(name, locations.locate(name), [LOGGING])
        raise ValueError(
            f"{locations.locate('', name)}: is in no table; options belong below "
            "[environment], parameters below [parameters]."
        )
    if not isinstance(table, dict):
        raise ValueError(f"{locations.locate(name)}: has to be a table, [{name}].")
    if name == LOGGING:
        for key in table:
            if key.removeprefix(WORKER_PREFIX) not in _LOGGING_KEYS:
                known = [*_LOGGING_KEYS, *(f"{WORKER_PREFIX}{each}" for each in _LOGGING_KEYS)]
                raise ValueError(
                    f"{locations.locate(LOGGING, key)}: configurations of logging have no {key!r}."
                    f"{did_you_mean(key, known)}"
                )


def _leaves(
    table: Mapping[str, Any], branch: str, locations: SourceLocations, prefix: str = ""
) -> Iterator[ConfigEntry]:
    """Yield the parameters of a table and its subtables."""
    for key, value in table.items():
        name = f"{prefix}{key}"
        where = locations.locate(f"{branch}.{prefix}".rstrip("."), key)
        if not isinstance(value, dict):
            yield ConfigEntry(relative(name, branch), value, where)
        elif "value" in value:
            if not value.keys() <= _LEAF_KEYS or not isinstance(value.get("comment", ""), str):
                raise ValueError(
                    f"{where}: a parameter has a value and a comment, which is text, not "
                    f"{', '.join(value)}."
                )
            comment = value.get("comment", "")
            yield ConfigEntry(relative(name, branch), value["value"], where, comment)
        else:
            yield from _leaves(value, branch, locations, f"{name}.")


@hookimpl
def pypet_register_config_readers() -> list[type[ConfigReader]]:
    """Register the reader of TOML files."""
    return [TomlReader]
