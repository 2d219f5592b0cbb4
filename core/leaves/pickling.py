"""Pickles as data of leaves, with errors that say which item is at fault."""

from __future__ import annotations

from typing import Any

from pypet.encoding import portable_pickle
from pypet.encoding.unpickling import rule_in_force

PROTOCOL_ITEM = "__pckl_prtcl__"
"""Name of the item that holds the pickle protocol."""


class Pickler:
    """Pickles items of a leaf with one protocol, or a higher one where that cannot."""

    __slots__ = ("_asked_for", "protocol")

    def __init__(self, protocol: int) -> None:
        self._asked_for = protocol
        self.protocol = protocol
        """The highest protocol that was needed so far."""

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
        The rule in force (`pypet.encoding.unpickling`) forbids it.
    """
    try:
        return rule_in_force().loads(raw, f"Item {name!r} of {leaf.v_full_name!r}")
    except Exception as err:
        err.add_note(f"This happened while unpickling item {name!r}.")
        raise
