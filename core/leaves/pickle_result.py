"""`PickleResult`: a result that takes anything that can be pickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet.encoding import encode_value
from pypet.leaves.exchange import ItemSource
from pypet.leaves.pickling import PROTOCOL_ITEM, Pickler, restore
from pypet.leaves.result import Result
from pypet.records import Item
from pypet.tree.node import put


class PickleResult(Result):
    """A result that takes any data, None too; every item is pickled on its own.

    ``protocol`` is the pickle protocol, 0 to 5. Items that it cannot pickle are pickled with the
    next higher one that can, which `v_protocol` says after storing. Loading takes over the stored
    one.
    """

    __slots__ = ("_protocol",)

    PROTOCOL = PROTOCOL_ITEM

    _protocol: int

    def __init__(self, full_name: str, *args: Any, **kwargs: Any) -> None:
        put(self, "_protocol", kwargs.pop("protocol", 0))
        super().__init__(full_name, *args, **kwargs)

    @property
    def v_protocol(self) -> int:
        """Pickle protocol of the stored data: the highest of those that its items needed."""
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
            The name is that of the item for the protocol in storage.
        """
        if name == self.PROTOCOL:
            raise AttributeError(
                f"Item {name!r} of result {self._full_name!r} cannot be called so: it is the "
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
        """Merge what `_store` returned into the data; takes the protocol out of ``load_dict``."""
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
        """Merge what `_encode` returned into the data; like `_load`."""
        source = ItemSource(items, encoding)
        self._load(
            {
                name: source.value(name) if name == self.PROTOCOL else source.raw(name)
                for name in items
            }
        )
