"""Stored names of scalar types."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.errors import StorageFormatError
from pypet.pypetconstants import PARAMETERTYPEDICT

TEXT_TYPES: frozenset[type] = frozenset((str, bytes, np.str_, np.bytes_))
"""Types that are stored as encoded text."""

NAME_OF_TYPE: dict[type, str] = {
    # Explicit, because numpy 2 calls its boolean 'bool' like Python's.
    bool: "bool",
    int: "int",
    float: "float",
    complex: "complex",
    str: "str",
    bytes: "bytes",
    np.bool_: "bool_",
    np.str_: "str_",
    np.bytes_: "bytes_",
    **{kind: kind.__name__ for kind in PARAMETERTYPEDICT.values() if issubclass(kind, np.number)},
}
"""Scalar type -> its stored name, for all types that storage services support as scalars."""

_TYPE_OF_NAME: dict[str, type] = {
    **PARAMETERTYPEDICT,
    "str_": np.str_,
    # Names in files from Python 2 and numpy before 2.0. Text and bytes of Python 2 become text,
    # which most of it was; pickled bytes are recognized before their type name is read.
    "unicode": str,
    "long": int,
    "string_": np.bytes_,
    "unicode_": np.str_,
}

_older_names: dict[Any, type] = {}
"""Cache of other spellings."""


class UnknownTypeNameError(StorageFormatError, TypeError):
    """A stored name is not that of a scalar type."""


def type_of_name(name: Any) -> type:
    """Return the scalar type with the stored ``name``.

    Accepts the spellings of all versions: ``'int'``, ``"<type 'int'>"``,
    ``"<type 'numpy.int16'>"``, ``'long'``, byte strings.

    Raises
    ------
    UnknownTypeNameError
        The name is unknown.
    """
    kind = _TYPE_OF_NAME.get(name) or _older_names.get(name)
    if kind is not None:
        return kind
    kind = _TYPE_OF_NAME.get(_modern(as_text(name)))
    if kind is None:
        raise UnknownTypeNameError(
            f"The stored data should become of type {name!r}, which is none of "
            f"{', '.join(sorted(_TYPE_OF_NAME))}."
        )
    _older_names[name] = kind
    return kind


def _modern(name: str) -> str:
    for opening in ("<type '", "<class '"):
        if name.startswith(opening):
            return name[len(opening) : -2].rpartition(".")[2]
    return name


def as_text(value: Any) -> str:
    """Return an attribute as text; older files have byte strings."""
    return value.decode("ascii") if isinstance(value, bytes) else str(value)
