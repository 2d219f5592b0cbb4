"""Families of established options whose feature a plugin gives, and the extra to install for it."""

from __future__ import annotations

from typing import NamedTuple


class PluginFamily(NamedTuple):
    """A family of options that do nothing unless some plugin declares them."""

    subject: str
    """What the plugin adds, for messages."""
    extra: str | None = None
    """The extra of pypet that brings what the plugin needs."""


PLUGIN_FAMILIES: dict[str, PluginFamily] = {
    "logging": PluginFamily("log files"),
    "progress": PluginFamily("reports of progress", "progress"),
    "multiprocess": PluginFamily("parallel runs"),
    "scoop": PluginFamily("runs on SCOOP", "scoop"),
    "dask": PluginFamily("runs on Dask", "dask"),
    "caps": PluginFamily("caps of CPU and memory", "monitor"),
    "resume": PluginFamily("resuming of experiments", "resume"),
    "git": PluginFamily("git", "git"),
    "sumatra": PluginFamily("Sumatra", "sumatra"),
    "config": PluginFamily("config files"),
}
"""Family of an option -> what its plugin is about. Options of other families are read by pypet
itself, or by the storage service, wrap mode or scheduler that the user chose."""
