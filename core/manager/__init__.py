"""Discovery, loading and lookup of plugins; the only part of pypet that calls hooks."""

from pypet.manager.entries import PluginEntry, Status
from pypet.manager.plugin_manager import (
    DISABLE_VARIABLE,
    DeclaredOption,
    PluginManager,
    get_manager,
    refresh,
    split_names,
)
from pypet.manager.report import FeatureReport, report

__all__ = [
    "DISABLE_VARIABLE",
    "DeclaredOption",
    "FeatureReport",
    "PluginEntry",
    "PluginManager",
    "Status",
    "get_manager",
    "refresh",
    "report",
    "split_names",
]
