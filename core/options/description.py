"""What there is to say about each option, for listings and documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pypet.interfaces import Option
from pypet.interfaces.option import type_name
from pypet.manager import DeclaredOption, PluginManager
from pypet.options.collection import KnownOptions
from pypet.options.deprecated import RENAMED
from pypet.options.established import ESTABLISHED, POSITIONAL_COUNT
from pypet.options.families import config_section, lacking_family


@dataclass(frozen=True, slots=True)
class OptionDescription:
    """One option of the environment."""

    name: str
    help: str
    types: str
    """What it takes, ``''`` for anything."""
    default: Any
    family: str
    section: str
    """Section of a config file where one looks for it."""
    position: int | None
    """As positional argument, from 1; None: only by keyword."""
    old_names: tuple[str, ...]
    plugins: tuple[str, ...]
    """Names of the plugins that declare it; none: pypet itself reads it."""
    origins: tuple[str, ...]
    """Distributions of these plugins, with versions."""
    lacks: str
    """What would read it and is not there, ``''`` if somebody reads it."""


def describe_options(manager: PluginManager) -> list[OptionDescription]:
    """Return all options in the order of the environment's signature.

    Among them are established options that nobody reads, because no plugin for them is there.
    """
    known = KnownOptions(manager)
    positions = {name: number for number, name in enumerate(ESTABLISHED, 1)}
    return [
        _described(option, known.declared.get(name, []), positions.get(name))
        for name, option in known.items()
    ]


def types_text(option: Option) -> str:
    """Return what an option takes, ``''`` for anything."""
    return " or ".join(map(type_name, option.types))


def _described(
    option: Option, declarations: list[DeclaredOption], position: int | None
) -> OptionDescription:
    family = option.family
    if not family and declarations and declarations[0].feature is not None:
        family = declarations[0].feature.family.name
    lacking = lacking_family(option, declarations)
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
    """Return what an option takes; switches do not say it, storage keywords leave it to others."""
    for each in (option, *(declaration.option for declaration in declarations)):
        if each.types:
            return types_text(each)
    return "bool" if isinstance(option.default, bool) else ""
