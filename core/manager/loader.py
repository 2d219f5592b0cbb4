"""Loading plugins one by one, so that the fault of one stays that plugin's."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterable
from typing import NamedTuple

import pluggy

from pypet import hookspecs
from pypet.errors import MissingDependencyError, PluginError, PluginWarning
from pypet.manager.declarations import ask_plugin
from pypet.manager.entries import PluginEntry, RegisteredFeature, Status, normalized
from pypet.manager.hookcheck import check_hooks
from pypet.manager.lookup_errors import SWITCHED_OFF
from pypet.manager.registry import Registry
from pypet.markers import PROJECT_NAME

_logger = logging.getLogger(__name__)


class _Clash(NamedTuple):
    winner: RegisteredFeature
    loser: RegisteredFeature


class Loader:
    """Imports plugins, asks them for their features, and keeps the state of each.

    Each plugin is loaded at most once. Safe to use from several threads.
    """

    def __init__(self, entries: Iterable[PluginEntry], disabled: frozenset[str]) -> None:
        self.entries = sorted(entries, key=PluginEntry.rank)
        self.disabled = disabled
        self.registry = Registry()
        self.pluggy = pluggy.PluginManager(PROJECT_NAME)
        self.pluggy.add_hookspecs(hookspecs)
        self._lock = threading.RLock()
        self._by_plugin: dict[int, PluginEntry] = {}
        self._pending = [entry for entry in self.entries if not self._blocks(entry)]

    def load(self, name: str | None = None) -> None:
        """Load the plugins of this entry-point name, in any case of letters; None: all.

        Raises
        ------
        PluginError
            Two of pypet's own plugins give a feature of the same name.
        """
        with self._lock:
            chosen = [
                entry
                for entry in self._pending
                if name is None or entry.name.lower() == name.lower()
            ]
            self._load(chosen)

    def add(self, entry: PluginEntry) -> None:
        """Take in one more plugin and load it."""
        with self._lock:
            self.entries.append(entry)
            self._load([entry])

    def label_of(self, plugin: object) -> str:
        """Return name and distribution of a loaded plugin, for messages."""
        entry = self._by_plugin.get(id(plugin))
        return entry.label if entry is not None else repr(plugin)

    def feature_state(self, feature: RegisteredFeature) -> tuple[Status, str]:
        """Return the state of one feature of a loaded plugin, and the reason for it."""
        if feature.name.lower() in self.disabled:
            return Status.BLOCKED, f"{feature.name!r} is {SWITCHED_OFF}"
        winner = self.registry.winner_over(feature)
        if winner is not None:
            return Status.SHADOWED, f"{feature.name!r} is taken by {winner.entry.label}"
        if feature.missing():
            return Status.UNAVAILABLE, feature.needs()
        return Status.LOADED, ""

    def _blocks(self, entry: PluginEntry) -> bool:
        """Mark an entry as blocked if the user switched it off, and return whether so."""
        if entry.name.lower() in self.disabled:
            entry.reason = f"plugin {entry.name!r} is {SWITCHED_OFF}"
        elif normalized(entry.distribution) in {normalized(name) for name in self.disabled}:
            entry.reason = f"distribution {entry.distribution!r} is {SWITCHED_OFF}"
        else:
            return False
        entry.status = Status.BLOCKED
        return True

    def _load(self, entries: list[PluginEntry]) -> None:
        clashes: list[_Clash] = []
        faults: list[PluginError] = []
        for entry in entries:
            # Out of the list first: a plugin may ask for features while it is imported.
            if entry in self._pending:
                self._pending.remove(entry)
            try:
                self._adopt(entry, entry.load())
            except (Exception, SystemExit) as err:
                _record_fault(entry, err)
                continue
            try:
                clashes += self._take_in(entry)
            except PluginError as err:
                _record_fault(entry, err)
                faults.append(err)
        # Only now, when all is consistent: warnings may be turned into errors.
        for clash in clashes:
            _warn_of(clash)
        if faults:
            raise faults[0]

    def _adopt(self, entry: PluginEntry, plugin: object) -> None:
        """Let pluggy know the plugin and ask it what it gives; all or nothing."""
        twin = self._by_plugin.get(id(plugin))
        if twin is not None:
            entry.status, entry.reason = Status.SHADOWED, f"it is the same module as {twin.label}"
            return
        check_hooks(self.pluggy, plugin)
        self.pluggy.register(plugin, f"{entry.distribution}:{entry.name}:{id(entry)}")
        entry.plugin = plugin
        self._by_plugin[id(plugin)] = entry
        try:
            entry.features, entry.options = ask_plugin(self.pluggy, entry)
        except BaseException:
            self.pluggy.unregister(plugin)
            del self._by_plugin[id(plugin)]
            entry.plugin = None
            raise

    def _take_in(self, entry: PluginEntry) -> list[_Clash]:
        """Register what a plugin gives, derive its state, and return the name clashes."""
        if entry.plugin is None:
            return []
        clashes = []
        for feature in entry.features:
            if feature.name.lower() in self.disabled:
                continue
            clash = self.registry.add(feature)
            if clash is not None:
                clashes.append(_Clash(*clash))
        for changed in (entry, *(clash.loser.entry for clash in clashes)):
            self.settle(changed)
        return clashes

    def settle(self, entry: PluginEntry) -> None:
        """Derive state and reason of a loaded plugin from those of its features."""
        if entry.plugin is None or entry.status is Status.FAILED:
            return
        states = [self.feature_state(feature) for feature in entry.features]
        kinds = {status for status, _ in states}
        entry.status = kinds.pop() if len(kinds) == 1 else Status.LOADED
        entry.reason = "; ".join(dict.fromkeys(reason for _, reason in states if reason))


def _record_fault(entry: PluginEntry, err: BaseException) -> None:
    """Note in an entry why its plugin could not be loaded."""
    entry.error = err
    foreign = isinstance(err, ModuleNotFoundError) and _is_foreign(err.name, entry.module)
    if foreign or isinstance(err, MissingDependencyError):
        entry.status = Status.UNAVAILABLE
        entry.reason = f"could not be imported: {_one_line(err)}"
        return
    entry.status = Status.FAILED
    if isinstance(err, PluginError | pluggy.PluginValidationError):
        entry.reason = f"broke the contract of plugins: {_one_line(err)}"
    else:
        entry.reason = f"raised {type(err).__name__}: {_one_line(err)}"
    _logger.warning("Going on without %s: it %s", entry.label, entry.reason)


def _is_foreign(missing: str | None, module: str) -> bool:
    """Return whether a module that is missing belongs to another package than the plugin's."""
    return missing is not None and missing.partition(".")[0] != module.partition(".")[0]


def _one_line(err: BaseException) -> str:
    return " ".join(str(err).split()) or "no message"


def _warn_of(clash: _Clash) -> None:
    winner, loser = clash
    warnings.warn(
        f"Two plugins give a {winner.family.noun} {winner.name!r}: {winner.entry.label} is used, "
        f"{loser.entry.label} is not. Switch one of them off with `disable_plugins` or "
        "PYPET_DISABLE_PLUGINS.",
        PluginWarning,
        stacklevel=4,
    )
