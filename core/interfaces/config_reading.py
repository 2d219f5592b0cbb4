"""The interface of readers of config files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from pypet.interfaces.feature import Feature


class ConfigEntry(NamedTuple):
    """One keyword of the environment, or one parameter, from a config file."""

    name: str
    """For a parameter relative to its branch, with dots between groups."""
    value: Any
    where: str
    """File and, if known, line; for messages."""
    comment: str = ""


class ConfigContent(NamedTuple):
    """The content of a config file; of several keywords of the same name the last one counts."""

    keywords: Sequence[ConfigEntry] = ()
    parameters: Sequence[ConfigEntry] = ()
    config: Sequence[ConfigEntry] = ()
    log_config: Any = None
    """The value for option ``log_config`` if the file configures logging, else None."""
    log_where: str = ""
    """Location of the logging configuration in the file; for messages."""
    has_only_lists: bool = False
    """Whether the format has no tuples or sets, so that lists are converted for the options."""


class ConfigReader(Feature, ABC):
    """Reads the argument ``config`` of an environment; not instantiated."""

    @classmethod
    @abstractmethod
    def reads(cls, source: Any) -> bool:
        """Return whether the class supports ``source``, a path or another object."""

    @classmethod
    @abstractmethod
    def read(cls, source: Any) -> ConfigContent:
        """Return the content.

        Raises
        ------
        ValueError
            There is no such file, or it is malformed; the message has the place.
        """
