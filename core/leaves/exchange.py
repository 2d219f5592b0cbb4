"""What a leaf writes its data to and reads it from: Python values or items, alike for the leaf.

A class describes its items once, in ``_put_items(sink)`` and ``_take_items(source)``; ``_store``
and ``_load`` work with dictionaries of values, ``_encode`` and ``_decode`` with items.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from pypet.encoding import decode_column, decode_item, encode_column, encode_value
from pypet.encoding.object_table import table_of_columns
from pypet.encoding.text import unpack_one
from pypet.errors import DataNotInStorageError
from pypet.pypetconstants import TABLE
from pypet.records import ArrayItem, Item, TableItem


class Sink(Protocol):
    """Takes the items of a leaf."""

    encoding: str

    def value(self, name: str, value: Any) -> None:
        """Add one datum."""

    def column(self, name: str, column: str, cells: Sequence[Any]) -> None:
        """Add a table of one column with at least one row."""


class Source(Protocol):
    """Gives the items of a leaf back."""

    def __contains__(self, name: str) -> bool:
        """Return whether there is such an item."""

    def value(self, name: str) -> Any:
        """Return one datum; DataNotInStorageError if it is missing."""

    def raw(self, name: str) -> bytes:
        """Return a datum of type bytes, whatever its type name says (Python 2 said 'str')."""

    def column(self, name: str, column: str) -> list[Any]:
        """Return the cells of one column of a table."""


class ItemSink:
    """Encodes what it gets; nothing of it needs pandas."""

    __slots__ = ("_items", "encoding")

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self._items: list[Item] = []

    @property
    def items(self) -> tuple[Item, ...]:
        """All items so far."""
        return tuple(self._items)

    def value(self, name: str, value: Any) -> None:
        """Encode one datum."""
        self._items.append(encode_value(name, value, None, self.encoding))

    def column(self, name: str, column: str, cells: Sequence[Any]) -> None:
        """Encode a table of one column."""
        encoded = encode_column(column, cells, self.encoding, name)
        self._items.append(TableItem(name, TABLE, (encoded,)))


class DictSink:
    """Collects Python values; tables become `ObjectTable`."""

    __slots__ = ("content", "encoding")

    def __init__(self) -> None:
        self.encoding = "utf8"
        self.content: dict[str, Any] = {}

    def value(self, name: str, value: Any) -> None:
        """Keep one datum."""
        self.content[name] = value

    def column(self, name: str, column: str, cells: Sequence[Any]) -> None:
        """Keep a table of one column."""
        self.content[name] = table_of_columns({column: cells})


class ItemSource:
    """Decodes items when they are asked for."""

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
        """Decode one datum."""
        return decode_item(self._item(name), self._encoding)

    def raw(self, name: str) -> bytes:
        """Return the bytes of a datum undecoded."""
        item = self._item(name)
        if isinstance(item, ArrayItem) and item.value.dtype.kind in "Su":
            return unpack_one(item.value)
        return bytes(decode_item(item, self._encoding))

    def column(self, name: str, column: str) -> list[Any]:
        """Decode one column of a table."""
        item = self._item(name)
        if isinstance(item, TableItem):
            for candidate in item.columns:
                if candidate.name == column:
                    return decode_column(candidate, self._encoding)
        raise DataNotInStorageError(f"The stored item {name!r} has no column {column!r}.")


class DictSource:
    """Looks values up in a dictionary as `_load` gets it."""

    __slots__ = ("_content",)

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def value(self, name: str) -> Any:
        """Return one datum."""
        try:
            return self._content[name]
        except KeyError:
            raise _missing(name, self._content) from None

    def raw(self, name: str) -> bytes:
        """Return a datum of type bytes."""
        value: bytes = self.value(name)
        return value

    def column(self, name: str, column: str) -> list[Any]:
        """Return the cells of one column of a frame."""
        return list(self.value(name)[column].to_numpy())


def _missing(name: str, known: Mapping[str, Any]) -> DataNotInStorageError:
    return DataNotInStorageError(
        f"There is no stored item {name!r}; there are: {', '.join(sorted(known)) or 'none'}."
    )
