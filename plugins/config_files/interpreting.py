"""Config files as keywords of custom functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from pypet.environment.config_file import add_leaves
from pypet.interfaces.config_reading import ConfigContent, ConfigEntry
from pypet.options.established import ESTABLISHED
from pypet.plugins.config_files.ini import IniReader
from pypet.plugins.config_files.toml import TomlReader

Function = TypeVar("Function", bound=Callable[..., Any])


class ConfigInterpreter:
    """Finds out what a keyword ``config`` among others means.

    Raises
    ------
    RuntimeError
        It is neither a path nor a parser.
    ValueError
        The file is missing or malformed.
    """

    def __init__(self, kwargs: dict[str, Any]) -> None:
        self._kwargs = dict(kwargs)
        source = self._kwargs.pop("config", None)
        self._content = ConfigContent()
        if source is None:
            return
        for reader in (TomlReader, IniReader):
            if reader.reads(source):
                self._content = reader.read(source)
                return
        raise RuntimeError(f"config={source!r} is neither a path nor a parser.")

    def interpret(self) -> dict[str, Any]:
        """Return the keywords of file and call; those of the call take precedence."""
        read = {entry.name: self._value(entry) for entry in self._content.keywords}
        if self._content.log_config is not None:
            read.setdefault("log_config", self._content.log_config)
        return {**read, **self._kwargs}

    def _value(self, entry: ConfigEntry) -> Any:
        option = ESTABLISHED.get(entry.name)
        if option is None or not self._content.has_only_lists:
            return entry.value
        return option.from_list(entry.value)

    def add_parameters(self, traj: Any) -> None:
        """Add the parameters and config of the file to a trajectory."""
        add_leaves(traj, self._content)


def parse_config(function: Function) -> Function:
    """Make a function accept ``config=``, whose keywords are added to its own.

    Arguments given by position or keyword take precedence.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def parsing(*args: Any, **kwargs: Any) -> Any:
        placed = signature.bind_partial(*args).arguments
        keywords = ConfigInterpreter(kwargs).interpret()
        rest = {name: value for name, value in keywords.items() if name not in placed}
        return function(*args, **rest)

    return parsing  # type: ignore[return-value]
