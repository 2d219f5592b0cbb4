"""Features that users know of while no plugin gives them: what to say about these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pypet.errors import MissingDependencyError, UnknownPluginError
from pypet.manager import families
from pypet.manager.entries import PluginEntry, Status
from pypet.manager.families import Family
from pypet.version import __version__


class PluginFamily(NamedTuple):
    """What plugins of one kind are about."""

    subject: str
    """What such a plugin adds, for messages."""
    extra: str | None = None
    """The extra of pypet that brings what the plugin needs."""
    names: tuple[str, ...] = ()
    """Names of its plugins, in lower case, where a version of pypet may have none."""
    is_asked_for: bool = True
    """Whether a value of its options asks for the feature, and does not only say how it works."""


SCOOP = PluginFamily("runs on SCOOP", "scoop", ("scoop",))
DASK = PluginFamily("runs on Dask", names=("dask",))
RESUMING = PluginFamily("resuming of experiments", "resume", ("resume",))
NETWORK = PluginFamily("storing over a network", "net", ("netlock", "netqueue"))

_ANNOUNCED = {
    (families.WRAPPING, "netlock"): NETWORK,
    (families.WRAPPING, "netqueue"): NETWORK,
    (families.SCHEDULING, "scoop"): SCOOP,
    (families.SCHEDULING, "dask"): DASK,
}
"""Established names, in lower case, that an installation need not have: no misspelled others."""

_BY_PLUGIN = {name: kind for kind in (SCOOP, DASK, RESUMING, NETWORK) for name in kind.names}
ANNOUNCED_NAMES = frozenset(_BY_PLUGIN)
"""Names of plugins, in lower case, that an installation need not have."""


def announced(family: Family, name: str) -> PluginFamily | None:
    """Return what an established name stands for, None if it is none that may be absent."""
    return _ANNOUNCED.get((family, name.lower()))


def announced_plugin(name: str) -> PluginFamily | None:
    """Return what a plugin of this name is about, None if it is none that may be absent."""
    return _BY_PLUGIN.get(name.lower())


def absence_error(
    asked: str, family: PluginFamily, entries: Sequence[PluginEntry]
) -> MissingDependencyError | UnknownPluginError:
    """Return the error for somebody who asked for what no plugin gives.

    ``asked`` is what the user wrote; all of ``entries`` have been loaded as far as they can.
    """
    text = f"{asked} needs a plugin for {family.subject}, "
    if family.names and not any(entry.name.lower() in family.names for entry in entries):
        # No extra helps: extras bring packages that plugins need, but no plugins.
        text += (
            f"which is not part of this version of pypet ({__version__}), and no other installed "
            "distribution has one: leave it out."
        )
    elif sentences := absent_plugins(entries):
        text += "and there is none that is switched on and works."
        text += "".join(f" {sentence}." for sentence in sentences)
    else:
        text += "and no installed distribution has one that is in use."
    text += " `pypet plugins` lists what there is."
    is_expected = family.extra is not None or family.names
    return MissingDependencyError(text) if is_expected else UnknownPluginError(text)


def absent_plugins(entries: Sequence[PluginEntry]) -> list[str]:
    """Return sentences, without full stop, that name plugins that do not work or are blocked."""
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
