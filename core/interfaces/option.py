"""An option: a keyword of the environment, declared by the plugin that reads it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from pypet.support.arguments import check_path

_TYPE_NAMES: dict[type, str] = {
    Integral: "int",
    Real: "float",
    Mapping: "dict",
    type(None): "None",
}
_NUMBERS = frozenset((int, float, Integral, Real))
_SEQUENCES = (list, tuple, set, frozenset)


def type_name(kind: type) -> str:
    """Return the name of an accepted type in messages and documentation."""
    return _TYPE_NAMES.get(kind, kind.__name__)


@dataclass(frozen=True, slots=True)
class Option:
    """One keyword argument of `pypet.Environment`.

    The same declaration serves the signature and ``help()`` of the environment, the reader of
    config files, ``pypet plugins`` and the table in the documentation.

    Parameters
    ----------
    types
        The accepted types, empty for any. None is always accepted where the default is None. True
        and False are not numbers, unless ``bool`` is among the types; an option that accepts
        ``os.PathLike`` rejects an empty path.
    check
        Called with a given value, never with the default; raises ValueError with a message that
        contains the remedy.
    family
        The family of plugins that reads the option, for grouping in listings.
    only_with
        The option without which this one does nothing: a warning is issued if only this one is
        given.
    """

    name: str
    default: Any = None
    types: tuple[type, ...] = ()
    help: str = ""
    family: str = ""
    check: Callable[[Any], None] | None = None
    only_with: str = ""

    def from_list(self, value: Any) -> Any:
        """Convert a list to the first type of sequence or set that the option accepts.

        For values from formats that only have lists, such as TOML. Other values are returned
        unchanged, and so are lists if the option accepts no such type.

        Raises
        ------
        TypeError
            The option accepts a set, and an entry of the list is not hashable.
        """
        if not isinstance(value, list):
            return value
        return next((kind for kind in self.types if kind in _SEQUENCES), list)(value)

    def validate(self, value: Any) -> None:
        """Raise unless the option accepts ``value``.

        Raises
        ------
        TypeError
            The value has none of the accepted types.
        ValueError
            The check of the option rejects the value.
        """
        if value is None and self.default is None:
            return
        if self.types and not self._has_type(value):
            names = " or ".join(map(type_name, self.types))
            raise TypeError(
                f"Option {self.name!r} takes {names}, not {value!r} ({type(value).__name__})."
            )
        if os.PathLike in self.types and isinstance(value, str | os.PathLike):
            check_path(value, self.name)
        if self.check is not None:
            self.check(value)

    def _has_type(self, value: Any) -> bool:
        # True is an int to Python, and `cpu_cap=True` would be a cap of 1 percent.
        if isinstance(value, bool) and bool not in self.types:
            return _NUMBERS.isdisjoint(self.types) and isinstance(value, self.types)
        return isinstance(value, self.types)
