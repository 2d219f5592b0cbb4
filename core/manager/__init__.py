"""Finding, loading and asking plugins; the only part of pypet that touches hooks."""

from pypet.manager.entries import PluginEntry, Status
from pypet.manager.plugin_manager import DeclaredOption, PluginManager
from pypet.manager.process_wide import DISABLE_VARIABLE, get_manager, refresh, split_names
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
