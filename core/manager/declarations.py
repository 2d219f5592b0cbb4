"""Asking one plugin for its features and options, and checking what it answers."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

import pluggy

from pypet.errors import PluginError
from pypet.interfaces import Command, Feature, Option
from pypet.manager.entries import PluginEntry, RegisteredFeature
from pypet.manager.families import FAMILIES, OPTIONS_HOOK, Family


def ask_plugin(
    manager: pluggy.PluginManager, entry: PluginEntry
) -> tuple[list[RegisteredFeature], tuple[Option, ...]]:
    """Call the register hooks of a plugin that pluggy knows; return its features and options.

    Raises
    ------
    PluginError
        A hook returns something else than it should. What a hook raises itself passes through.
    """
    features: list[RegisteredFeature] = []
    for family in FAMILIES:
        for item in _answers(manager, entry.plugin, family.hook):
            feature = RegisteredFeature(family, _checked_name(family, item), item, entry)
            if any(feature.key == other.key for other in features):
                raise PluginError(f"{family.hook} returns two {family.plural} {feature.name!r}")
            features.append(feature)
    options = tuple(_answers(manager, entry.plugin, OPTIONS_HOOK))
    for option in options:
        _check_option(OPTIONS_HOOK, option)
    return features, options


def _answers(manager: pluggy.PluginManager, plugin: object, hook: str) -> Iterator[Any]:
    """Yield what the implementations of ``hook`` in this plugin return, one by one."""
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        if implementation.plugin is not plugin:
            continue
        answer = implementation.function()
        if not isinstance(answer, Iterable) or isinstance(answer, str):
            raise PluginError(f"{hook} returns {answer!r} instead of a list")
        yield from answer


def _checked_name(family: Family, item: Any) -> str:
    """Return the name of a feature that is what the hook promises."""
    if family.interface is Command:
        if not isinstance(item, Command):
            raise PluginError(f"{family.hook} returns {item!r}, which is no `Command`")
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


def _check_option(where: str, option: Any) -> None:
    if not isinstance(option, Option) or not option.name.isidentifier():
        raise PluginError(f"{where} declares {option!r}, which is no `Option` with a usable name")


def _shown(item: Any) -> str:
    return item.__qualname__ if isinstance(item, type) else repr(item)
