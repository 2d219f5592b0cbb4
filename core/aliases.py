"""Public names of plugins under the established paths of scripts.

This table is the only place where pypet's core refers to plugins by name. Importing a module with
aliases loads nothing; a plugin is loaded when one of its names is used.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, NamedTuple

from pypet.support.optional import install_hint


class Alias(NamedTuple):
    """The plugin that defines a name."""

    entry: str
    """Name of the entry point."""
    attribute: str
    """Name in the module of the entry point."""
    extra: str | None = None
    """The extra of pypet to install if there is no such entry point."""


_HDF5 = Alias("hdf5", "HDF5StorageService", "hdf5")
_COMPACTING = Alias("hdf5", "compact_hdf5_file", "hdf5")
_LAZY = Alias("lazy", "LazyStorageService")

_LOGGING_NAMES = (
    "FILENAME_INDICATORS",
    "LOGGING_DICT",
    "LoggingManager",
    "NoInterpolationParser",
    "StdoutToLogger",
    "get_strings",
    "rename_log_file",
    "simple_logging_config",
    "try_make_dirs",
    "use_simple_logging",
)

_WRAPPERS = {
    "LockWrapper": "lock",
    "PipeStorageServiceSender": "pipe",
    "QueueStorageServiceSender": "queue",
    "QueueStorageServiceWriter": "queue",
    "ReferenceWrapper": "local",
}

_NETWORK = {
    **dict.fromkeys(("LockerServer", "TimeOutLockerServer", "LockerClient"), "netlock"),
    **dict.fromkeys(("ForkAwareLockerClient", "ZMQServer", "ReliableClient"), "netlock"),
    "ForkDetector": "netlock",
    **dict.fromkeys(("QueuingServer", "QueuingServerMessageListener"), "netqueue"),
    **dict.fromkeys(("QueuingClient", "ForkAwareQueuingClient"), "netqueue"),
}

_BRIAN2 = {
    "parameter": (
        "Brian2MonitorResult",
        "Brian2Parameter",
        "Brian2Result",
        "get_unit_fast",
        "unit_from_expression",
    ),
    "network": ("NetworkAnalyser", "NetworkComponent", "NetworkManager", "NetworkRunner"),
}
_PLOTS = ("heatmap", "importance", "line", "parallel_coordinates", "scatter_matrix")

ALIASES: MappingProxyType[tuple[str, str], Alias] = MappingProxyType(
    {
        ("pypet", "HDF5StorageService"): _HDF5,
        ("pypet", "LazyStorageService"): _LAZY,
        ("pypet", "compact_hdf5_file"): _COMPACTING,
        ("pypet", "dashboard"): Alias("ui", "dashboard", "ui"),
        ("pypet", "rename_log_file"): Alias("logging", "rename_log_file"),
        ("pypet.storageservice", "HDF5StorageService"): _HDF5,
        ("pypet.storageservice", "LazyStorageService"): _LAZY,
        ("pypet.utils.hdf5compression", "compact_hdf5_file"): _COMPACTING,
        **{
            ("pypet.utils.gitintegration", name): Alias("git", name, "git")
            for name in ("add_commit_variables", "make_git_commit")
        },
        **{
            ("pypet.utils.configparsing", name): Alias("ini", name)
            for name in ("ConfigInterpreter", "parse_config")
        },
        **{("pypet.pypetlogging", name): Alias("logging", name) for name in _LOGGING_NAMES},
        **{
            ("pypet.utils.mpwrappers", name): Alias(entry, name)
            for name, entry in {**_WRAPPERS, **_NETWORK}.items()
        },
        **{("pypet.plotting", name): Alias(name, name, "plot") for name in _PLOTS},
        **{
            (f"pypet.brian2.{module}", name): Alias("brian2", name)
            for module, names in _BRIAN2.items()
            for name in names
        },
        **{
            ("pypet.brian2", name): Alias("brian2", name)
            for names in _BRIAN2.values()
            for name in names
            if not name.islower()  # the package has the classes, without helper functions
        },
    }
)
"""(module path, public name) -> the plugin that defines it."""


def alias_names(module_name: str) -> list[str]:
    """Return the aliases of a module, for its ``__dir__``."""
    return [name for module, name in ALIASES if module == module_name]


def module_getattr(module_name: str) -> Callable[[str], Any]:
    """Return a ``__getattr__`` that resolves the aliases of a module.

    It raises AttributeError for other names, MissingDependencyError if the plugin is not installed
    or switched off, and PluginError if it cannot be loaded.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - it becomes the module's own
        alias = ALIASES.get((module_name, name))
        if alias is None:
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
        # Deferred, because importing an alias module must stay cheap.
        from pypet.manager import get_manager

        return get_manager().attribute(
            alias.entry,
            alias.attribute,
            asked=f"{module_name}.{name}",
            hint=(
                "the metadata of the installed pypet does not list its plugins, so reinstall it: "
                f"{install_hint(alias.extra or 'default')}"
            ),
        )

    return __getattr__
