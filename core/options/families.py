"""Families of options: whose feature a plugin gives, and in which section of a file they stand."""

from __future__ import annotations

from collections.abc import Sized

from pypet.interfaces import Option
from pypet.manager.absent import DASK, NETWORK, RESUMING, SCOOP, PluginFamily

PLUGIN_FAMILIES: dict[str, PluginFamily] = {
    "logging": PluginFamily("log files"),
    "progress": PluginFamily("reports of progress", "progress"),
    "multiprocess": PluginFamily("parallel runs"),
    "scoop": SCOOP,
    "dask": DASK,
    "network": NETWORK,
    "remote": PluginFamily(
        "runs on other hosts",
        names=tuple(sorted({*SCOOP.names, *NETWORK.names})),
        is_asked_for=False,
    ),
    "caps": PluginFamily("caps of CPU and memory", "monitor"),
    "resume": RESUMING,
    "git": PluginFamily("git", "git"),
    "sumatra": PluginFamily("Sumatra", "sumatra"),
    "config": PluginFamily("config files"),
}
"""Family of an option -> what its plugin is about; without it the option does nothing. Options of
other families are read by pypet itself, or by the storage service, wrap mode or scheduler that the
user chose."""


def lacking_family(option: Option, declarations: Sized) -> PluginFamily | None:
    """Return what nobody gives, so that nobody reads an option; None if somebody does.

    ``declarations`` are those of plugins of this option.
    """
    return None if len(declarations) else PLUGIN_FAMILIES.get(option.family)


CONFIG_SECTIONS = ("storage_service", "trajectory", "environment")
"""Sections of config files with options. Each takes all of them; of several the last one wins."""


def config_section(family: str) -> str:
    """Return the section of a config file where one looks for options of a family."""
    return {"storage": "storage_service", "trajectory": "trajectory"}.get(family, "environment")
