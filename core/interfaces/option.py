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
    """Return how an accepted type is called in messages and documentation."""
    return _TYPE_NAMES.get(kind, kind.__name__)


@dataclass(frozen=True, slots=True)
class Option:
    """One keyword argument of `pypet.Environment`.

    The same declaration serves the signature and ``help()`` of the environment, the reader of
    config files, ``pypet plugins`` and the table in the documentation.

    ``types`` are the accepted types, empty for any; ``None`` is always accepted where the
    default is None. True and False are no numbers here, unless ``bool`` is among the types, and
    an option that takes ``os.PathLike`` takes no empty path. ``check`` is called with the given
    value (never with the untouched default) and raises ValueError with a message that says how
    to put it right.
    ``family`` is the family of plugins that reads the option, for grouping in listings.
    ``only_with`` names the option without which this one does nothing: whoever gives only this
    one is warned.
    """

    name: str
    default: Any = None
    types: tuple[type, ...] = ()
    help: str = ""
    family: str = ""
    check: Callable[[Any], None] | None = None
    only_with: str = ""

    def from_list(self, value: Any) -> Any:
        """Return a list as the first kind of sequence or set that the option names.

        For values from where lists are all there is, such as TOML files. Anything else comes back
        as it is, also lists if the option names no such kind.

        Raises
        ------
        TypeError
            The option takes a set, and an entry of the list cannot be in one.
        """
        if not isinstance(value, list):
            return value
        return next((kind for kind in self.types if kind in _SEQUENCES), list)(value)

    def validate(self, value: Any) -> None:
        """Raise unless ``value`` is one that the option takes.

        Raises
        ------
        TypeError
            The value has none of the accepted types.
        ValueError
            The check of the option refuses the value.
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
