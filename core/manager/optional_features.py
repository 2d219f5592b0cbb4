"""What an installation may lack, for messages: data by which the rest of core asks for features."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple

from pypet.manager.families import Family


class OptionalFeature(NamedTuple):
    """A feature that pypet documents and that an installation may lack.

    Nobody else can say what an absent plugin would be for. So this table is the one place, beside
    that of aliases, where pypet's core knows plugins by name.
    """

    subject: str
    """What it adds, for messages."""
    extra: str | None = None
    """The extra of pypet that installs its requirements."""
    names: tuple[str, ...] = ()
    """Lower-case names of its plugins, if a version of pypet may come without them."""
    chosen_by: str | None = None
    """The option that takes these names as values, of schedulers or wrap modes."""
    is_required: bool = True
    """Whether setting one of its options requires the feature, or merely configures it."""


_SCOOP = OptionalFeature("runs on SCOOP", "scoop", ("scoop",), "scheduler")
_NETWORK = OptionalFeature(
    "storing over a network", "net", ("netlock", "netqueue"), chosen_by="wrap_mode"
)

OPTIONAL_FEATURES: MappingProxyType[str, OptionalFeature] = MappingProxyType(
    {
        "logging": OptionalFeature("log files"),
        "progress": OptionalFeature("reports of progress", "progress"),
        "multiprocess": OptionalFeature("parallel runs"),
        "scoop": _SCOOP,
        "dask": OptionalFeature("runs on Dask", names=("dask",), chosen_by="scheduler"),
        "network": _NETWORK,
        "remote": OptionalFeature(
            "runs on other hosts",
            names=tuple(sorted({*_SCOOP.names, *_NETWORK.names})),
            is_required=False,
        ),
        "caps": OptionalFeature("caps of CPU and memory", "monitor"),
        "resume": OptionalFeature("resuming of experiments", "resume", ("resume",)),
        "git": OptionalFeature("git", "git"),
        "sumatra": OptionalFeature("Sumatra", "sumatra"),
        "config": OptionalFeature("config files"),
    }
)
"""Family of an option -> the feature that reads it. Options of other families are read by pypet
itself, or by the selected storage service, wrap mode or scheduler."""


def optional_plugin_names() -> frozenset[str]:
    """Return the lower-case names of plugins that an installation may lack."""
    return frozenset(name for feature in OPTIONAL_FEATURES.values() for name in feature.names)


def optional_feature(family: Family, name: str) -> OptionalFeature | None:
    """Return the optional feature that a name of a family stands for, None for other names."""
    for feature in OPTIONAL_FEATURES.values():
        chooses = feature.chosen_by is not None and feature.chosen_by == family.option
        if chooses and name.lower() in feature.names:
            return feature
    return None


def optional_plugin(name: str) -> OptionalFeature | None:
    """Return the optional feature of the plugin with this name, None for other names."""
    features = OPTIONAL_FEATURES.values()
    return next((each for each in features if name.lower() in each.names), None)
