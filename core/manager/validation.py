"""Validation of plugins: their hooks before registration, and what the hooks return."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import pluggy

from pypet import hookspecs
from pypet.errors import PluginError
from pypet.interfaces import Command, Feature, Option, StorageService
from pypet.manager.entries import PluginEntry, RegisteredFeature
from pypet.manager.families import FAMILIES, LEAF_CLASSES_HOOK, OPTIONS_HOOK, Family
from pypet.manager.signatures import check_hook_arguments, check_methods
from pypet.support.spelling import did_you_mean

HOOK_PREFIX = "pypet_"
REGISTER_PREFIX = "pypet_register_"

HOOKS: tuple[str, ...] = tuple(name for name in vars(hookspecs) if name.startswith(HOOK_PREFIX))
"""Names of all hooks."""


def check_hooks(manager: pluggy.PluginManager, plugin: object) -> None:
    """Check that ``plugin`` implements at least one hook, and only existing ones.

    Raises
    ------
    PluginError
        A hook is misspelt, is a wrapper, takes unknown arguments, or lacks its marker; or there
        is none.
    """
    hooks = {}
    for attribute, name, options in _implementations(manager, plugin):
        hooks[name] = options
        if name not in HOOKS and not options.get("optionalhook"):
            raise PluginError(f"there is no hook {name!r}.{did_you_mean(name, HOOKS)}")
        if options.get("wrapper") or options.get("hookwrapper"):
            raise PluginError(f"hook {name!r} is marked as a wrapper, which pypet does not support")
        if name in HOOKS:
            check_hook_arguments(name, getattr(hookspecs, name), getattr(plugin, attribute))
    unmarked = [name for name in dir(plugin) if name.startswith(HOOK_PREFIX) and name not in hooks]
    for name in unmarked:
        if callable(getattr(plugin, name)) and name in HOOKS:
            raise PluginError(f"function {name!r} lacks the marker `pypet.markers.hookimpl`")
    if not hooks:
        raise PluginError("it implements no hook; mark its functions with `pypet.markers.hookimpl`")


def _implementations(
    manager: pluggy.PluginManager, plugin: object
) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield the attribute, the hook and the options of each implementation."""
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is not None:
            yield attribute, options.get("specname") or attribute, dict(options)


def call_register_hooks(manager: pluggy.PluginManager, entry: PluginEntry) -> None:
    """Call the register hooks of a plugin known to pluggy, and note in ``entry`` what they return.

    Raises
    ------
    PluginError
        A hook returns something invalid. Exceptions of the hooks propagate.
    """
    features: list[RegisteredFeature] = []
    for family in FAMILIES:
        for item in _answers(manager, entry.plugin, family.hook):
            feature = RegisteredFeature(family, _checked_name(family, item), item, entry)
            if isinstance(item, type) and not entry.builtin:  # a test checks pypet's own
                check_methods(item)
            if any(feature.key == other.key for other in features):
                raise PluginError(f"{family.hook} returns two {family.plural} {feature.name!r}")
            features.append(feature)
    options = tuple(_answers(manager, entry.plugin, OPTIONS_HOOK))
    for option in options:
        _check_option(OPTIONS_HOOK, option)
    paths = tuple(_answers(manager, entry.plugin, LEAF_CLASSES_HOOK))
    for path in paths:
        _check_class_path(path)
    entry.features, entry.options, entry.leaf_classes = features, options, paths


def _answers(manager: pluggy.PluginManager, plugin: object, hook: str) -> Iterator[Any]:
    """Yield the items that the implementations of ``hook`` in this plugin return."""
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        if implementation.plugin is not plugin:
            continue
        answer = implementation.function()
        if not isinstance(answer, Iterable) or isinstance(answer, str):
            raise PluginError(f"{hook} returns {answer!r} instead of a list")
        yield from answer


def _checked_name(family: Family, item: Any) -> str:
    """Return the name of a feature after checking that it has the type of its family."""
    if family.interface is Command:
        if not isinstance(item, Command):
            raise PluginError(f"{family.hook} returns {item!r}, which is not a `Command`")
    else:
        _check_class(family, item)
    if not isinstance(item.name, str) or not item.name.strip():
        raise PluginError(f"{family.hook}: {_shown(item)} has no name")
    return item.name


def _check_class(family: Family, item: Any) -> None:
    if not isinstance(item, type) or not issubclass(item, family.interface):
        raise PluginError(
            f"{family.hook} returns {_shown(item)}, "
            f"which is no subclass of `{family.interface.__name__}`"
        )
    if inspect.isabstract(item):
        missing = ", ".join(sorted(getattr(item, "__abstractmethods__", ())))
        raise PluginError(f"{family.hook}: {_shown(item)} does not implement {missing}")
    assert issubclass(item, Feature)
    for attribute in ("requires", "capabilities"):
        names = getattr(item, attribute)
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise PluginError(f"{_shown(item)}.{attribute} must be a tuple of names, not {names!r}")
    for option in item.options:
        _check_option(_shown(item), option)
    if issubclass(item, StorageService):
        _check_extensions(item)


def _check_extensions(item: type[StorageService]) -> None:
    endings = item.file_extensions
    if not isinstance(endings, tuple) or not all(
        isinstance(each, str) and each.startswith(".") and each == each.lower() for each in endings
    ):
        raise PluginError(
            f"{_shown(item)}.file_extensions must be a tuple of endings in lower case, such as "
            f"('.sqlite',), not {endings!r}"
        )


def _check_class_path(path: Any) -> None:
    parts = path.split(".") if isinstance(path, str) else []
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise PluginError(
            f"{LEAF_CLASSES_HOOK} returns {path!r}, which is no path like 'my_package.MyResult'"
        )


def _check_option(where: str, option: Any) -> None:
    if not isinstance(option, Option) or not option.name.isidentifier():
        raise PluginError(
            f"{where} declares {option!r}, which is not an `Option` with a valid name"
        )


def _shown(item: Any) -> str:
    return item.__qualname__ if isinstance(item, type) else repr(item)
