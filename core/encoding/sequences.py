"""Flat sequences of scalars, as arrays and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pypet.encoding import text_arrays
from pypet.encoding.encoding_errors import advice_on_type, refused
from pypet.encoding.mixtures import Packed, is_mixture, pack_ints, pack_mixture, unpack_mixture
from pypet.encoding.type_names import NAME_OF_TYPE, TEXT_TYPES, type_of_name

Array = np.ndarray[Any, Any]

_FROM_TOLIST = {bool: "b", int: "iu", float: "f", complex: "c"}
"""Python type -> kinds of dtypes whose ``tolist()`` returns exactly this type."""


def pack_sequence(name: str, values: Sequence[Any], encoding: str, slack: float = 1.0) -> Packed:
    """Return scalars, or scalars and None, as an array.

    Raises
    ------
    TypeError
        A value is not a scalar, or an integer exceeds 64 bit; the message names the item.
    """
    kinds = set(map(type, values))
    if len(kinds) > 1 or type(None) in kinds:
        if is_mixture(kinds):
            return pack_mixture(name, values, encoding, slack)
        raise _not_scalars(name, values)
    kind = kinds.pop()
    type_name = NAME_OF_TYPE.get(kind)
    if type_name is None:
        raise _not_scalars(name, values)
    if kind in TEXT_TYPES:
        return Packed(_pack_texts(name, values, encoding, slack), type_name)
    if kind is int:
        return Packed(pack_ints(name, values), type_name)
    return Packed(np.array(values, dtype=kind), type_name)


def _pack_texts(name: str, values: Sequence[Any], encoding: str, slack: float) -> Array:
    if isinstance(values[0], str):
        return text_arrays.pack(
            [text_arrays.encode_text(name, value, encoding) for value in values], slack
        )
    return text_arrays.pack([bytes(value) for value in values], slack)


def _not_scalars(name: str, values: Sequence[Any]) -> TypeError:
    culprits = {
        type(value): value
        for value in values
        if type(value) not in NAME_OF_TYPE and value is not None
    }
    names = sorted(f"{kind.__module__}.{kind.__qualname__}" for kind in culprits)
    found = ", ".join(part.removeprefix("builtins.") for part in names)
    parts = (
        "lists, tuples and columns hold scalars and None, by exact type, but some of these are "
        f"of type {found}.",
        advice_on_type(next(iter(culprits.values()))),
    )
    return refused(name, " ".join(filter(None, parts)))


def unpack_sequence(
    values: Array, scalar: Any, encoding: str, types: str | None = None
) -> list[Any]:
    """Return the elements of an array of shape (n,) as a list of scalars.

    They have the type ``scalar``, or the element types ``types`` of a mixture. If ``scalar`` is
    None, the array determines the type.
    """
    if types is not None:
        mixture = unpack_mixture(values, scalar, types, encoding)
        if mixture is not None:
            return mixture
    if scalar is None:
        plain: list[Any] = values.tolist()
        return plain
    kind: Any = type_of_name(scalar)
    if kind in TEXT_TYPES:
        return _unpack_texts(values, kind, encoding)
    if values.dtype.kind in _FROM_TOLIST.get(kind, ""):
        exact: list[Any] = values.tolist()
        return exact
    if values.dtype.type is kind:
        return list(values)
    return [kind(value) for value in values.tolist()]


def _unpack_texts(values: Array, kind: Any, encoding: str) -> list[Any]:
    if values.dtype.kind not in "Su":
        return [kind(value) for value in values.tolist()]  # the backend has decoded it
    texts = text_arrays.unpack(values)
    if issubclass(kind, str):
        decoded = [raw.decode(encoding) for raw in texts]
        return decoded if kind is str else [kind(part) for part in decoded]
    return list(texts) if kind is bytes else [kind(raw) for raw in texts]
