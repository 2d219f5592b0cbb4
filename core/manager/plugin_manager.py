"""The plugin manager: loads plugins on demand and finds features by family and name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn, cast

from pypet.errors import MissingDependencyError, PluginError
from pypet.interfaces import (
    AdmissionGate,
    Command,
    ConfigReader,
    Display,
    Exporter,
    Journal,
    LoggingSetup,
    Option,
    Plot,
    ProgressReporter,
    Sampler,
    Scheduler,
    StorageService,
    TerminalWriter,
    Versioning,
    WrapMode,
)
from pypet.manager import families
from pypet.manager.entries import (
    PluginEntry,
    RegisteredFeature,
    Status,
    clear_discovered,
    discover,
    normalized,
)
from pypet.manager.families import Family
from pypet.manager.lifecycle import LifecycleHooks
from pypet.manager.loader import Loader
from pypet.manager.lookup_errors import (
    SWITCHED_OFF,
    entry_error,
    lookup_error,
    missing_feature_error,
    missing_packages_error,
)
from pypet.manager.optional_features import OptionalFeature, optional_plugin


class DeclaredOption(NamedTuple):
    """An option and the plugin that declares it."""

    option: Option
    entry: PluginEntry
    feature: RegisteredFeature | None
    """None if the option belongs to the plugin itself."""

    def unmet_requirements(self) -> str:
        """Return what the feature needs and how to install it, ``''`` if it is usable."""
        return self.feature.unmet_requirements() if self.feature is not None else ""


class PluginManager(LifecycleHooks):
    """Holds all plugins, loads each at most once, and wraps every hook in a typed method.

    Obtain one with `pypet.manager.get_manager`. Names of features are case-insensitive.
    Thread-safe; cannot be pickled, since each process has its own.
    """

    def __init__(
        self, disabled: Iterable[str] = (), entries: Iterable[PluginEntry] | None = None
    ) -> None:
        """Switch off the plugins, features and distributions named in ``disabled``.

        ``entries`` default to the installed plugins.
        """
        if entries is None:
            entries = [plugin.entry() for plugin in discover()]
        names = frozenset(name.strip().lower() for name in disabled if name.strip())
        self._loader = Loader(entries, names)
        self._registry = self._loader.registry
        super().__init__(self._loader.pluggy.hook, self._loader.label_of)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "A plugin manager cannot be pickled. Send the names of plugins to other processes "
            "and call pypet.manager.get_manager() there."
        )

    # ----- features by name -----------------------------------------------------------------

    def storage_service(self, name: str) -> type[StorageService]:
        """Return the storage service class of this name.

        Raises
        ------
        UnknownPluginError
            No plugin registers this name, or it is switched off.
        MissingDependencyError
            A required package is not installed.
        PluginError
            The plugin could not be loaded.
        """
        return cast("type[StorageService]", self._find(families.STORAGE, name))

    def storage_service_of_file(self, extension: str, default: str) -> str | None:
        """Return the name of the storage service that claims an ending of files; None for none.

        Of several, the one named ``default`` counts, else the first one. Its requirements may be
        missing.
        """
        self._loader.load(default)
        feature = self._registry.get(families.STORAGE, default)
        if feature is not None and extension.lower() in _extensions(feature):
            return feature.name
        self.load_all()
        found = (
            feature.name
            for feature in self.features(families.STORAGE)
            if extension.lower() in _extensions(feature)
        )
        return next(found, None)

    def file_extensions(self) -> dict[str, tuple[str, ...]]:
        """Return the endings of files that storage services claim, by name of the service."""
        self.load_all()
        features = self.features(families.STORAGE)
        return {feature.name: _extensions(feature) for feature in features if _extensions(feature)}

    def wrap_mode(self, name: str) -> type[WrapMode]:
        """Return the wrap mode class of this name; errors as for `storage_service`."""
        return cast("type[WrapMode]", self._find(families.WRAPPING, name))

    def scheduler(self, name: str) -> type[Scheduler]:
        """Return the scheduler class of this name; errors as for `storage_service`."""
        return cast("type[Scheduler]", self._find(families.SCHEDULING, name))

    def scheduler_chosen_by(self, switch: str) -> type[Scheduler]:
        """Return the scheduler that a switch among the options chooses, see `Scheduler.chosen_by`.

        Errors are those of `storage_service`.
        """
        self.load_all()
        for feature in self.features(families.SCHEDULING):
            if cast("type[Scheduler]", feature.item).chosen_by == switch:
                return self.scheduler(feature.name)
        raise missing_feature_error(
            f"{switch}=True" if switch else "Executing runs in this process",
            OptionalFeature("scheduling"),
            self.entries,
        )

    def exporter(self, name: str) -> type[Exporter]:
        """Return the exporter of this name; errors as for `storage_service`."""
        return cast("type[Exporter]", self._find(families.EXPORTING, name))

    def exporter_of_file(self, extension: str) -> str | None:
        """Return the name of the first exporter for an ending of files, None for none.

        Its requirements may be missing.
        """
        names = (
            name for name, endings in self.exporter_extensions().items() if extension in endings
        )
        return next(names, None)

    def exporter_extensions(self) -> dict[str, tuple[str, ...]]:
        """Return the endings of files of exporters, by name of the exporter."""
        self.load_all()
        return {
            feature.name: cast("type[Exporter]", feature.item).file_extensions
            for feature in self.features(families.EXPORTING)
        }

    def sampler(self, name: str) -> type[Sampler]:
        """Return the sampler class of this name; errors as for `storage_service`."""
        return cast("type[Sampler]", self._find(families.SAMPLING, name))

    def command(self, name: str) -> Command:
        """Return the sub-command of this name; errors as for `storage_service`."""
        return cast("Command", self._find(families.COMMANDS, name))

    def plot(self, name: str) -> type[Plot]:
        """Return the plot of this name; errors as for `storage_service`."""
        return cast("type[Plot]", self._find(families.PLOTTING, name))

    # ----- all features of a family ---------------------------------------------------------

    def storage_services(self) -> tuple[type[StorageService], ...]:
        """Return all usable storage service classes."""
        return cast("tuple[type[StorageService], ...]", self._all(families.STORAGE))

    def wrap_modes(self) -> tuple[type[WrapMode], ...]:
        """Return all usable wrap mode classes."""
        return cast("tuple[type[WrapMode], ...]", self._all(families.WRAPPING))

    def schedulers(self) -> tuple[type[Scheduler], ...]:
        """Return all usable scheduler classes."""
        return cast("tuple[type[Scheduler], ...]", self._all(families.SCHEDULING))

    def admission_gates(self) -> tuple[type[AdmissionGate], ...]:
        """Return all usable admission gate classes."""
        return cast("tuple[type[AdmissionGate], ...]", self._all(families.ADMISSION))

    def logging_setups(self) -> tuple[type[LoggingSetup], ...]:
        """Return all usable logging set-up classes."""
        return cast("tuple[type[LoggingSetup], ...]", self._all(families.LOGGING))

    def progress_reporters(self) -> tuple[type[ProgressReporter], ...]:
        """Return all usable progress reporter classes."""
        return cast("tuple[type[ProgressReporter], ...]", self._all(families.PROGRESS))

    def versionings(self) -> tuple[type[Versioning], ...]:
        """Return all usable versioning classes."""
        return cast("tuple[type[Versioning], ...]", self._all(families.VERSIONING))

    def journals(self) -> tuple[type[Journal], ...]:
        """Return all usable journal classes."""
        return cast("tuple[type[Journal], ...]", self._all(families.JOURNALING))

    def config_readers(self) -> tuple[type[ConfigReader], ...]:
        """Return all usable classes of config readers."""
        return cast("tuple[type[ConfigReader], ...]", self._all(families.CONFIG))

    def plots(self) -> tuple[type[Plot], ...]:
        """Return all usable plot classes."""
        return cast("tuple[type[Plot], ...]", self._all(families.PLOTTING))

    def displays(self) -> tuple[type[Display], ...]:
        """Return all usable display classes, those of other distributions first."""
        return cast("tuple[type[Display], ...]", self._all(families.DISPLAYING, others_first=True))

    def terminal_writers(self) -> tuple[type[TerminalWriter], ...]:
        """Return all usable terminal writer classes, those of other distributions first."""
        return cast(
            "tuple[type[TerminalWriter], ...]", self._all(families.TERMINAL, others_first=True)
        )

    def exporters(self) -> tuple[type[Exporter], ...]:
        """Return all usable exporter classes."""
        return cast("tuple[type[Exporter], ...]", self._all(families.EXPORTING))

    def samplers(self) -> tuple[type[Sampler], ...]:
        """Return all usable sampler classes."""
        return cast("tuple[type[Sampler], ...]", self._all(families.SAMPLING))

    def commands(self) -> tuple[Command, ...]:
        """Return all sub-commands of ``pypet``."""
        return cast("tuple[Command, ...]", self._all(families.COMMANDS))

    def options(self) -> tuple[DeclaredOption, ...]:
        """Return the options that plugins declare, including plugins with missing requirements.

        If several features declare the same option, the first declaration counts.
        """
        self.load_all()
        features = [feature for family in families.FAMILIES for feature in self.features(family)]
        of_features = [
            DeclaredOption(option, feature.entry, feature)
            for feature in features
            for option in feature.options
        ]
        of_plugins = [
            DeclaredOption(option, entry, None)
            for entry in self._loader.entries
            for option in entry.options
        ]
        return (*of_features, *of_plugins)

    # ----- plugins ------------------------------------------------------------------------

    @property
    def entries(self) -> tuple[PluginEntry, ...]:
        """All plugins and their states, pypet's own first."""
        for entry in self._loader.entries:
            self._loader.update_status(entry)
        return tuple(self._loader.entries)

    @property
    def disabled(self) -> frozenset[str]:
        """Names that are switched off, in lower case."""
        return self._loader.disabled

    def names(self) -> frozenset[str]:
        """Return the lower-case names of all plugins, features and distributions.

        Loads all plugins. Features of plugins that are switched off are unknown.
        """
        self.load_all()
        entries = self._loader.entries
        features = (feature.name for entry in entries for feature in entry.features)
        origins = (normalized(entry.distribution) for entry in entries)
        return frozenset(
            name.lower() for name in (*(entry.name for entry in entries), *features, *origins)
        )

    def load_all(self) -> None:
        """Load every plugin that is not loaded yet; failures are recorded in the entries.

        Raises
        ------
        PluginError
            Two of pypet's own plugins register features of the same name.
        """
        self._loader.load()

    def register(self, plugin: object, name: str) -> PluginEntry:
        """Register a plugin without entry point: a module or an object with hooks.

        Raises
        ------
        PluginError
            The plugin is invalid.
        """
        module = getattr(plugin, "__name__", type(plugin).__module__)
        entry = PluginEntry(name, module, "this process", "", lambda: plugin)
        self._loader.add(entry)
        if entry.status is Status.FAILED:
            raise PluginError(f"{entry.label} {entry.reason}") from entry.error
        return entry

    def leaf_class_path(self, class_name: str) -> str | None:
        """Return the dotted path of a class of parameters or results, None if no plugin has it.

        Loads all plugins. Of several with such a class the first in the order of names counts.
        """
        self.load_all()
        for entry in sorted(self.entries, key=PluginEntry.rank):
            for path in entry.leaf_classes if entry.status is Status.LOADED else ():
                if path.rpartition(".")[2] == class_name:
                    return path
        return None

    def attribute(self, entry_name: str, attribute: str, *, asked: str, hint: str = "") -> Any:
        """Return an attribute of the module of the entry point ``entry_name``.

        Messages name the request ``asked`` and the command ``hint`` that installs the plugin.

        Raises
        ------
        MissingDependencyError
            The plugin is not installed, or switched off.
        PluginError
            The plugin could not be loaded, or has no such attribute.
        """
        self._loader.load(entry_name)
        named = [e for e in self._loader.entries if e.name.lower() == entry_name.lower()]
        for entry in named:
            module = sys.modules.get(entry.module) if entry.plugin is not None else None
            if hasattr(module, attribute):
                return getattr(module, attribute)
        if not named:
            absent = optional_plugin(entry_name)
            if absent is not None:
                raise missing_feature_error(asked, absent, self.entries)
            missing = f"{asked} needs plugin {entry_name!r}, which is not installed"
            raise MissingDependencyError(f"{missing}: {hint}" if hint else f"{missing}.")
        entry = named[0]
        if entry.status is Status.BLOCKED:
            raise MissingDependencyError(
                f"{asked} needs plugin {entry_name!r}, which is {SWITCHED_OFF}."
            )
        error = entry_error(asked, entry)
        if error is None:
            error = PluginError(f"{asked} is not available: {entry.label} has no {attribute!r}.")
        raise error

    def features(self, family: Family) -> list[RegisteredFeature]:
        """Return the features of a family from all loaded plugins; winners of clashes only."""
        return self._registry.of(family)

    def note_option_clash(self, entry: PluginEntry, option: str, winner: str) -> bool:
        """Note that the declaration of an option by ``winner`` counts instead of that of a plugin.

        `PluginEntry.reason` then says so. Returns False if it was noted before.
        """
        return self._loader.note_option_clash(entry, option, winner)

    def registered(self, item: object) -> RegisteredFeature | None:
        """Return what is known of a class or command of a loaded plugin; None for others."""
        return next((feature for feature in self._registry if feature.item is item), None)

    def hooks_of(self, entry: PluginEntry) -> tuple[str, ...]:
        """Return the names of the hooks that a loaded plugin implements."""
        callers = self._loader.pluggy.get_hookcallers(entry.plugin) or ()
        return tuple(sorted(caller.name for caller in callers))

    def feature_state(self, feature: RegisteredFeature) -> tuple[Status, str]:
        """Return the state of one feature of a loaded plugin, and the reason for it."""
        return self._loader.feature_state(feature)

    def _find(self, family: Family, name: str) -> object:
        self._loader.load(name)
        feature = self._registry.get(family, name)
        if feature is None:
            self.load_all()
            feature = self._registry.get(family, name)
        if feature is None:
            known = self._registry.of(family)
            raise lookup_error(family, name, known, self.entries, self.disabled)
        if feature.missing_packages():
            raise missing_packages_error(feature)
        return feature.item

    def _all(self, family: Family, *, others_first: bool = False) -> tuple[object, ...]:
        self.load_all()
        usable = [f for f in self._registry.of(family) if not f.missing_packages()]
        if others_first:
            usable.sort(key=lambda feature: feature.entry.builtin)
        return tuple(feature.item for feature in usable)


def _extensions(feature: RegisteredFeature) -> tuple[str, ...]:
    return cast("type[StorageService]", feature.item).file_extensions


DISABLE_VARIABLE = "PYPET_DISABLE_PLUGINS"
"""Environment variable: comma-separated names of plugins or distributions to switch off."""

_managers: dict[frozenset[str], PluginManager] = {}


def get_manager(disabled: str | Iterable[str] = ()) -> PluginManager:
    """Return the plugin manager of this process.

    ``disabled`` names plugins, features or distributions to switch off in addition to those in
    ``PYPET_DISABLE_PLUGINS``; a string may hold several, separated by commas. Unknown names are
    allowed. There is one manager for each set of disabled names.
    """
    names = split_names(os.environ.get(DISABLE_VARIABLE, "")) | split_names(disabled)
    manager = _managers.get(names)
    if manager is None:
        manager = _managers.setdefault(names, PluginManager(names))
    return manager


def refresh() -> None:
    """Discard all managers; the next call of `get_manager` discovers plugins again.

    Needed after packages were installed or removed in a running process. Imported modules are not
    reloaded.
    """
    clear_discovered()
    _managers.clear()


def split_names(names: str | Iterable[str]) -> frozenset[str]:
    """Return single names in lower case; each string may hold several, separated by commas."""
    texts = (names,) if isinstance(names, str) else names
    parts = (part.strip().lower() for text in texts for part in text.split(","))
    return frozenset(part for part in parts if part)
