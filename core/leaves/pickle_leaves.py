"""`PickleParameter` and `PickleResult`: any data that can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet.encoding import encode_value, portable_pickle
from pypet.encoding.unpickling import current_policy
from pypet.leaves.leaf_io import ItemReader, LeafReader, LeafWriter, deduplicate
from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.leaves.supported_data import depends_on_scalar_type
from pypet.records import Item
from pypet.support.comparisons import nested_equal
from pypet.tree.node import put

PROTOCOL_ITEM = "__pckl_prtcl__"
"""Name of the item that holds the pickle protocol."""


class Pickler:
    """Pickles items of a leaf with a given protocol, or a higher one where necessary."""

    __slots__ = ("_asked_for", "protocol")

    def __init__(self, protocol: int) -> None:
        self._asked_for = protocol
        self.protocol = protocol
        """The highest protocol used so far."""

    def dump(self, name: str, value: Any) -> bytes:
        """Return ``value`` pickled; an error carries a note that names the item."""
        try:
            raw, protocol = portable_pickle.dumps_from(value, self._asked_for)
        except Exception as err:
            err.add_note(f"Item {name!r} of type {type(value).__name__} cannot be pickled.")
            raise
        self.protocol = max(self.protocol, protocol)
        return raw


def restore(leaf: Any, name: str, raw: bytes) -> Any:
    """Return the pickled value; an error carries a note that names the item.

    Raises
    ------
    RefusedPickleError
        The unpickling policy in effect (`pypet.encoding.unpickling`) forbids it.
    """
    try:
        return current_policy().loads(raw, f"Item {name!r} of {leaf.v_full_name!r}")
    except Exception as err:
        err.add_note(f"This happened while unpickling item {name!r}.")
        raise


class PickleParameter(Parameter):
    """A parameter for any picklable data except None, which means that it is empty.

    Entries of a range need exactly the type of the default. An object that occurs several times
    in a range is pickled once. ``protocol`` is the pickle protocol, 0 to 5. Data that it does not
    support is pickled with the next higher one that does; `v_protocol` is the protocol in use after
    storing. Loading restores the stored protocol.
    """

    __slots__ = ("_protocol",)

    PROTOCOL = PROTOCOL_ITEM

    _protocol: int

    def __init__(
        self, full_name: str, data: Any = None, comment: str = "", protocol: int = 2
    ) -> None:
        super().__init__(full_name, data, comment)
        self._protocol = protocol

    @property
    def v_protocol(self) -> int:
        """Pickle protocol of the stored data: the highest one in use."""
        return self._protocol

    @v_protocol.setter
    def v_protocol(self, protocol: int) -> None:
        self._protocol = protocol

    @depends_on_scalar_type
    def f_supports(self, data: Any) -> bool:
        """Return True; data that cannot be pickled fails when the parameter is stored."""
        return True

    @depends_on_scalar_type
    def _values_of_same_type(self, a: Any, b: Any) -> bool:
        return type(a) is type(b)

    def _equal_values(self, a: Any, b: Any) -> bool:
        return type(a) is type(b) and nested_equal(a, b)

    def _shares_column(self, value: Any, default: Any) -> bool:
        return True

    def _write_items(self, writer: LeafWriter) -> None:
        pickler = Pickler(self._protocol)
        pickles = {"data": pickler.dump("data", self._data)}
        entries, indices = deduplicate(self._explored_range, id)
        for index, entry in enumerate(entries):
            name = _entry_name(index)
            pickles[name] = pickler.dump(name, entry)
        self._protocol = pickler.protocol
        writer.value("data", pickles.pop("data"))
        writer.value(self.PROTOCOL, self._protocol)
        for name, raw in pickles.items():
            writer.value(name, raw)
        if indices:
            writer.column("explored_data", "idx", indices)

    def _read_items(self, reader: LeafReader) -> None:
        if self.PROTOCOL in reader:
            self._protocol = reader.value(self.PROTOCOL)
        if "data" in reader:
            self._restore_value(restore(self, "data", reader.raw("data")))
        else:
            self._warn_about_missing_data()
        if "explored_data" in reader:
            indices = reader.column("explored_data", "idx")
            names = {index: _entry_name(index) for index in set(indices)}
            entries = {
                index: restore(self, name, reader.raw(name)) for index, name in names.items()
            }
            self._restore_range([entries[index] for index in indices])


def _entry_name(index: int) -> str:
    return f"xp_{index:08d}"


class PickleResult(Result):
    """A result for any picklable data, including None; each item is pickled separately.

    ``protocol`` is the pickle protocol, 0 to 5. Items that it does not support are pickled with the
    next higher one that does; `v_protocol` is the highest in use after storing. Loading restores
    the stored protocol.
    """

    __slots__ = ("_protocol",)

    PROTOCOL = PROTOCOL_ITEM

    _protocol: int

    def __init__(self, full_name: str, *args: Any, **kwargs: Any) -> None:
        put(self, "_protocol", kwargs.pop("protocol", 0))
        super().__init__(full_name, *args, **kwargs)

    @property
    def v_protocol(self) -> int:
        """Pickle protocol of the stored data: the highest one of its items."""
        return self._protocol

    @v_protocol.setter
    def v_protocol(self, protocol: int) -> None:
        put(self, "_protocol", protocol)

    def _supports(self, item: Any) -> bool:
        return True

    def f_set_single(self, name: str, item: Any) -> None:
        """Set or replace one item.

        Raises
        ------
        AttributeError
            The name is reserved for the stored protocol.
        """
        if name == self.PROTOCOL:
            raise AttributeError(
                f"Item {name!r} of result {self._full_name!r} cannot have this name: it is the "
                "name under which the pickle protocol is stored."
            )
        super().f_set_single(name, item)

    def _store(self) -> dict[str, Any]:
        """Return the pickles by item name, and the protocol."""
        pickler = Pickler(self._protocol)
        pickles: dict[str, Any] = {
            name: pickler.dump(name, value) for name, value in self._data.items()
        }
        pickles[self.PROTOCOL] = pickler.protocol
        put(self, "_protocol", pickler.protocol)
        return pickles

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        """Merge the result of `_store` into the data; removes the protocol from ``load_dict``."""
        pickles: Any = load_dict
        put(self, "_protocol", pickles.pop(self.PROTOCOL, self._protocol))
        for name, raw in load_dict.items():
            self._data[name] = restore(self, name, raw)

    def _encode(self, encoding: str) -> tuple[Item, ...]:
        """Return the pickles as items; like `_store`."""
        return tuple(
            [encode_value(name, value, None, encoding) for name, value in self._store().items()]
        )

    def _decode(self, items: Mapping[str, Item], encoding: str) -> None:
        """Merge the result of `_encode` into the data; like `_load`."""
        reader = ItemReader(items, encoding)
        self._load(
            {
                name: reader.value(name) if name == self.PROTOCOL else reader.raw(name)
                for name in items
            }
        )
