"""Families of options: whose feature a plugin gives, and in which section of a file they stand."""

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

CONFIG_SECTIONS = ("storage_service", "trajectory", "environment")
"""Sections of config files with options. Each takes all of them; of several the last one wins."""


def config_section(family: str) -> str:
    """Return the section of a config file where one looks for options of a family."""
    return {"storage": "storage_service", "trajectory": "trajectory"}.get(family, "environment")
