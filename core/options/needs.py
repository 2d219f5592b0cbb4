"""Whether somebody reads an option that was given: else it would be ignored silently."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from pypet.errors import MissingDependencyError
from pypet.interfaces import Option
from pypet.manager import DeclaredOption, PluginManager
from pypet.manager.absent import absence_error
from pypet.options.established import ESTABLISHED
from pypet.options.families import lacking_family

logger = logging.getLogger(__name__)


def check_needs(
    manager: PluginManager,
    declared: Mapping[str, Sequence[DeclaredOption]],
    given: Mapping[str, Any],
) -> None:
    """Raise if an option asks for a feature that no usable plugin gives.

    One that only says how such a feature should work is a warning in the log.

    ``declared`` are the options of plugins by name, ``given`` the values that were given.

    Raises
    ------
    MissingDependencyError
        The plugin is there but lacks a package, or the plugin comes with an extra.
    UnknownPluginError
        No installed plugin reads the option, or it is switched off.
    """
    options = {name: ESTABLISHED.get(name) or declared[name][0].option for name in given}
    # Those on which others depend come first: it is them that ask for the feature.
    for name in sorted(given, key=lambda name: bool(options[name].only_with)):
        value, option = given[name], options[name]
        declarations = declared.get(name, ())
        if any(not declaration.needs() for declaration in declarations):
            continue
        if option.family == "storage" or not asks(value, option.default):
            continue
        if _is_idle(option, given):
            continue  # which is worth a warning
        asked = f"{name}={value!r}"
        if declarations:
            raise MissingDependencyError(f"{asked} {declarations[0].needs()}")
        family = lacking_family(option, declarations)
        if family is None or _is_named(family.names, given):
            continue  # what is named so is told by name
        error = absence_error(asked, family, manager.entries)
        if family.is_asked_for:
            raise error
        logger.warning("It has no effect: %s", error)


def _is_named(plugins: Sequence[str], given: Mapping[str, Any]) -> bool:
    """Return whether an option has the name of a plugin as its value."""
    return any(isinstance(value, str) and value.lower() in plugins for value in given.values())


def _is_idle(option: Option, given: Mapping[str, Any]) -> bool:
    """Return whether an option depends on a feature of the same family that nobody asks for."""
    switch = ESTABLISHED.get(option.only_with)
    if switch is None or switch.family != option.family:
        return False
    return not asks(given.get(switch.name), switch.default)


def asks(value: Any, default: Any) -> bool:
    """Return whether a value asks for a feature: the default, None and what is false do not."""
    if value is None or value is False or value is default:
        return False
    if isinstance(default, bool):
        return bool(value) and not default
    return bool(value != default)
