"""What a storage service reads back about one node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pypet.records.items import Item

GROUP = "group"
LEAF = "leaf"
LINK = "link"


class NodeRecord(NamedTuple):
    """One stored node. ``path`` is its full name: components joined by dots, '' for the root."""

    path: str
    kind: str
    """`GROUP`, `LEAF` or `LINK`."""
    class_name: str | None = None
    """Bare class name; None for groups of the class that their place implies."""
    comment: str = ""
    annotations: Mapping[str, Any] = {}
    items: tuple[Item, ...] | None = None
    """Data of a leaf; None if it was not asked for."""
    target: str | None = None
    """Full name of the node that a link points to."""
