"""`BaseResult` and `Result`: named data of the usual types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from pypet.encoding import decode_item, encode_value, pandas_flag
from pypet.leaves.supported_data import explain_unsupported
from pypet.pypetconstants import HDF5_STRCOL_MAX_VALUE_LENGTH, PARAMETER_SUPPORTED_DATA
from pypet.records import Item
from pypet.support.readable import shortened
from pypet.tree.node import NNLeafNode, put

_MAX_SUMMARY_LENGTH = HDF5_STRCOL_MAX_VALUE_LENGTH


def summarize(data: Mapping[str, Any]) -> str:
    """Return ``key=repr(value)`` joined by ``', '``, cut to 64 characters."""
    parts: list[str] = []
    length = 0
    for key, value in data.items():
        part = f"{key}={_beginning(value)}"
        parts.append(part)
        length += len(part) + 2
        if length > _MAX_SUMMARY_LENGTH + 2:
            break
    return shortened(", ".join(parts), _MAX_SUMMARY_LENGTH)


def _beginning(value: Any) -> str:
    """Return ``repr(value)``; of very long containers only the part that can be shown."""
    kind = type(value)
    if kind in (list, tuple) and len(value) > _MAX_SUMMARY_LENGTH:
        return repr(value[:_MAX_SUMMARY_LENGTH])
    if kind is dict and len(value) > _MAX_SUMMARY_LENGTH:
        return repr(dict(islice(value.items(), _MAX_SUMMARY_LENGTH)))
    return repr(value)


class BaseResult(NNLeafNode):
    """Base class of results: leaves with the data of a simulation.

    Custom classes implement `f_is_empty`, `f_empty`, `_store` and `_load`, or derive from `Result`
    and override ``_supports`` and `f_set_single`.
    """

    __slots__ = ()

    def __init__(self, full_name: str, comment: str = "") -> None:
        super().__init__(full_name, comment, False)


_NO_MEMBER = object()


class Result(BaseResult):
    """A result with any number of named data items.

    Positional data is named after the result: ``<name>``, ``<name>_1``, ... Items are attributes
    and entries: ``result.x``, ``result['x']``, ``result[0]``. Items with dots in their names are
    stored nested.

    Supports None, scalars, lists, tuples, dictionaries, arrays, and frames, series and
    `ObjectTable` of pandas, by exact type. The content of containers is checked when the result is
    stored: lists and tuples must be flat, with scalars and None; dictionaries flat, with string
    keys.
    """

    __slots__ = ("_data",)

    SUPPORTED_DATA: set[type] = {
        np.ndarray,
        np.matrix,
        dict,
        tuple,
        list,
        type(None),
        *PARAMETER_SUPPORTED_DATA,
    }
    """Supported types other than those of pandas, which exist only once it is imported."""

    _data: dict[str, Any]

    def __init__(self, full_name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(full_name, kwargs.pop("comment", ""))
        put(self, "_data", {})
        if args or kwargs:
            self.f_set(*args, **kwargs)

    # ----- setting -------------------------------------------------------------------------

    def f_set(self, /, *args: Any, **kwargs: Any) -> None:
        """Set positional and named items, replacing those that exist.

        Raises
        ------
        AttributeError
            There is positional data but the result has no name.
        TypeError
            An item is of a type that the result does not support.
        """
        for position, item in enumerate(args):
            if self._name is None:
                raise AttributeError(
                    f"A {type(self).__name__} without name cannot name positional data. "
                    "Give names: `f_set(x=...)`."
                )
            self.f_set_single(self.f_translate_key(position), item)
        for name, item in kwargs.items():
            self.f_set_single(name, item)

    def f_set_single(self, name: str, item: Any) -> None:
        """Set or replace one item.

        Raises
        ------
        TypeError
            The item is of a type that the result does not support.
        """
        if not self._supports(item):
            raise TypeError(
                f"{type(self).__name__} {self._full_name!r} does not support item {name!r} of "
                f"type {type(item).__name__}. "
                f"{explain_unsupported(item, 'Result', self.SUPPORTED_DATA)}"
            )
        if self._stored and name in self._data:
            self._logger.debug(
                "Item `%s` of `%s` changed in memory only; storing it again needs overwriting.",
                name,
                self._full_name,
            )
        self._data[name] = item

    def _supports(self, item: Any) -> bool:
        return type(item) in self.SUPPORTED_DATA or pandas_flag(item) is not None

    def f_translate_key(self, key: Any) -> Any:
        """Return the name of positional data for an integer; other keys unchanged."""
        if isinstance(key, int):
            return self._name if key == 0 else f"{self._name}_{int(key)}"
        return key

    def __setattr__(self, name: str, value: Any) -> None:
        if name[:1] == "_":
            put(self, name, value)
            return
        member = getattr(type(self), name, _NO_MEMBER)
        if member is _NO_MEMBER:
            self.f_set_single(name, value)
        elif hasattr(member, "__set__"):
            put(self, name, value)
        else:
            raise AttributeError(
                f"`{name}` of {type(self).__name__} {self._full_name!r} cannot be replaced; "
                f"use `f_set_single({name!r}, ...)` for data of this name."
            )

    def __setitem__(self, key: str | int, value: Any) -> None:
        self.f_set_single(self.f_translate_key(key), value)

    # ----- getting -------------------------------------------------------------------------

    def f_get(self, *args: str | int) -> Any:
        """Return the item with this name or position, or a list for several.

        Without arguments, return the only item. ``'data'`` is an alias of the only item unless an
        item has that name.

        Raises
        ------
        AttributeError
            There is no such item, or none at all.
        ValueError
            No name is given and there are several items.
        """
        if not args:
            return self._only_item()
        if len(args) == 1:
            return self._item(args[0])
        return [self._item(key) for key in args]

    def _only_item(self) -> Any:
        data = self._data
        if len(data) == 1:
            return next(iter(data.values()))
        if not data:
            raise AttributeError(
                f"Result {self._full_name!r} is empty. Set data with `f_set` or load it first."
            )
        raise ValueError(
            f"Result {self._full_name!r} has {len(data)} items, specify one of: "
            f"{', '.join(map(str, data))}."
        )

    def _item(self, key: Any) -> Any:
        name = self.f_translate_key(key)
        data = self._data
        try:
            return data[name]
        except (KeyError, TypeError):
            if name == "data" and len(data) == 1:
                return next(iter(data.values()))
            raise self._missing(name) from None

    def _missing(self, name: Any) -> AttributeError:
        known = ", ".join(map(str, self._data)) or "none"
        return AttributeError(
            f"Result {self._full_name!r} has no item {name!r}; there are: {known}."
        )

    def __getattr__(self, name: str) -> Any:
        # Slots that are not set yet and Python's protocols are not data.
        if name == "_data" or (name[:2] == "__" and name[-2:] == "__"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}.")
        return self._item(name)

    def __getitem__(self, key: str | int) -> Any:
        return self._item(key)

    def __contains__(self, key: object) -> bool:
        return self.f_translate_key(key) in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def f_to_dict(self, copy: bool = True) -> dict[str, Any]:
        """Return a shallow copy of all items, or the dictionary of the result itself."""
        return self._data.copy() if copy else self._data

    def f_is_empty(self) -> bool:
        """Return whether there are no items."""
        return not self._data

    def f_supports_fast_access(self) -> bool:
        """Return whether there is exactly one item, named like the result."""
        return len(self._data) == 1 and self._name in self._data

    # ----- removing ------------------------------------------------------------------------

    def f_remove(self, *args: str | int) -> None:
        """Remove items from memory.

        Raises
        ------
        AttributeError
            There is no such item; the items named before it are removed.
        """
        for key in args:
            name = self.f_translate_key(key)
            try:
                del self._data[name]
            except (KeyError, TypeError):
                raise self._missing(name) from None

    def f_empty(self) -> None:
        """Remove all items from memory."""
        put(self, "_data", {})

    def __delattr__(self, name: str) -> None:
        if name[:1] == "_" and name not in self._data:
            object.__delattr__(self, name)
        else:
            self.f_remove(name)

    def __delitem__(self, key: str | int) -> None:
        self.f_remove(key)

    # ----- text ----------------------------------------------------------------------------

    def f_val_to_str(self) -> str:
        """Return ``key=repr(value)`` of the items, at most 64 characters."""
        return summarize(self._data)

    def __str__(self) -> str:
        comment = f" (`{self._comment}`)" if self._comment else ""
        value = self.f_val_to_str()
        return f"{self.f_get_class_name()} {self._full_name}{comment}{': ' if value else ''}{value}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *map(str, self._data)})

    def _ipython_key_completions_(self) -> list[str]:
        """Return names of items, which IPython suggests for ``result['``."""
        return [str(name) for name in self._data]

    # ----- storing and loading -------------------------------------------------------------

    def _store(self) -> dict[str, Any]:
        """Return the data by item name."""
        return self._data.copy()

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        """Replace the data by ``load_dict``."""
        put(self, "_data", load_dict)

    def _encode(self, encoding: str) -> tuple[Item, ...]:
        """Return the data as items; like `_store`."""
        return tuple(
            [encode_value(name, value, None, encoding) for name, value in self._data.items()]
        )

    def _decode(self, items: Mapping[str, Item], encoding: str) -> None:
        """Restore the result of `_encode`; like `_load`."""
        self._load({name: decode_item(item, encoding) for name, item in items.items()})


def items_of(result: Result) -> dict[str, Any]:
    """Return the dictionary with the items of a result, whatever its class makes of them."""
    return result._data


def replace_items(result: Result, items: dict[str, Any]) -> None:
    """Replace the dictionary with the items of a result."""
    put(result, "_data", items)
