"""Features that users know of while no plugin gives them: what to say about these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pypet.errors import MissingDependencyError, UnknownPluginError
from pypet.manager import families
from pypet.manager.entries import PluginEntry, Status
from pypet.manager.families import Family
from pypet.support.optional import install_hint


class PluginFamily(NamedTuple):
    """What plugins of one kind are about."""

    subject: str
    """What such a plugin adds, for messages."""
    extra: str | None = None
    """The extra of pypet that brings what the plugin needs."""


SCOOP = PluginFamily("runs on SCOOP", "scoop")
DASK = PluginFamily("runs on Dask", "dask")
_NETWORK = PluginFamily("storing over a network", "net")

_ANNOUNCED = {
    (families.WRAPPING, "netlock"): _NETWORK,
    (families.WRAPPING, "netqueue"): _NETWORK,
    (families.SCHEDULING, "scoop"): SCOOP,
    (families.SCHEDULING, "dask"): DASK,
}
"""Established names, in lower case, that an installation need not have: no misspelled others."""


def announced(family: Family, name: str) -> PluginFamily | None:
    """Return what an established name stands for, None if it is none that may be absent."""
    return _ANNOUNCED.get((family, name.lower()))


def absence_error(
    asked: str, family: PluginFamily, entries: Sequence[PluginEntry]
) -> MissingDependencyError | UnknownPluginError:
    """Return the error for somebody who asked for what no plugin gives.

    ``asked`` is what the user wrote; all of ``entries`` have been loaded as far as they can.
    """
    text = (
        f"{asked} needs a plugin for {family.subject}, and there is none that is switched on; "
        "`pypet plugins` lists what there is."
    )
    hint = install_hint(family.extra)
    if hint:
        text += f" If this release of pypet has one, it works with {hint}."
    text += "".join(f" {sentence}." for sentence in absent_plugins(entries))
    return MissingDependencyError(text) if hint else UnknownPluginError(text)


def absent_plugins(entries: Sequence[PluginEntry]) -> list[str]:
    """Return sentences, without full stop, that name the plugins that failed or are blocked."""
    failed = [entry.name for entry in entries if entry.status is Status.FAILED]
    blocked = [entry.name for entry in entries if entry.status is Status.BLOCKED]
    sentences = []
    if failed:
        sentences.append(f"Failed plugins, see `pypet plugins`: {', '.join(failed)}")
    if blocked:
        sentences.append(f"Switched off: {', '.join(blocked)}")
    return sentences
