"""Entry points of the group ``pypet``, and the state of the plugin behind each."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import metadata
from typing import NamedTuple

from pypet.interfaces import Command, Feature, Option
from pypet.manager.families import Family
from pypet.support.optional import install_hint, is_installed

OWN_DISTRIBUTION = "pypet"


class Status(StrEnum):
    """State of a plugin; `PluginEntry.reason` explains it."""

    DISCOVERED = "discovered"
    """The entry point was found; the module is not imported yet."""
    LOADED = "loaded"
    BLOCKED = "blocked"
    """Switched off by the user."""
    UNAVAILABLE = "unavailable"
    """A package that it needs is not installed."""
    FAILED = "failed"
    """Its import or one of its register hooks raised, or returned something invalid."""
    SHADOWED = "shadowed"
    """Other plugins have registered features with the names of all of its own."""


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
    """The exception, if the plugin failed or is unavailable."""
    plugin: object = None
    features: list[RegisteredFeature] = field(default_factory=list)
    options: tuple[Option, ...] = ()
    """Options of the plugin itself, beside those of its features."""
    option_clashes: dict[str, str] = field(default_factory=dict)
    """Options that another plugin declares differently -> that plugin, whose declaration counts."""
    leaf_classes: tuple[str, ...] = ()
    """Dotted paths of classes of parameters and results."""

    @property
    def builtin(self) -> bool:
        """Whether the plugin is part of pypet."""
        return normalized(self.distribution) == OWN_DISTRIBUTION

    @property
    def origin(self) -> str:
        """Distribution and version for messages."""
        return f"{self.distribution} {self.version}".strip()

    @property
    def label(self) -> str:
        """Name, distribution and version for messages."""
        return f"plugin {self.name!r} of {self.origin}"

    def rank(self) -> tuple[bool, str, str, str]:
        """Return the key that orders plugins: pypet's own first, then by distribution name."""
        return (not self.builtin, normalized(self.distribution), self.name.lower(), self.module)


class RegisteredFeature(NamedTuple):
    """A feature and the plugin that provides it."""

    family: Family
    name: str
    item: type[Feature] | Command
    entry: PluginEntry

    @property
    def key(self) -> tuple[str, str]:
        """Family and lower-case name, which are unique."""
        return (self.family.name, self.name.lower())

    @property
    def options(self) -> tuple[Option, ...]:
        """The options of the environment that the feature reads."""
        return () if isinstance(self.item, Command) else self.item.options

    def rank(self) -> tuple[bool, bool, tuple[bool, str, str, str]]:
        """Return the sort key for name clashes; the lowest wins."""
        # A third-party plugin named like its feature precedes others, because looking the name up
        # loads that plugin first: the winner must not depend on which plugins are loaded already.
        entry = self.entry
        return (not entry.builtin, entry.name.lower() != self.name.lower(), entry.rank())

    def missing_packages(self) -> tuple[str, ...]:
        """Return the import names of required packages that are not installed."""
        if isinstance(self.item, Command):
            return ()
        return tuple(name for name in self.item.requires if not is_installed(name))

    def hint(self) -> str:
        """Return the command that installs the required packages, ``''`` if it is unknown."""
        if isinstance(self.item, Command):
            return ""
        return install_hint(self.item.extra, builtin=self.entry.builtin)

    def unmet_requirements(self) -> str:
        """Return ``needs <packages>: <install command>``, ``''`` if nothing is missing."""
        missing = self.missing_packages()
        if not missing:
            return ""
        hint = self.hint()
        packages = ", ".join(missing)
        return f"needs {packages}: {hint}" if hint else f"needs {packages}, not installed"


def normalized(distribution: str) -> str:
    """Return the normalized name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", distribution.lower()).strip("-")


GROUP = "pypet"
UNKNOWN = "unknown"


class DiscoveredPlugin(NamedTuple):
    """An entry point, from the metadata of its distribution."""

    name: str
    module: str
    distribution: str
    version: str
    load: Callable[[], object]

    def entry(self) -> PluginEntry:
        """Return a new entry for a manager."""
        return PluginEntry(*self)


@cache
def discover() -> tuple[DiscoveredPlugin, ...]:
    """Return the entry points of all installed distributions, without importing their modules.

    pypet's own come first; the order is deterministic. The result is cached until
    `clear_discovered`.
    """
    found = {
        (entry.name, entry.value, _distribution_name(entry)): entry
        for entry in metadata.entry_points(group=GROUP)
    }
    plugins = [_discovered(entry) for entry in found.values()]
    return tuple(sorted(plugins, key=lambda plugin: plugin.entry().rank()))


def clear_discovered() -> None:
    """Clear the cache of `discover`, for example after an installation from a notebook."""
    importlib.invalidate_caches()
    discover.cache_clear()


def _discovered(entry: metadata.EntryPoint) -> DiscoveredPlugin:
    try:
        version = entry.dist.version if entry.dist is not None else None
    except FileNotFoundError:  # see below
        version = None
    module = entry.value.partition(":")[0].strip()
    return DiscoveredPlugin(
        entry.name, module, _distribution_name(entry), version or UNKNOWN, entry.load
    )


def _distribution_name(entry: metadata.EntryPoint) -> str:
    # Damaged metadata has no name, contrary to the annotations of the standard library. Once the
    # backport `importlib_metadata` is imported, as by Dask, reading it raises instead.
    try:
        name: str | None = entry.dist.name if entry.dist is not None else None
    except FileNotFoundError:
        return UNKNOWN
    return name or UNKNOWN
