"""Loading of plugins one by one, and the registry of their features by family and name."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pluggy

from pypet import hookspecs
from pypet.errors import MissingDependencyError, PluginError, PluginWarning
from pypet.interfaces import Option
from pypet.manager.entries import PluginEntry, RegisteredFeature, Status, normalized
from pypet.manager.families import Family
from pypet.manager.lookup_errors import SWITCHED_OFF
from pypet.manager.validation import call_register_hooks, check_hooks
from pypet.markers import PROJECT_NAME


class Registry:
    """Holds one feature for each family and lower-case name."""

    def __init__(self) -> None:
        self._features: dict[tuple[str, str], RegisteredFeature] = {}

    def add(self, feature: RegisteredFeature) -> tuple[RegisteredFeature, RegisteredFeature] | None:
        """Add a feature; if its name was registered already, return the winner and the loser.

        Raises
        ------
        PluginError
            Both are part of pypet.
        """
        other = self._features.get(feature.key)
        if other is None:
            self._features[feature.key] = feature
            return None
        if other.entry.builtin and feature.entry.builtin:
            raise PluginError(
                f"{feature.family.noun.capitalize()} {feature.name!r} is registered twice by "
                f"{feature.entry.origin}: by the entry points {other.entry.name!r} and "
                f"{feature.entry.name!r}."
            )
        winner, loser = sorted((other, feature), key=RegisteredFeature.rank)
        self._features[feature.key] = winner
        return winner, loser

    def get(self, family: Family, name: str) -> RegisteredFeature | None:
        """Return the feature of this name, in any case of letters."""
        return self._features.get((family.name, name.lower()))

    def of(self, family: Family) -> list[RegisteredFeature]:
        """Return all features of a family: pypet's own first, then by distribution and name."""
        found = (feature for feature in self._features.values() if feature.family is family)
        return sorted(found, key=lambda feature: (feature.entry.rank(), feature.name.lower()))

    def other_holder(self, feature: RegisteredFeature) -> RegisteredFeature | None:
        """Return another feature registered under the name of this one, None if there is none."""
        holder = self._features.get(feature.key)
        return None if holder is feature else holder

    def __iter__(self) -> Iterator[RegisteredFeature]:
        return iter(self._features.values())


_logger = logging.getLogger(__name__)


class _Clash(NamedTuple):
    winner: RegisteredFeature
    loser: RegisteredFeature


class Loader:
    """Imports plugins, registers their features, and tracks the state of each.

    Each plugin is loaded at most once. A plugin that fails does not affect the others. Thread-safe.
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
        """Load the plugins with this entry-point name, regardless of case; None: all.

        Raises
        ------
        PluginError
            Two of pypet's own plugins register features of the same name.
        """
        with self._lock:
            chosen = [
                entry
                for entry in self._pending
                if name is None or entry.name.lower() == name.lower()
            ]
            self._load(chosen)

    def add(self, entry: PluginEntry) -> None:
        """Add a plugin and load it."""
        with self._lock:
            self.entries.append(entry)
            self._load([entry])

    def label_of(self, plugin: object) -> str:
        """Return name and distribution of a loaded plugin for messages."""
        entry = self._by_plugin.get(id(plugin))
        return entry.label if entry is not None else repr(plugin)

    def feature_state(self, feature: RegisteredFeature) -> tuple[Status, str]:
        """Return the state of a feature of a loaded plugin, and the reason for it."""
        if feature.name.lower() in self.disabled:
            return Status.BLOCKED, f"{feature.name!r} is {SWITCHED_OFF}"
        winner = self.registry.other_holder(feature)
        if winner is not None:
            return Status.SHADOWED, f"{feature.name!r} is taken by {winner.entry.label}"
        if feature.missing_packages():
            return Status.UNAVAILABLE, feature.unmet_requirements()
        return Status.LOADED, _clash_reasons(feature.entry, feature.options)

    def _blocks(self, entry: PluginEntry) -> bool:
        """Return whether the user switched a plugin off; mark its entry as blocked if so."""
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
            # Removed first, because a plugin may look up features while it is imported.
            if entry in self._pending:
                self._pending.remove(entry)
            try:
                self._register(entry, entry.load())
            except (Exception, SystemExit) as err:
                _record_fault(entry, err)
                continue
            try:
                clashes += self._add_features(entry)
            except PluginError as err:
                _record_fault(entry, err)
                faults.append(err)
        # Warnings come last, when the state is consistent: filters may turn them into errors.
        for clash in clashes:
            _warn_clash(clash)
        if faults:
            raise faults[0]

    def _register(self, entry: PluginEntry, plugin: object) -> None:
        """Register a plugin with pluggy and call its register hooks; undo it if one raises."""
        twin = self._by_plugin.get(id(plugin))
        if twin is not None:
            entry.status, entry.reason = Status.SHADOWED, f"it is the same module as {twin.label}"
            return
        check_hooks(self.pluggy, plugin)
        self.pluggy.register(plugin, f"{entry.distribution}:{entry.name}:{id(entry)}")
        entry.plugin = plugin
        self._by_plugin[id(plugin)] = entry
        try:
            call_register_hooks(self.pluggy, entry)
        except BaseException:
            self.pluggy.unregister(plugin)
            del self._by_plugin[id(plugin)]
            entry.plugin = None
            raise

    def _add_features(self, entry: PluginEntry) -> list[_Clash]:
        """Register the features of a plugin, derive its state, and return the name clashes."""
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
            self.update_status(changed)
        return clashes

    def note_option_clash(self, entry: PluginEntry, option: str, winner: str) -> bool:
        """See `PluginManager.note_option_clash`."""
        with self._lock:
            if option in entry.option_clashes:
                return False
            entry.option_clashes[option] = winner
        self.update_status(entry)
        return True

    def update_status(self, entry: PluginEntry) -> None:
        """Derive the state of a loaded plugin, and its reason, from those of its features."""
        if entry.plugin is None or entry.status is Status.FAILED:
            return
        states = [self.feature_state(feature) for feature in entry.features]
        kinds = {status for status, _ in states}
        entry.status = kinds.pop() if len(kinds) == 1 else Status.LOADED
        reasons = [*(reason for _, reason in states), _clash_reasons(entry, entry.options)]
        entry.reason = "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _clash_reasons(entry: PluginEntry, options: Iterable[Option]) -> str:
    """Return which of these options of a plugin are declared by another one, ``''`` for none."""
    clashes = entry.option_clashes
    return "; ".join(
        f"option {option.name!r} is declared by {clashes[option.name]}"
        for option in options
        if option.name in clashes
    )


def _record_fault(entry: PluginEntry, err: BaseException) -> None:
    """Record in an entry why its plugin could not be loaded."""
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
    _logger.warning("Continuing without %s: it %s", entry.label, entry.reason)


def _is_foreign(missing: str | None, module: str) -> bool:
    """Return whether a missing module belongs to another package than the plugin."""
    if missing is None:
        return False
    # A module that this version of pypet lacks is no package to install.
    return missing.partition(".")[0] not in (module.partition(".")[0], PROJECT_NAME)


def _one_line(err: BaseException) -> str:
    return " ".join(str(err).split()) or "no message"


def _warn_clash(clash: _Clash) -> None:
    winner, loser = clash
    warnings.warn(
        f"Two plugins give a {winner.family.noun} {winner.name!r}: {winner.entry.label} is used, "
        f"{loser.entry.label} is not. Switch one of them off with `disable_plugins` or "
        "PYPET_DISABLE_PLUGINS.",
        PluginWarning,
        stacklevel=4,
    )
