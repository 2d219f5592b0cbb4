"""Names of scalar types in storage, and the types that they recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.pypetconstants import PARAMETERTYPEDICT

TEXT_TYPES: frozenset[type] = frozenset((str, bytes, np.str_, np.bytes_))
"""Types that are kept as encoded text."""

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
"""Scalar type -> its name in storage. All types that a storage service takes as scalars."""

_TYPE_OF_NAME: dict[str, type] = {
    **PARAMETERTYPEDICT,
    "str_": np.str_,
    # Spellings of files from Python 2 and of numpy before 2.0. What was text or bytes there is
    # text today, as most of it was; pickled bytes are looked at before their type name is.
    "unicode": str,
    "long": int,
    "string_": np.bytes_,
    "unicode_": np.str_,
}

_older_names: dict[Any, type] = {}
"""Other spellings met so far."""


def type_of_name(name: Any) -> type:
    """Return the scalar type that ``name`` recalls.

    Takes the spellings of all versions: ``'int'``, ``"<type 'int'>"``,
    ``"<type 'numpy.int16'>"``, ``'long'``, byte strings.

    Raises
    ------
    TypeError
        Nobody knows that name.
    """
    kind = _TYPE_OF_NAME.get(name) or _older_names.get(name)
    if kind is not None:
        return kind
    kind = _TYPE_OF_NAME.get(_modern(as_text(name)))
    if kind is None:
        raise TypeError(
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
