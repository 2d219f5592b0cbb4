"""Encoding of leaves as items and decoding of items into leaves.

Built-in classes encode themselves (``_encode``, ``_decode``). Classes that override ``_store`` or
``_load``, or derive from `BaseParameter` or `BaseResult` directly, exchange Python values.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from pickle import PickleError
from typing import Any, NamedTuple
from zipfile import BadZipFile

from pypet import pypetconstants as constants
from pypet.encoding import decode_item, encode_value
from pypet.errors import (
    NoSuchServiceError,
    ParameterLockedException,
    PypetError,
    StorageFormatError,
)
from pypet.records import Item
from pypet.tree.node import NNLeafNode


class _Protocol(NamedTuple):
    """The methods that encode and decode a class of leaves."""

    encodes: bool
    decodes: bool
    has_store_flags: bool
    has_load_flags: bool


_ARRAY_FLAGS = (constants.ARRAY, constants.CARRAY, constants.EARRAY, constants.VLARRAY)
_TABLE_FLAGS = (constants.TABLE, constants.DICT)
"""Flags for the same kind of item, which are interchangeable when loading."""

_protocols: dict[type, _Protocol] = {}


def stored_class_name(leaf: Any) -> str:
    """Return the name of the class that loading a leaf creates an instance of."""
    name: str = leaf._class_name_to_store()
    return name


def encode_leaf(
    leaf: Any, encoding: str = "utf8", flags: Mapping[str, str] | None = None
) -> tuple[Item, ...]:
    """Return the data of a leaf, which must not be empty, as items.

    ``flags`` by item name take precedence over ``_store_flags()`` of the leaf, and these over the
    types. Parameters become locked. Items may share memory with the leaf.

    Raises
    ------
    NoSuchServiceError
        Data of a type that cannot be stored.
    TypeError
        Data that cannot be stored without loss.
    RuntimeError
        A flag is unknown.
    """
    protocol = _protocol_of(type(leaf))
    if protocol.has_store_flags:
        flags = {**leaf._store_flags(), **(flags or {})}
    try:
        if protocol.encodes and not flags:
            items: tuple[Item, ...] = leaf._encode(encoding)
            return items
        data = leaf._store()
        get_flag = (flags or {}).get
        return tuple(
            [encode_value(name, value, get_flag(name), encoding) for name, value in data.items()]
        )
    except Exception as err:
        err.add_note(f"This happened while storing {leaf.v_full_name!r}.")
        raise


def decode_leaf(
    leaf: Any,
    items: Mapping[str, Item],
    encoding: str = "utf8",
    flags: Mapping[str, str] | None = None,
) -> None:
    """Set the data of a leaf from items.

    ``flags`` by item name take precedence over ``_load_flags()`` of the leaf, and these over the
    flags of the items. Parameters become locked. The data may share memory with the items.

    Raises
    ------
    ParameterLockedException
        The leaf is a locked parameter.
    TypeError
        An item cannot be read with the given flag.
    StorageFormatError
        The items are damaged: inconsistent, of unknown types, or with content that no leaf writes.
    """
    protocol = _protocol_of(type(leaf))
    if protocol.has_load_flags:
        flags = {**leaf._load_flags(), **(flags or {})}
    if flags:
        items = {name: _with_flag(item, flags.get(name)) for name, item in items.items()}
    data: dict[str, Any] | None = None
    try:
        if protocol.decodes:
            leaf._decode(items, encoding)
        else:
            data = {name: decode_item(item, encoding) for name, item in items.items()}
    except _SYMPTOMS as err:
        if isinstance(err, PypetError | ParameterLockedException | NoSuchServiceError):
            raise
        raise StorageFormatError(
            f"The data of {leaf.v_full_name!r} (items: {', '.join(items)}) cannot be decoded, so "
            f"it is damaged or needs classes that have changed: {type(err).__name__}: {err}"
        ) from err
    if data is not None:
        leaf._load(data)


_SYMPTOMS = (
    ArithmeticError,
    BadZipFile,
    EOFError,
    LookupError,
    PickleError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""Exceptions of decoding, numpy and the standard library for damaged bytes."""


def _with_flag(item: Item, flag: str | None) -> Item:
    if flag is None or flag == item.flag:
        return item
    for flags in (_ARRAY_FLAGS, _TABLE_FLAGS):
        if item.flag in flags and flag in flags:
            return item._replace(flag=flag)
    raise TypeError(
        f"Item {item.name!r} is kept as {item.flag} and cannot be loaded with flag {flag!r}."
    )


def _protocol_of(cls: type) -> _Protocol:
    protocol = _protocols.get(cls)
    if protocol is None:
        protocol = _protocols[cls] = _Protocol(
            _is_preferred(cls, "_encode", "_store"),
            _is_preferred(cls, "_decode", "_load"),
            getattr(cls, "_store_flags", None) not in (None, NNLeafNode._store_flags),
            getattr(cls, "_load_flags", None) not in (None, NNLeafNode._load_flags),
        )
    return protocol


def _is_preferred(cls: type, built_in: str, established: str) -> bool:
    """Return whether ``built_in`` is defined by the same or a more derived class."""
    for base in cls.__mro__:
        if built_in in vars(base):
            return True
        if established in vars(base):
            return False
    return False
