"""Records of nodes: as they are read back, and as headers describe them without values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pypet.records.items import ArrayItem, FrameItem, Item, TableItem

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


# ----- without values ----------------------------------------------------------------------------

DAMAGED = "damaged"
"""Kind of a node that is there but cannot be read."""


class StoredItem(NamedTuple):
    """One item of a leaf, as its headers describe it."""

    name: str
    """Contains dots where items nest."""
    flag: str | None
    """How it is kept: ``'ARRAY'``, ``'TABLE'``, ``'FRAME'``, ...; None if it does not say."""
    shape: tuple[int, ...] | None = None
    """Of an array; rows of a table; rows and columns of a frame. None if it is unknown."""
    dtype: str | None = None
    """Of the elements as they are stored, in numpy's spelling; None for frames."""
    columns: tuple[tuple[str, str], ...] = ()
    """Names and dtypes of the columns of a table."""
    collection: str | None = None
    """As in `pypet.records.ArrayItem`."""
    scalar: str | None = None
    """As in `pypet.records.ArrayItem`."""
    nbytes: int | None = None
    """Bytes of its values in memory; None if that is unknown."""
    stored_bytes: int = 0
    """Bytes of its values in the storage, compressed, without headers."""
    shared: bool = False
    """It is shared data, which stays in the storage."""
    problem: str = ""
    """Why it, or a part of it, cannot be read; empty if everything read so far is intact."""


class StoredNode(NamedTuple):
    """One stored node; `path`, `class_name`, `comment` and `target` as in `NodeRecord`."""

    path: str
    kind: str
    """`GROUP`, `LEAF`, `LINK` or `DAMAGED`."""
    class_name: str | None = None
    comment: str = ""
    items: tuple[StoredItem, ...] = ()
    target: str | None = None
    problem: str = ""
    """Why it, or what is below it, cannot be read; empty if nothing was found."""


def stored_node(record: NodeRecord) -> StoredNode:
    """Describe a node that was read, for backends that cannot describe one without reading it."""
    return StoredNode(
        record.path,
        record.kind,
        record.class_name,
        record.comment,
        tuple(map(_stored_item, record.items or ())),
        record.target,
    )


def _stored_item(item: Item) -> StoredItem:
    if isinstance(item, ArrayItem):
        size = item.value.nbytes
        return StoredItem(
            item.name,
            item.flag,
            item.value.shape,
            str(item.value.dtype),
            collection=item.collection,
            scalar=item.scalar,
            nbytes=size,
            stored_bytes=size,
        )
    if isinstance(item, TableItem):
        size = sum(column.values.nbytes for column in item.columns)
        rows = len(item.columns[0].values) if item.columns else 0
        columns = tuple((column.name, str(column.values.dtype)) for column in item.columns)
        return StoredItem(
            item.name, item.flag, (rows,), columns=columns, nbytes=size, stored_bytes=size
        )
    if isinstance(item, FrameItem):
        return StoredItem(item.name, item.flag, tuple(item.value.shape))
    return StoredItem(item.name, item.flag, shared=True)


ERROR, WARNING, NOTE = "error", "warning", "note"
"""Levels of findings: something stored is broken; something is odd; worth to be known."""


class Finding(NamedTuple):
    """Something that verifying a stored trajectory has found."""

    level: str
    """`ERROR`, `WARNING` or `NOTE`."""
    path: str
    """Full name of the node; '' for the trajectory itself."""
    text: str
    """What was found."""
    advice: str = ""
    """What to do about it."""
