"""The signature and the documentation of all options, made when somebody asks for them.

Both need every plugin's declarations, so they load all plugins (never a heavy package). A class
gets them as descriptors::

    class Environment:
        __signature__ = OptionsSignature()
        __doc__ = OptionsDoc("Supervises an experiment.")
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping
from typing import Any

from pypet.manager import PluginManager, get_manager
from pypet.options.collection import known_options
from pypet.options.description import types_text
from pypet.options.established import ESTABLISHED, POSITIONAL_COUNT
from pypet.options.families import lacking_family

WIDTH = 96


class OptionsSignature:
    """Descriptor for ``__signature__``: all options of what is installed.

    The established ones by position or keyword, all others by keyword only, and last the
    properties of the trajectory. Derived classes have it unless they have a constructor of their
    own.
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

    Options that nobody reads, because no plugin for them is there, are left out.
    """
    owners = _owners(manager)
    lines = ["Parameters", "----------"]
    for name, option in known_options(manager).items():
        if lacking_family(option, [owners[name]] if name in owners else []) is not None:
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
