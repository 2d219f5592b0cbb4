"""A report of all plugins and their features, as rows for listings."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import Any

from pypet.interfaces import Command
from pypet.manager.entries import PluginEntry, RegisteredFeature, Status
from pypet.manager.plugin_manager import PluginManager
from pypet.manager.validation import HOOKS, REGISTER_PREFIX

NO_FAMILY = "-"
LIFECYCLE = "lifecycle"
OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class FeatureReport:
    """A feature, or a plugin without features."""

    family: str
    """Family of the feature; ``'lifecycle'`` or ``'options'`` for plugins that provide only these,
    ``'-'`` for plugins that are not loaded."""
    name: str
    plugin: str
    """Name of the entry point."""
    module: str
    distribution: str
    version: str
    status: Status
    reason: str = ""
    capabilities: dict[str, Any] = field(default_factory=dict)
    """Name of each capability -> its value."""
    traceback: str = ""
    """Of the exception with which the plugin failed, or why it is unavailable."""


def report(manager: PluginManager) -> list[FeatureReport]:
    """Load all plugins and return their features and states, sorted by family and name."""
    manager.load_all()
    rows = [row for entry in manager.entries for row in _rows(manager, entry)]
    return sorted(rows, key=lambda row: (row.family == NO_FAMILY, row.family, row.name.lower()))


def _rows(manager: PluginManager, entry: PluginEntry) -> list[FeatureReport]:
    if not entry.features:
        return [_row(entry, _kind(manager, entry), entry.name, entry.status, entry.reason)]
    return [
        _row(
            entry,
            feature.family.name,
            feature.name,
            *manager.feature_state(feature),
            _capabilities(feature),
        )
        for feature in entry.features
    ]


def _row(
    entry: PluginEntry,
    family: str,
    name: str,
    status: Status,
    reason: str,
    capabilities: dict[str, Any] | None = None,
) -> FeatureReport:
    return FeatureReport(
        family,
        name,
        entry.name,
        entry.module,
        entry.distribution,
        entry.version,
        status,
        reason,
        capabilities or {},
        "" if entry.error is None else "".join(traceback.format_exception(entry.error)),
    )


def _kind(manager: PluginManager, entry: PluginEntry) -> str:
    """Return the kind of a plugin without features."""
    if entry.plugin is None:
        return NO_FAMILY
    hooks = manager.hooks_of(entry)
    if any(not name.startswith(REGISTER_PREFIX) for name in hooks if name in HOOKS):
        return LIFECYCLE
    return OPTIONS if entry.options else NO_FAMILY


def _capabilities(feature: RegisteredFeature) -> dict[str, Any]:
    item = feature.item
    if isinstance(item, Command):
        return {}
    return {name: getattr(item, name, None) for name in item.capabilities}
