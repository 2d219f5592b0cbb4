"""Checks of a plugin's hook implementations before pluggy sees them."""

from __future__ import annotations

from collections.abc import Iterator

import pluggy

from pypet import hookspecs
from pypet.errors import PluginError
from pypet.manager.nearest import did_you_mean

HOOK_PREFIX = "pypet_"
REGISTER_PREFIX = "pypet_register_"

HOOKS: tuple[str, ...] = tuple(name for name in vars(hookspecs) if name.startswith(HOOK_PREFIX))
"""Names of all hooks."""


def check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Raise unless ``plugin`` implements at least one hook, and only hooks that there are.

    Raises
    ------
    PluginError
        A hook is misspelt, wraps others, or lacks its marker; or there is none.
    """
    hooks = dict(_implementations(manager, plugin))
    for name, options in hooks.items():
        if name not in HOOKS and not options.get("optionalhook"):
            raise PluginError(f"there is no hook {name!r}.{did_you_mean(name, HOOKS)}")
        if options.get("wrapper") or options.get("hookwrapper"):
            raise PluginError(f"hook {name!r} is marked as a wrapper, which pypet does not support")
    unmarked = [name for name in dir(plugin) if name.startswith(HOOK_PREFIX) and name not in hooks]
    for name in unmarked:
        if callable(getattr(plugin, name)) and name in HOOKS:
            raise PluginError(f"function {name!r} lacks the marker `pypet.markers.hookimpl`")
    if not hooks:
        raise PluginError("it implements no hook; mark its functions with `pypet.markers.hookimpl`")


def _implementations(
    manager: pluggy.PluginManager, plugin: object
) -> Iterator[tuple[str, dict[str, object]]]:
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            yield options.get("specname") or attribute, dict(options)
