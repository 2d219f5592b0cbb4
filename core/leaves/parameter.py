"""`Parameter`: scalars, flat lists and tuples, and small arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from pypet.leaves.base_parameter import BaseParameter
from pypet.leaves.leaf_io import (
    ENTRY_DATA,
    DictReader,
    DictWriter,
    ItemReader,
    ItemWriter,
    LeafReader,
    LeafWriter,
    read_entry_items,
    write_entry_items,
)
from pypet.leaves.range_entries import converted_entries
from pypet.leaves.supported_data import (
    SCALAR_TYPES,
    depends_on_scalar_type,
    explain_unsupported,
    same_dtype,
    short_repr,
    supports_array,
    supports_sequence,
)
from pypet.records import Item


class Parameter(BaseParameter):
    """A parameter for scalars, flat lists and tuples of one scalar type, and small arrays.

    Exact types count: `int`, `float`, `bool`, `complex`, `str`, `bytes` and the scalars of numpy;
    non-empty lists and tuples; arrays with such a dtype. Without ``data`` the parameter is empty.

    Entries of a range are converted to the type of the default if nothing is lost: with a default
    of 0.5, integers and scalars of numpy become `float`. Other entries are errors. Lists may differ
    in length and in the type of their elements, arrays in shape and dtype; such ranges are stored
    like those of an `ArrayParameter`, and load as one. Tuples need the length of the default.
    """

    __slots__ = ("_data", "_default", "_explored_range", "_is_ragged", "_keeps_entry_items")

    _data: Any
    _default: Any
    _explored_range: list[Any]
    _is_ragged: bool
    """Whether the entries of the range cannot share a column of a table."""
    _keeps_entry_items: bool
    """Whether the storage may hold separate entry items. Loading prefers these, so that later
    values have to be written in the same layout."""

    def __init__(self, full_name: str, data: Any = None, comment: str = "") -> None:
        super().__init__(full_name, comment)
        self._data = None
        self._default = None
        self._explored_range = []
        self._is_ragged = False
        self._keeps_entry_items = False
        if data is not None:
            self.f_set(data)

    # ----- types of data -------------------------------------------------------------------

    @depends_on_scalar_type
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter supports ``data``, by exact types."""
        kind = type(data)
        if kind in SCALAR_TYPES:
            return True
        if kind is list or kind is tuple:
            return supports_sequence(data)
        if kind is np.ndarray or kind is np.matrix:
            return data.size > 0 and supports_array(data)
        return False

    @depends_on_scalar_type
    def _values_of_same_type(self, a: Any, b: Any) -> bool:
        if not super()._values_of_same_type(a, b):
            return False
        kind = type(a)
        if kind is tuple:
            return len(a) == len(b) and type(a[0]) is type(b[0])
        return True

    def _equal_values(self, a: Any, b: Any) -> bool:
        """Return whether both values are of the same type, arrays also of one dtype, and equal.

        Raises
        ------
        TypeError
            The parameter supports neither.
        """
        if not super()._equal_values(a, b):
            return False
        return not isinstance(a, np.ndarray) or same_dtype(a, b)

    def _shares_column(self, value: Any, first: Any) -> bool:
        """Return whether an entry of a range can be stored in one column with the first one."""
        kind = type(value)
        if kind is not type(first):
            return False
        if kind is list:
            if not value or not first:
                return not value and not first
            return len(value) == len(first) and type(value[0]) is type(first[0])
        if kind is np.ndarray or kind is np.matrix:
            return bool(value.shape == first.shape) and same_dtype(value, first)
        return True

    # ----- value ---------------------------------------------------------------------------

    def f_set(self, data: Any) -> None:
        """Set value and default; the type may differ from before.

        Raises
        ------
        ParameterLockedException
            The parameter is locked.
        AttributeError
            The parameter has a range.
        TypeError
            The data is of a type that the parameter does not support.
        """
        self._refuse_if_locked("set")
        if self._explored_range:
            raise AttributeError(
                f"Parameter {self._full_name!r} is explored: its value comes from its range. "
                "Shrink the trajectory before you set another value."
            )
        if not self.f_supports(data):
            raise TypeError(
                f"{type(self).__name__} {self._full_name!r} does not support {short_repr(data)} of "
                f"type {type(data).__name__}. "
                f"{explain_unsupported(data, 'Parameter', SCALAR_TYPES)}"
            )
        self._data = data
        self._default = data

    def f_get(self) -> Any:
        """Return the value and lock the parameter.

        Raises
        ------
        TypeError
            There is no value.
        """
        data = self._data
        if data is None:
            raise self._empty_error()
        self._locked = True
        return data

    def f_get_default(self) -> Any:
        """Return the default value and lock the parameter.

        Raises
        ------
        TypeError
            There is no default.
        """
        default = self._default
        if default is None:
            raise self._empty_error()
        self._locked = True
        return default

    def _empty_error(self) -> TypeError:
        return TypeError(
            f"Parameter {self._full_name!r} is empty. Set a value with `f_set` or load it first."
        )

    def f_is_empty(self) -> bool:
        """Return whether there is no value."""
        return self._data is None

    def f_empty(self) -> None:
        """Drop value, default and range.

        Raises
        ------
        ParameterLockedException
            The parameter is locked.
        """
        self._refuse_if_locked("emptied")
        if self._data is not None:
            self._is_left_in_storage = self._stored
        self._data = None
        self._default = None
        self._explored_range = []
        self._is_ragged = False
        self._explored = False

    def __getattr__(self, name: str) -> Any:
        # Not properties, so that derived classes may have attributes of these names.
        if name == "data":
            return self.f_get()
        if name == "default":
            return self.f_get_default()
        raise AttributeError(
            f"{type(self).__name__} has no attribute {name!r}; `data` and `default` are its values."
        )

    # ----- range ---------------------------------------------------------------------------

    def f_has_range(self) -> bool:
        """Return whether the parameter has its range in memory."""
        return bool(self._explored_range)

    def f_get_range(self, copy: bool = True) -> list[Any]:
        """Return a copy of the range, or the list of the parameter itself.

        Raises
        ------
        TypeError
            There is no range.
        """
        values = self._explored_range
        if not values:
            raise self._no_range()
        return values.copy() if copy else values

    def __len__(self) -> int:
        """Return 0 for an empty parameter, 1 for one without range, else the range's length."""
        return len(self._explored_range) or (0 if self._data is None else 1)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.f_get_range(copy=False))

    def __getitem__(self, item: Any) -> Any:
        if type(item) is str:
            if item == "data":
                return self.f_get()
            if item == "default":
                return self.f_get_default()
        elif type(item) is int and item == -1:
            return self.f_get_default()
        return self.f_get_range(copy=False)[item]

    def _explore(self, explore_iterable: Iterable[Any]) -> None:
        """Set the range, one entry for each run, and lock the parameter.

        Raises
        ------
        ParameterLockedException
            The parameter is locked.
        TypeError
            The parameter has a range already or no default, or an entry cannot become its type
            without loss.
        ValueError
            There are no entries.
        """
        self._refuse_if_locked("explored")
        if self._explored_range:
            raise TypeError(
                f"Parameter {self._full_name!r} is explored already; use `f_expand` to add entries."
            )
        if self._default is None:
            raise TypeError(
                f"Parameter {self._full_name!r} has no value; exploring needs a default."
            )
        self._explored_range = self._checked_range(explore_iterable)
        self._explored = True
        self._locked = True

    def _expand(self, explore_iterable: Iterable[Any]) -> None:
        """Append to the range and lock the parameter.

        Raises
        ------
        ParameterLockedException
            The parameter is locked.
        TypeError
            The parameter has no range, or an entry cannot become the type of the default without
            loss.
        ValueError
            There are no entries.
        """
        self._refuse_if_locked("expanded")
        if not self._explored_range:
            raise self._no_range()
        self._explored_range.extend(self._checked_range(explore_iterable))
        self._locked = True

    def _shrink(self) -> None:
        """Drop the range, keep the value.

        Raises
        ------
        ParameterLockedException
            The parameter is locked.
        TypeError
            The parameter is empty or has no range.
        """
        self._refuse_if_locked("shrunk")
        if self._data is None:
            raise self._empty_error()
        if not self._explored_range:
            raise self._no_range()
        self._explored_range = []
        self._is_ragged = False
        self._explored = False

    def _checked_range(self, entries: Iterable[Any]) -> list[Any]:
        """Return the entries, converted to the type of the default; note if they are ragged."""
        values = converted_entries(self, self._default, entries)
        if not values:
            raise ValueError(f"The range for parameter {self._full_name!r} has no entries.")
        if not self._is_ragged and type(self._default) not in SCALAR_TYPES:
            first = (self._explored_range or values)[0]
            self._is_ragged = not all(self._shares_column(value, first) for value in values)
        return values

    def _set_parameter_access(self, idx: int = 0) -> None:
        """Make entry ``idx`` of the range the value; without range, log a warning.

        Raises
        ------
        ValueError
            There is no such entry; negative indices do not count from the end.
        """
        if idx >= 0:
            try:
                self._data = self._explored_range[idx]
                return
            except IndexError:
                pass  # handled below, off the path of each run
        if self._explored_range:
            raise ValueError(
                f"Parameter {self._full_name!r} has no entry {idx}: its range has "
                f"{len(self._explored_range)} entries."
            )
        self._logger.warning(
            "Parameter `%s` has no range to take entry %s from; it keeps its value.",
            self._full_name,
            idx,
        )

    def _hold_value_of_run(self, value: Any, idx: int) -> None:
        """Make ``value`` the value, and drop the range, which lacks it."""
        self._data = value
        self._explored_range = []

    def _restore_default(self) -> None:
        """Make the default the value."""
        self._data = self._default

    # ----- pickling, storing, loading ------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["_explored_range"] = self._explored_range.copy() if self._full_copy else []
        return state

    def _needs_entry_items(self) -> bool:
        """Return whether data and range have to be stored as items of their own."""
        return self._is_ragged or self._keeps_entry_items

    def _class_name_to_store(self) -> str:
        # Readers that know the layout, including earlier versions, then understand it.
        is_array = type(self) is Parameter and self._needs_entry_items()
        return "ArrayParameter" if is_array else super()._class_name_to_store()

    def _write_items(self, writer: LeafWriter) -> None:
        if self._needs_entry_items():
            self._keeps_entry_items = True
            write_entry_items(writer, self._data, self._explored_range)
            return
        writer.column("data", "data", (self._data,))
        if self._explored_range:
            writer.column("explored_data", "data", self._explored_range)

    def _read_items(self, reader: LeafReader) -> None:
        if ENTRY_DATA in reader:  # first, since `data` may be left from before it was ragged
            data, values = read_entry_items(reader)
            self._keeps_entry_items = True
            self._restore_value(data)
            if values is not None:
                self._restore_range(values)
            return
        if "data" in reader:
            self._restore_value(reader.column("data", "data")[0])
        else:
            self._warn_about_missing_data()
        if "explored_data" in reader:
            self._restore_range(reader.column("explored_data", "data"))

    def _restore_value(self, value: Any) -> None:
        self._data = value
        self._default = value

    def _restore_range(self, values: list[Any]) -> None:
        self._explored_range = values
        self._explored = True

    def _warn_about_missing_data(self) -> None:
        self._logger.warning(
            "There is no stored value for parameter `%s`; it stays as it is.", self._full_name
        )

    def _write_all(self, writer: LeafWriter) -> None:
        if self._data is None:
            raise self._empty_error()
        self._write_items(writer)
        self._locked = True

    def _read_all(self, reader: LeafReader) -> None:
        self._refuse_if_locked("loaded into")
        self._read_items(reader)
        self._locked = True

    def _store(self) -> dict[str, Any]:
        """Return the data to store by item name, and lock the parameter.

        Raises
        ------
        TypeError
            There is no value.
        """
        writer = DictWriter()
        self._write_all(writer)
        return writer.content

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        """Restore the result of `_store`, make the value the default, and lock the parameter.

        Raises
        ------
        ParameterLockedException
            The parameter is locked.
        """
        self._read_all(DictReader(load_dict))

    def _encode(self, encoding: str) -> tuple[Item, ...]:
        """Return the data to store as items, and lock the parameter; like `_store`."""
        writer = ItemWriter(encoding)
        self._write_all(writer)
        return writer.items

    def _decode(self, items: Mapping[str, Item], encoding: str) -> None:
        """Restore the result of `_encode` and lock the parameter; like `_load`."""
        self._read_all(ItemReader(items, encoding))


def range_and_default(parameter: Parameter) -> tuple[list[Any], Any]:
    """Return range and default of a parameter without locking it."""
    return parameter._explored_range, parameter._default
