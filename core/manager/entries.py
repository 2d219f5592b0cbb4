"""What is known about one plugin: where it comes from, its state, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from pypet.interfaces import Command, Feature, Option
from pypet.manager.families import Family
from pypet.support.optional import install_hint, is_installed

OWN_DISTRIBUTION = "pypet"


class Status(StrEnum):
    """What became of a plugin; `PluginEntry.reason` says why."""

    DISCOVERED = "discovered"
    """Found, not imported yet."""
    LOADED = "loaded"
    BLOCKED = "blocked"
    """Switched off by the user."""
    UNAVAILABLE = "unavailable"
    """A package that it needs is not installed."""
    FAILED = "failed"
    """It raised while it was imported or asked for its features, or broke the contract."""
    SHADOWED = "shadowed"
    """All its features have names that another plugin took."""


@dataclass(slots=True, eq=False)
class PluginEntry:
    """One entry point and its state. Entries are compared by identity."""

    name: str
    module: str
    """Dotted path of the module that the entry point names."""
    distribution: str
    version: str
    load: Callable[[], object]
    """Imports the plugin and returns it."""
    status: Status = Status.DISCOVERED
    reason: str = ""
    error: BaseException | None = None
    """What was raised, if the plugin failed or is unavailable."""
    plugin: object = None
    features: list[RegisteredFeature] = field(default_factory=list)
    options: tuple[Option, ...] = ()
    """Options that belong to none of the features."""

    @property
    def builtin(self) -> bool:
        """Whether pypet itself brings the plugin."""
        return normalized(self.distribution) == OWN_DISTRIBUTION

    @property
    def origin(self) -> str:
        """Distribution and version, for messages."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def label(self) -> str:
        """Name and origin, for messages."""
        return f"plugin {self.name!r} of {self.origin}"

    def rank(self) -> tuple[bool, str, str, str]:
        """Return the key that orders plugins: pypet's own first, then by distribution name."""
        return (not self.builtin, normalized(self.distribution), self.name.lower(), self.module)


class RegisteredFeature(NamedTuple):
    """A feature and the plugin that gives it."""

    family: Family
    name: str
    item: type[Feature] | Command
    entry: PluginEntry

    @property
    def key(self) -> tuple[str, str]:
        """What must be unique: family and lower-case name."""
        return (self.family.name, self.name.lower())

    @property
    def options(self) -> tuple[Option, ...]:
        """The options of the environment that the feature reads."""
        return () if isinstance(self.item, Command) else self.item.options

    def rank(self) -> tuple[bool, bool, tuple[bool, str, str, str]]:
        """Return the key by which the winner of a name clash is found: the least wins.

        A plugin named like its feature goes before others of third parties, because it is the
        one that is loaded when somebody asks for the name: so the winner does not depend on
        which plugins happen to be loaded.
        """
        entry = self.entry
        return (not entry.builtin, entry.name.lower() != self.name.lower(), entry.rank())

    def missing(self) -> tuple[str, ...]:
        """Return the import names of required packages that are not installed."""
        if isinstance(self.item, Command):
            return ()
        return tuple(name for name in self.item.requires if not is_installed(name))

    def hint(self) -> str:
        """Return how to install what is missing, ``''`` if the feature does not say."""
        if isinstance(self.item, Command):
            return ""
        return install_hint(self.item.extra, builtin=self.entry.builtin)

    def needs(self) -> str:
        """Return ``needs <packages>: <how to install them>``, ``''`` if nothing is missing."""
        missing = self.missing()
        if not missing:
            return ""
        hint = self.hint()
        packages = ", ".join(missing)
        return f"needs {packages}: {hint}" if hint else f"needs {packages}, not installed"


def normalized(distribution: str) -> str:
    """Return the name of a distribution in the form in which names are compared (PEP 503)."""
    return "-".join(part for part in _separated(distribution) if part)


def _separated(distribution: str) -> list[str]:
    return distribution.lower().replace("_", "-").replace(".", "-").split("-")
