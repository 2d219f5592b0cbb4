"""`PickleParameter`: anything that can be pickled."""

from __future__ import annotations

from typing import Any

from pypet.leaves.distinct import distinct
from pypet.leaves.exchange import Sink, Source
from pypet.leaves.parameter import Parameter
from pypet.leaves.pickling import PROTOCOL_ITEM, Pickler, restore
from pypet.leaves.support import judges_scalars_by_type
from pypet.support.comparisons import nested_equal


class PickleParameter(Parameter):
    """A parameter for any data but None, which still means that it is empty.

    Entries of a range need exactly the type of the default. An object that occurs several times
    in a range is pickled once. ``protocol`` is the pickle protocol, 0 to 5. What it cannot pickle
    is pickled with the next higher one that can, which `v_protocol` says after storing. Loading
    takes over the stored one.
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
        """Pickle protocol of the stored data: the highest of those that were needed."""
        return self._protocol

    @v_protocol.setter
    def v_protocol(self, protocol: int) -> None:
        self._protocol = protocol

    @judges_scalars_by_type
    def f_supports(self, data: Any) -> bool:
        """Return True: what cannot be pickled shows when the parameter is stored."""
        return True

    @judges_scalars_by_type
    def _values_of_same_type(self, a: Any, b: Any) -> bool:
        return type(a) is type(b)

    def _equal_values(self, a: Any, b: Any) -> bool:
        return type(a) is type(b) and nested_equal(a, b)

    def _shares_column(self, value: Any, default: Any) -> bool:
        return True

    def _put_items(self, sink: Sink) -> None:
        pickler = Pickler(self._protocol)
        pickles = {"data": pickler.dump("data", self._data)}
        entries, indices = distinct(self._explored_range, id)
        for index, entry in enumerate(entries):
            name = _entry_name(index)
            pickles[name] = pickler.dump(name, entry)
        self._protocol = pickler.protocol
        sink.value("data", pickles.pop("data"))
        sink.value(self.PROTOCOL, self._protocol)
        for name, raw in pickles.items():
            sink.value(name, raw)
        if indices:
            sink.column("explored_data", "idx", indices)

    def _take_items(self, source: Source) -> None:
        if self.PROTOCOL in source:
            self._protocol = source.value(self.PROTOCOL)
        if "data" in source:
            self._take_value(restore(self, "data", source.raw("data")))
        else:
            self._warn_about_missing_data()
        if "explored_data" in source:
            indices = source.column("explored_data", "idx")
            names = {index: _entry_name(index) for index in set(indices)}
            entries = {
                index: restore(self, name, source.raw(name)) for index, name in names.items()
            }
            self._take_range([entries[index] for index in indices])


def _entry_name(index: int) -> str:
    return f"xp_{index:08d}"
