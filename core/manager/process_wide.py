"""The managers of this process: one for each set of plugins that are switched off."""

from __future__ import annotations

import os
from collections.abc import Iterable

from pypet.manager import discovery
from pypet.manager.plugin_manager import PluginManager

DISABLE_VARIABLE = "PYPET_DISABLE_PLUGINS"
"""Environment variable with names of plugins or distributions to switch off, comma-separated."""

_managers: dict[frozenset[str], PluginManager] = {}


def get_manager(disabled: str | Iterable[str] = ()) -> PluginManager:
    """Return the plugin manager of this process.

    ``disabled`` are names of plugins, features or distributions to switch off, beside those of
    ``PYPET_DISABLE_PLUGINS``; a text may hold several with commas. Names that nobody has are
    allowed here.
    """
    names = split_names(os.environ.get(DISABLE_VARIABLE, "")) | split_names(disabled)
    manager = _managers.get(names)
    if manager is None:
        manager = _managers.setdefault(names, PluginManager(names))
    return manager


def refresh() -> None:
    """Forget all plugins and managers; the next call of `get_manager` looks for plugins again.

    Needed after packages were installed or removed in a running process. Modules that are
    imported already stay what they are.
    """
    discovery.forget()
    _managers.clear()


def split_names(names: str | Iterable[str]) -> frozenset[str]:
    """Return single names in lower case; each text may hold several with commas."""
    texts = (names,) if isinstance(names, str) else names
    parts = (part.strip().lower() for text in texts for part in text.split(","))
    return frozenset(part for part in parts if part)
