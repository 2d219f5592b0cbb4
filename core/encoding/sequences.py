"""Flat sequences of scalars of one type, as arrays and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pypet.encoding import text
from pypet.encoding.refusals import refused
from pypet.encoding.type_names import NAME_OF_TYPE, TEXT_TYPES, type_of_name

Array = np.ndarray[Any, Any]

_FROM_TOLIST = {bool: "b", int: "iu", float: "f", complex: "c"}
"""Python types -> kinds of dtypes whose ``tolist()`` gives exactly them."""


def pack_sequence(
    name: str, values: Sequence[Any], encoding: str, slack: float = 1.0
) -> tuple[Array, str]:
    """Return scalars of one type as an array of shape (n,), and the name of their type.

    Text gets shape (n, width) in closed form, see `pypet.encoding.text`.

    Raises
    ------
    TypeError
        There are several types, one that is no scalar, or integers beyond 64 bit; the message
        names the item.
    """
    kinds = set(map(type, values))
    kind = kinds.pop() if len(kinds) == 1 else None
    type_name = None if kind is None else NAME_OF_TYPE.get(kind)
    if kind is None or type_name is None:
        raise _not_of_one_scalar_type(name, values)
    if kind in TEXT_TYPES:
        return _pack_texts(name, values, encoding, slack), type_name
    if kind is int:
        return pack_ints(name, values), type_name
    return np.array(values, dtype=kind), type_name


def pack_ints(name: str, values: Any) -> Array:
    """Return Python integers, one or a sequence, as int64, or as uint64 where that is needed."""
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError:
        smallest = values if isinstance(values, int) else min(values)
        if smallest >= 0:
            try:
                return np.array(values, dtype=np.uint64)
            except OverflowError:
                pass  # refused below, like a mixture of negative and very large numbers
        raise refused(name, "its integers do not fit into 64 bit.") from None


def _pack_texts(name: str, values: Sequence[Any], encoding: str, slack: float) -> Array:
    if isinstance(values[0], str):
        return text.pack([text.encode_text(name, value, encoding) for value in values], slack)
    return text.pack([bytes(value) for value in values], slack)


def _not_of_one_scalar_type(name: str, values: Sequence[Any]) -> TypeError:
    names = sorted({f"{kind.__module__}.{kind.__qualname__}" for kind in map(type, values)})
    found = ", ".join(part.removeprefix("builtins.") for part in names)
    return refused(
        name,
        f"lists, tuples and columns need scalars of one type, but these are of type {found}.",
    )


def unpack_sequence(values: Array, scalar: Any, encoding: str) -> list[Any]:
    """Return the elements of an array of shape (n,) as a list of scalars of the type ``scalar``.

    None as ``scalar`` leaves the type to the array.
    """
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
        return [kind(value) for value in values.tolist()]  # was decoded by whoever read it
    texts = text.unpack(values)
    if issubclass(kind, str):
        decoded = [raw.decode(encoding) for raw in texts]
        return decoded if kind is str else [kind(part) for part in decoded]
    return list(texts) if kind is bytes else [kind(raw) for raw in texts]
