"""Writing and reading of the items of leaves, as Python values or encoded items.

A class describes its items once, in ``_write_items(writer)`` and ``_read_items(reader)``;
``_store`` and ``_load`` exchange dictionaries of values, ``_encode`` and ``_decode`` items.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np

from pypet.encoding import decode_column, decode_item, encode_column, encode_value
from pypet.encoding.object_table import table_of_columns
from pypet.encoding.text_arrays import unpack_one
from pypet.errors import DataNotInStorageError
from pypet.pypetconstants import RUNS_PER_SET, TABLE
from pypet.records import ArrayItem, Item, TableItem


class LeafWriter(Protocol):
    """Receives the items of a leaf."""

    encoding: str

    def value(self, name: str, value: Any) -> None:
        """Write a single value."""

    def column(self, name: str, column: str, cells: Sequence[Any]) -> None:
        """Write a table with one column and at least one row."""


class LeafReader(Protocol):
    """Provides the items of a leaf."""

    def __contains__(self, name: str) -> bool:
        """Return whether there is such an item."""

    def value(self, name: str) -> Any:
        """Return a single value; DataNotInStorageError if it is missing."""

    def raw(self, name: str) -> bytes:
        """Return a value as bytes, whatever its stored type (Python 2 stored 'str')."""

    def column(self, name: str, column: str) -> list[Any]:
        """Return the cells of one column of a table."""


class ItemWriter:
    """Encodes values as items, without pandas."""

    __slots__ = ("_items", "encoding")

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._items: list[Item] = []

    @property
    def items(self) -> tuple[Item, ...]:
        """The items written so far."""
        return tuple(self._items)

    def value(self, name: str, value: Any) -> None:
        """Encode a single value."""
        self._items.append(encode_value(name, value, None, self.encoding))

    def column(self, name: str, column: str, cells: Sequence[Any]) -> None:
        """Encode a table with one column."""
        encoded = encode_column(column, cells, self.encoding, name)
        self._items.append(TableItem(name, TABLE, (encoded,)))


class DictWriter:
    """Collects Python values; tables become `ObjectTable`."""

    __slots__ = ("content", "encoding")

    def __init__(self) -> None:
        self.encoding = "utf8"
        self.content: dict[str, Any] = {}

    def value(self, name: str, value: Any) -> None:
        """Add a single value."""
        self.content[name] = value

    def column(self, name: str, column: str, cells: Sequence[Any]) -> None:
        """Add a table with one column."""
        self.content[name] = table_of_columns({column: cells})


class ItemReader:
    """Decodes items on access."""

    __slots__ = ("_encoding", "_items")

    def __init__(self, items: Mapping[str, Item], encoding: str) -> None:
        self._items = items
        self._encoding = encoding

    def __contains__(self, name: str) -> bool:
        return name in self._items

    def _item(self, name: str) -> Item:
        try:
            return self._items[name]
        except KeyError:
            raise _missing(name, self._items) from None

    def value(self, name: str) -> Any:
        """Decode a single value."""
        return decode_item(self._item(name), self._encoding)

    def raw(self, name: str) -> bytes:
        """Return the bytes of a value, undecoded."""
        item = self._item(name)
        if isinstance(item, ArrayItem) and item.value.dtype.kind in "Su":
            return unpack_one(item.value)
        return bytes(decode_item(item, self._encoding))

    def column(self, name: str, column: str) -> list[Any]:
        """Decode a column of a table."""
        item = self._item(name)
        if isinstance(item, TableItem):
            for candidate in item.columns:
                if candidate.name == column:
                    return decode_column(candidate, self._encoding)
        raise DataNotInStorageError(f"The stored item {name!r} has no column {column!r}.")


class DictReader:
    """Reads values from the argument of `_load`."""

    __slots__ = ("_content",)

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def value(self, name: str) -> Any:
        """Return a single value."""
        try:
            return self._content[name]
        except KeyError:
            raise _missing(name, self._content) from None

    def raw(self, name: str) -> bytes:
        """Return a value of type bytes."""
        value: bytes = self.value(name)
        return value

    def column(self, name: str, column: str) -> list[Any]:
        """Return the cells of a column of a frame."""
        return list(self.value(name)[column].to_numpy())


def _missing(name: str, known: Mapping[str, Any]) -> DataNotInStorageError:
    return DataNotInStorageError(
        f"There is no stored item {name!r}; there are: {', '.join(sorted(known)) or 'none'}."
    )


_SHORT_BYTES = 64


def deduplicate(
    values: Iterable[Any], key_of: Callable[[Any], Hashable]
) -> tuple[list[Any], list[int]]:
    """Return the unique values in order of appearance, and the index of each value in them.

    Values with equal keys are duplicates. The key of each object is computed once.
    """
    found: list[Any] = []
    indices: list[int] = []
    by_key: dict[Hashable, int] = {}
    by_identity: dict[int, int] = {}
    for value in values:
        index = by_identity.get(id(value))
        if index is None:
            index = by_key.setdefault(key_of(value), len(found))
            if index == len(found):
                found.append(value)
            by_identity[id(value)] = index
        indices.append(index)
    return found, indices


def content_key(value: Any) -> Hashable:
    """Return a key that is equal only for identical arrays, lists and tuples.

    Type, shape, dtype and all bits must agree: 0 differs from 0.0, -0.0 from 0.0; NaN equals NaN.
    """
    item = encode_value("range entry", value)
    if not isinstance(item, ArrayItem):
        raise TypeError(f"A range entry of type {type(value).__name__} cannot be compared.")
    array = item.value
    return (item.collection, item.scalar, array.dtype.str, array.shape, bytes_key(array))


def bytes_key(array: np.ndarray[Any, Any]) -> bytes:
    """Return the bytes of a small array, or the digest of a large one."""
    if array.nbytes <= _SHORT_BYTES:
        return array.tobytes()
    return blake2b(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data).digest()


ENTRY_IDENTIFIER = "__rr__"
ENTRY_DATA = f"data{ENTRY_IDENTIFIER}"
_INDEX_TABLE = f"explored_data{ENTRY_IDENTIFIER}"


# The layout of `ArrayParameter`, with an item for each unique entry of a range. `Parameter` uses it
# for ranges that cannot be one column of a table.


def write_entry_items(writer: LeafWriter, data: Any, values: Sequence[Any]) -> None:
    """Write a value and the entries of its range, which may be empty."""
    writer.value(ENTRY_DATA, data)
    if values:
        entries, indices = deduplicate(values, content_key)
        for index, entry in enumerate(entries):
            writer.value(_entry_name(index), entry)
        writer.column(_INDEX_TABLE, "idx", indices)


def read_entry_items(reader: LeafReader) -> tuple[Any, list[Any] | None]:
    """Return value and range written by `write_entry_items`; None for a missing range."""
    data = reader.value(ENTRY_DATA)
    if _INDEX_TABLE not in reader:
        return data, None
    indices = reader.column(_INDEX_TABLE, "idx")
    entries = {index: _read_entry(reader, index) for index in set(indices)}
    return data, [entries[index] for index in indices]


def _entry_name(index: int) -> str:
    return f"explored{ENTRY_IDENTIFIER}.set_{index // RUNS_PER_SET:05d}.xa_{index:08d}"


def _read_entry(reader: LeafReader, index: int) -> Any:
    flat_name = f"xa{ENTRY_IDENTIFIER}{index:08d}"  # files of versions before 0.2b1
    return reader.value(flat_name if flat_name in reader else _entry_name(index))
