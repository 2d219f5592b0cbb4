"""Signature, docstring and descriptions of all options, built on demand."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pypet.interfaces import Option
from pypet.interfaces.option import type_name
from pypet.manager import DeclaredOption, PluginManager, get_manager
from pypet.options.collection import RENAMED, KnownOptions, known_options
from pypet.options.established import ESTABLISHED, POSITIONAL_COUNT, config_section
from pypet.options.ineffective import missing_feature


@dataclass(frozen=True, slots=True)
class OptionDescription:
    """One option of the environment."""

    name: str
    help: str
    types: str
    """Accepted types, ``''`` for any."""
    default: Any
    family: str
    section: str
    """Section of a config file in which it is expected."""
    position: int | None
    """Position as an argument, counted from 1; None: keyword only."""
    old_names: tuple[str, ...]
    plugins: tuple[str, ...]
    """Names of the plugins that declare it; empty: pypet itself reads it."""
    origins: tuple[str, ...]
    """Distributions of these plugins, with versions."""
    lacks: str
    """The missing feature that would read it, ``''`` if the option is read."""


def describe_options(manager: PluginManager) -> list[OptionDescription]:
    """Return all options in the order of the environment's signature.

    They include established options whose plugin is missing.
    """
    known = KnownOptions(manager)
    positions = {name: number for number, name in enumerate(ESTABLISHED, 1)}
    return [
        _described(option, known.declared.get(name, []), positions.get(name))
        for name, option in known.items()
    ]


def types_text(option: Option) -> str:
    """Return the accepted types of an option, ``''`` for any."""
    return " or ".join(map(type_name, option.types))


def _described(
    option: Option, declarations: list[DeclaredOption], position: int | None
) -> OptionDescription:
    family = option.family
    if not family and declarations and declarations[0].feature is not None:
        family = declarations[0].feature.family.name
    lacking = missing_feature(option, declarations)
    return OptionDescription(
        name=option.name,
        help=option.help,
        types=_types(option, declarations),
        default=option.default,
        family=family,
        section=config_section(family),
        position=position if position is not None and position <= POSITIONAL_COUNT else None,
        old_names=tuple(old for old, new in RENAMED.items() if new == option.name),
        plugins=tuple(dict.fromkeys(each.entry.name for each in declarations)),
        origins=tuple(dict.fromkeys(each.entry.origin for each in declarations)),
        lacks="" if lacking is None else lacking.subject,
    )


def _types(option: Option, declarations: list[DeclaredOption]) -> str:
    """Return the accepted types from the first declaration that has some; switches have none."""
    for each in (option, *(declaration.option for declaration in declarations)):
        if each.types:
            return types_text(each)
    return "bool" if isinstance(option.default, bool) else ""


WIDTH = 96


class OptionsSignature:
    """Descriptor for ``__signature__``: all options of what is installed.

    Established options come first, by position or keyword; other options and the properties of
    the trajectory are keywords only. Derived classes inherit it unless they define ``__init__``.
    """

    def __get__(self, instance: object, owner: type | None = None) -> inspect.Signature:
        for cls in getattr(owner, "__mro__", ()):
            if vars(cls).get("__signature__") is self:
                break
            if "__init__" in vars(cls):
                raise AttributeError("__signature__")
        return build_signature(get_manager())


class OptionsDoc:
    """Descriptor for ``__doc__``: a text followed by the documentation of all options."""

    def __init__(self, head: str) -> None:
        self._head = inspect.cleandoc(head)

    def __get__(self, instance: object, owner: type | None = None) -> str:
        return f"{self._head}\n\n{build_doc(get_manager())}"


def build_signature(manager: PluginManager) -> inspect.Signature:
    """Return the signature of an environment's constructor, without ``self``."""
    positional, keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(
            name, positional if position < POSITIONAL_COUNT else keyword, default=option.default
        )
        for position, (name, option) in enumerate(known_options(manager).items())
    ]
    rest = inspect.Parameter("trajectory_properties", inspect.Parameter.VAR_KEYWORD)
    return inspect.Signature([*parameters, rest])


def build_doc(manager: PluginManager) -> str:
    """Return the section ``Parameters`` of a docstring, in the order of the signature.

    Options whose plugin is missing are left out.
    """
    owners = _owners(manager)
    lines = ["Parameters", "----------"]
    for name, option in known_options(manager).items():
        if missing_feature(option, [owners[name]] if name in owners else []) is not None:
            continue
        kinds = f"{types_text(option)}, " if option.types else ""
        lines.append(f"{name} : {kinds}default {option.default!r}")
        text = option.help
        if name not in ESTABLISHED and name in owners:
            text = f"{text} (From {owners[name]}.)"
        lines.extend(textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    "))
    lines.append("**trajectory_properties")
    lines.append("    Settable properties of the trajectory, for example ``v_auto_load=True``.")
    return "\n".join(lines)


def _owners(manager: PluginManager) -> Mapping[str, str]:
    owners: dict[str, Any] = {}
    for declaration in manager.options():
        owners.setdefault(declaration.option.name, declaration.entry.label)
    return owners
