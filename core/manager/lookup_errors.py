"""Errors for features that were requested and are not available."""

from __future__ import annotations

from collections.abc import Sequence

from pypet.errors import MissingDependencyError, PluginError, UnknownPluginError
from pypet.manager.entries import PluginEntry, RegisteredFeature, Status
from pypet.manager.families import Family
from pypet.manager.optional_features import OptionalFeature, optional_feature
from pypet.support.spelling import did_you_mean
from pypet.version import __version__


def missing_feature_error(
    asked: str, family: OptionalFeature, entries: Sequence[PluginEntry]
) -> MissingDependencyError | UnknownPluginError:
    """Return the error for the request ``asked`` of a feature that no plugin provides.

    Expects that loading of all ``entries`` has been attempted.
    """
    text = f"{asked} needs a plugin for {family.subject}, "
    if family.names and not any(entry.name.lower() in family.names for entry in entries):
        # No extra would help: extras install the packages that plugins need, not plugins.
        text += (
            f"which is not part of this version of pypet ({__version__}), and no other installed "
            "distribution has one: leave it out."
        )
    elif sentences := unusable_plugins(entries):
        text += "and there is none that is switched on and works."
        text += "".join(f" {sentence}." for sentence in sentences)
    else:
        text += "and no installed distribution has one that is in use."
    text += " `pypet plugins` lists what there is."
    is_expected = family.extra is not None or family.names
    return MissingDependencyError(text) if is_expected else UnknownPluginError(text)


def unusable_plugins(entries: Sequence[PluginEntry]) -> list[str]:
    """Return sentences, without full stop, that list failed and blocked plugins."""
    failed = [
        f"{entry.name} ({entry.reason})"
        for entry in entries
        if entry.status is Status.FAILED
        or (entry.status is Status.UNAVAILABLE and not entry.features)
    ]
    blocked = [entry.name for entry in entries if entry.status is Status.BLOCKED]
    sentences = []
    if failed:
        sentences.append(f"Failed plugins: {', '.join(failed)}")
    if blocked:
        sentences.append(f"Switched off: {', '.join(blocked)}")
    return sentences


SWITCHED_OFF = "switched off by PYPET_DISABLE_PLUGINS or `disable_plugins`"


def missing_packages_error(feature: RegisteredFeature) -> MissingDependencyError:
    """Return the error for a feature whose packages are not installed."""
    asked = feature.family.request_text(feature.name)
    return MissingDependencyError(f"{asked} {feature.unmet_requirements()}")


def lookup_error(
    family: Family,
    name: str,
    features: Sequence[RegisteredFeature],
    entries: Sequence[PluginEntry],
    disabled: frozenset[str],
) -> Exception:
    """Return the error for a name that no usable feature of the family has.

    ``features`` are those of the family. Expects that loading of all ``entries`` was attempted.
    """
    asked = family.request_text(name)
    for entry in entries:
        if entry.name.lower() == name.lower():
            error = entry_error(asked, entry)
            if error is not None:
                return error
    if name.lower() in disabled:
        return UnknownPluginError(f"{asked} is {SWITCHED_OFF}.")
    absent = optional_feature(family, name)
    if absent is not None:
        return missing_feature_error(asked, absent, entries)
    return UnknownPluginError(_unknown(family, name, features, entries))


def entry_error(asked: str, entry: PluginEntry) -> Exception | None:
    """Return the error for the request ``asked`` of this plugin, None if it works."""
    if entry.status is Status.FAILED:
        error: Exception = PluginError(f"{asked} is not available: {entry.label} {entry.reason}")
        error.__cause__ = entry.error
        return error
    if entry.status is Status.UNAVAILABLE and not entry.features:
        error = MissingDependencyError(f"{asked} is not available: {entry.label} {entry.reason}")
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
    available = [feature.name for feature in features if not feature.missing_packages()]
    sentences = [
        f"No {family.noun} named {name!r}",
        f"Available: {', '.join(available) or 'none'}",
    ]
    unavailable = [
        f"{feature.name} ({feature.hint() or feature.unmet_requirements()})"
        for feature in features
        if feature.missing_packages()
    ]
    if unavailable:
        sentences.append(f"Unavailable: {', '.join(unavailable)}")
    sentences.extend(unusable_plugins(entries))
    if not entries:
        sentences.append("No plugin is installed at all; install pypet itself with pip")
    text = "".join(f"{sentence}. " for sentence in sentences).rstrip()
    return text + did_you_mean(name, [feature.name for feature in features])
