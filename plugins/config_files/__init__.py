"""Config files, ini and TOML: options, parameters and logging of an experiment in one place."""

from __future__ import annotations

from pypet.interfaces import ConfigReader
from pypet.markers import hookimpl
from pypet.plugins.config_files.ini import IniReader
from pypet.plugins.config_files.interpreting import ConfigInterpreter, parse_config

__all__ = ["ConfigInterpreter", "IniReader", "parse_config"]


@hookimpl
def pypet_register_config_readers() -> list[type[ConfigReader]]:
    """Register the reader of ini files."""
    return [IniReader]
