"""The contract of readers of config files: what an environment is to be made with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from pypet.interfaces.feature import Feature


class ConfigEntry(NamedTuple):
    """One keyword of the environment, or one parameter, as a file says it."""

    name: str
    """For a parameter relative to its branch; dots make groups."""
    value: Any
    where: str
    """File and, if known, line, for messages."""
    comment: str = ""


class ConfigContent(NamedTuple):
    """What a config file holds; of several keywords of the same name the last one counts."""

    keywords: Sequence[ConfigEntry] = ()
    parameters: Sequence[ConfigEntry] = ()
    config: Sequence[ConfigEntry] = ()
    log_config: Any = None
    """The value for option ``log_config`` if the file configures logging, else None."""
    log_where: str = ""
    """Where the file begins to configure logging, for messages."""
    has_only_lists: bool = False
    """Whether the format has no tuples or sets: an option gets what it takes, made from a list."""


class ConfigReader(Feature, ABC):
    """Reads what is given as ``config=``; not instantiated."""

    @classmethod
    @abstractmethod
    def reads(cls, source: Any) -> bool:
        """Return whether this is the reader for ``source``: a path, or some object."""

    @classmethod
    @abstractmethod
    def read(cls, source: Any) -> ConfigContent:
        """Return the content.

        Raises
        ------
        ValueError
            There is no such file, or something in it is malformed; the message says where.
        """
