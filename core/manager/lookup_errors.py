"""The errors for a feature that somebody asked for by name and that cannot be had."""

from __future__ import annotations

from collections.abc import Sequence

from pypet.errors import MissingDependencyError, PluginError, UnknownPluginError
from pypet.manager.absent import absence_error, absent_plugins, announced
from pypet.manager.entries import PluginEntry, RegisteredFeature, Status
from pypet.manager.families import Family
from pypet.manager.nearest import did_you_mean

SWITCHED_OFF = "switched off by PYPET_DISABLE_PLUGINS or `disable_plugins`"


def missing_packages_error(feature: RegisteredFeature) -> MissingDependencyError:
    """Return the error for a feature whose packages are not installed."""
    asked = feature.family.asked_for(feature.name)
    return MissingDependencyError(f"{asked} {feature.needs()}")


def lookup_error(
    family: Family,
    name: str,
    features: Sequence[RegisteredFeature],
    entries: Sequence[PluginEntry],
    disabled: frozenset[str],
) -> Exception:
    """Return the error for a name that no usable feature of the family has.

    ``features`` are those of the family; all of ``entries`` have been loaded as far as they can.
    """
    asked = family.asked_for(name)
    for entry in entries:
        if entry.name.lower() == name.lower():
            error = entry_error(asked, entry)
            if error is not None:
                return error
    if name.lower() in disabled:
        return UnknownPluginError(f"{asked} is {SWITCHED_OFF}.")
    absent = announced(family, name)
    if absent is not None:
        return absence_error(asked, absent, entries)
    return UnknownPluginError(_unknown(family, name, features, entries))


def entry_error(asked: str, entry: PluginEntry) -> Exception | None:
    """Return the error for somebody who needs this very plugin, None if it works."""
    if entry.status is Status.FAILED:
        error: Exception = PluginError(f"{asked} cannot be had: {entry.label} {entry.reason}")
        error.__cause__ = entry.error
        return error
    if entry.status is Status.UNAVAILABLE and not entry.features:
        error = MissingDependencyError(f"{asked} cannot be had: {entry.label} {entry.reason}")
        error.__cause__ = entry.error
        return error
    if entry.status is Status.BLOCKED:
        return UnknownPluginError(f"{asked} is {SWITCHED_OFF}.")
    return None


def _unknown(
    family: Family,
    name: str,
    features: Sequence[RegisteredFeature],
    entries: Sequence[PluginEntry],
) -> str:
    available = [feature.name for feature in features if not feature.missing()]
    sentences = [
        f"No {family.noun} named {name!r}",
        f"Available: {', '.join(available) or 'none'}",
    ]
    unavailable = [
        f"{feature.name} ({feature.hint() or feature.needs()})"
        for feature in features
        if feature.missing()
    ]
    if unavailable:
        sentences.append(f"Unavailable: {', '.join(unavailable)}")
    sentences.extend(absent_plugins(entries))
    if not entries:
        sentences.append("No plugin is installed at all; install pypet itself with pip")
    text = "".join(f"{sentence}. " for sentence in sentences).rstrip()
    return text + did_you_mean(name, [feature.name for feature in features])
