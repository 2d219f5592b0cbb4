"""One trajectory: groups of a Zarr hierarchy, whose attributes hold what is small.

Each node has a document of its own, so that writers of different nodes never meet. A run has one
writer, so its leaves are in the documents of its groups: usually, a run is written at once.
"""

from __future__ import annotations

import re
import time
import uuid
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from pypet.errors import StorageFormatError
from pypet.records import GROUP, ArrayItem, Item, MetaRecord, NodeRecord, RunRows
from pypet.services import (
    TrajectoryStore,
    item_from_bytes,
    item_to_bytes,
    meta_from_bytes,
    meta_to_bytes,
    run_records,
    run_rows,
    values_from_bytes,
    values_to_bytes,
)
from pypet_zarr.objects import NODE, ROOT, RUNS, Objects

OWN = "pypet"
"""The attribute that holds what is pypet's."""
RUN_TABLE = ".runs"  # no name of a node has a dot
ROWS = 1000
"""Runs whose rows are in one document."""
INLINE_BYTES = 4096
"""What is larger becomes an array."""
_PLAIN = re.compile(r"(?!zarr\.json$)[A-Za-z0-9][\w.-]*")
_IN_RUN = re.compile(r"(^|\.)run_\d{8,}(\.|$)")


class ZarrTrajectory(TrajectoryStore):
    """One trajectory in an open store."""

    def __init__(self, objects: Objects, name: str, writer: str, unpickle: str) -> None:
        self._objects = objects
        self._root = name
        self._writer = writer
        self._unpickle = unpickle

    # ----- where nodes are -------------------------------------------------------------------

    def _folder(self, path: str) -> str:
        return f"{self._root}/{path.replace('.', '/')}".rstrip("/")

    def _attributes(self, folder: str) -> dict[str, Any]:
        """Return all attributes of a document, to be changed within a transaction only."""
        (document,) = self._objects.get(folder)
        return document.get("attributes", {}) if document else {}

    def _place(self, path: str) -> tuple[str, str]:
        """Return the folder of the document that has a node, and its name there; '' for a group.

        Leaves and links of runs are in the document of their group, all others in their own.
        """
        parent, _, name = path.rpartition(".")
        if _IN_RUN.search(parent):
            folder = self._folder(parent)
            if name in self._attributes(folder).get(OWN, {}).get("leaves", ()):
                return folder, name
        return self._folder(path), ""

    def _own(self, path: str) -> dict[str, Any]:
        folder, name = self._place(path)
        own = self._attributes(folder).get(OWN, {})
        return own["leaves"][name] if name else own  # type: ignore[no-any-return]

    def _put(self, folder: str) -> None:
        """Write a document whose attributes were changed."""
        rank = ROOT if folder == self._root else NODE
        self._objects.put(folder, self._attributes(folder), rank)

    # ----- nodes -----------------------------------------------------------------------------

    def _record(self, path: str, own: dict[str, Any]) -> NodeRecord:
        annotations = values_from_bytes(_bytes(own["annotations"]), path, self._unpickle)
        described = own["kind"], own["class_name"], own["comment"]
        return NodeRecord(path, *described, annotations, None, own["target"])

    def get(self, path: str) -> NodeRecord | None:
        """Return the record of a node."""
        own = self._own(path)
        return self._record(path, own) if "kind" in own else None

    def put(self, record: NodeRecord) -> None:
        """Create or change a node."""
        own = self._own(record.path)
        if "kind" not in own:
            own = self._created(record)
        own |= {
            "kind": record.kind,
            "class_name": record.class_name,
            "comment": record.comment,
            "annotations": _text(values_to_bytes(record.annotations)),
            "target": record.target,
        }
        self._put(self._place(record.path)[0])

    def _created(self, record: NodeRecord) -> dict[str, Any]:
        """Return where to describe a new node."""
        own: dict[str, Any] = {"items": {}}
        parent, _, name = record.path.rpartition(".")
        if record.kind != GROUP and _IN_RUN.search(parent):
            self._own(parent).setdefault("leaves", {})[name] = own
        else:
            self._objects.put(self._folder(record.path), {OWN: own}, NODE)
        return own

    def children(self, path: str) -> list[NodeRecord]:
        """Return the records of children."""
        folder, prefix = self._folder(path), f"{path}." if path else ""
        names = [name for name in self._objects.names(folder) if "." not in name]
        documents = self._objects.get(*(f"{folder}/{name}" for name in names))
        found = {
            name: (document or {}).get("attributes", {}).get(OWN)
            for name, document in zip(names, documents, strict=True)
        }
        found |= self._own(path).get("leaves", {})
        return [self._record(prefix + name, own) for name, own in found.items() if own]

    def delete(self, path: str) -> None:
        """Remove a node; what is below it goes first."""
        folder, name = self._place(path)
        if not name:
            self._objects.remove(*map(self._folder, self._groups(path)))
            return
        for item in self.item_names(path):
            self.delete_item(path, item)
        del self._attributes(folder)[OWN]["leaves"][name]
        self._put(folder)

    def _groups(self, path: str) -> Iterator[str]:
        """Yield a node and all below it that have documents, the lowest ones first."""
        for child in self.children(path):
            if not self._place(child.path)[1]:
                yield from self._groups(child.path)
        yield path

    # ----- items -----------------------------------------------------------------------------

    def item_names(self, path: str) -> list[str]:
        """Return the names of items."""
        return list(self._own(path)["items"])

    def get_items(self, path: str, names: Collection[str] | None = None) -> Iterator[Item]:
        """Yield items."""
        kept = self._own(path)["items"]
        for name in kept if names is None else names:
            if name in kept:
                yield self._item(path, name, kept[name])

    def _item(self, path: str, name: str, kept: Any) -> Item:
        if isinstance(kept, str):
            return item_from_bytes(name, _bytes(kept), path, self._unpickle)
        value = self._objects.get_array(f"{self._place(path)[0]}/{kept['array']}")
        if kept["header"] is None:
            return item_from_bytes(name, value.tobytes(), path, self._unpickle)
        item = item_from_bytes(name, _bytes(kept["header"]), path, self._unpickle)
        if not isinstance(item, ArrayItem):
            raise StorageFormatError(f"Item {name!r} of {path!r} has no array, as it should.")
        return item._replace(value=value)

    def put_item(self, path: str, item: Item) -> None:
        """Create or replace an item."""
        header = None
        if isinstance(item, ArrayItem) and _is_array(item):
            value, header = item.value, _text(item_to_bytes(item._replace(value=item.value[:0])))
        else:
            value = np.frombuffer(item_to_bytes(item), np.uint8)
        self._drop(path, item.name)
        folder, leaf = self._place(path)
        label = _label(leaf, item.name)
        kept: Any = _text(value.tobytes()) if header is None else None
        if header is not None or value.nbytes > INLINE_BYTES:
            if not _PLAIN.fullmatch(label) or self._objects.is_taken(f"{folder}/{label}"):
                label = f"{leaf}.{uuid.uuid4().hex}"  # what is there stays until all is written
            self._objects.put_array(f"{folder}/{label}", value)
            kept = {"array": label, "header": header}
        elif label != OWN and (readable := _readable(item)) is not None:
            self._attributes(folder)[label] = readable
        self._own(path)["items"][item.name] = kept
        self._put(folder)

    def delete_item(self, path: str, name: str) -> None:
        """Remove an item."""
        self._drop(path, name)
        self._put(self._place(path)[0])

    def _drop(self, path: str, name: str) -> None:
        """Remove an item and its array, without writing the document."""
        folder, leaf = self._place(path)
        kept = self._own(path)["items"].pop(name, None)
        if isinstance(kept, dict):
            self._objects.remove(f"{folder}/{kept['array']}")
        if (label := _label(leaf, name)) != OWN:
            self._attributes(folder).pop(label, None)

    # ----- the trajectory itself ---------------------------------------------------------------

    @property
    def created(self) -> int:
        """When it was stored first, in nanoseconds since the epoch; 0 if it was not."""
        return int(self._own("").get("created", 0))

    def get_meta(self) -> MetaRecord:
        """Return the data about the trajectory."""
        return meta_from_bytes(_bytes(self._own("")["meta"]), "", self._unpickle)

    def put_meta(self, meta: MetaRecord) -> None:
        """Replace the data about the trajectory."""
        own, data = self._own(""), _text(meta_to_bytes(meta))
        if own.get("meta") != data:
            own |= {"meta": data, "created": self.created or time.time_ns()}
            self._put(self._root)

    def get_runs(self) -> RunRows:
        """Return the run table: of each row what was written last."""
        table = f"{self._root}/{RUN_TABLE}"
        latest: dict[int, list[Any]] = {}
        paths = [f"{table}/{name}" for name in self._objects.names(table)]
        for document in self._objects.get(*paths):
            for when, *row in document["attributes"][OWN]["rows"] if document else ():
                if row[0] not in latest or latest[row[0]][0] <= when:
                    latest[row[0]] = [when, *row]
        length = self.get_meta().info.length
        return run_rows(latest[idx][1:] for idx in sorted(latest) if idx < length)

    def put_runs(self, rows: RunRows) -> None:
        """Replace rows of the run table, in documents that no other process writes."""
        table = f"{self._root}/{RUN_TABLE}"
        if self._objects.get(table) == [None]:
            self._objects.put(table, {}, NODE)
        blocks: dict[int, dict[int, Any]] = {}
        now = time.time_ns()
        for row in run_records(rows):
            blocks.setdefault(row.idx // ROWS, {})[row.idx] = [now, *row]
        for number, block in blocks.items():
            path = f"{table}/{number:06}-{self._writer}"
            (document,) = self._objects.get(path)
            former = document["attributes"][OWN]["rows"] if document else ()
            merged = {row[1]: row for row in former} | block
            self._objects.put(path, {OWN: {"rows": list(merged.values())}}, RUNS)


def _label(leaf: str, item: str) -> str:
    """Return the name of the attribute or array with an item; ``leaf`` if it is in a run."""
    return item if leaf in ("", item) else f"{leaf}.{item}"


def _is_array(item: ArrayItem) -> bool:
    """Return whether an item becomes an array as it is: numbers of types that Zarr has."""
    value, kind = item.value, item.value.dtype.kind
    if not value.size or not value.ndim or kind not in "biufc":
        return False
    if value.dtype.itemsize > (16 if kind == "c" else 8):  # long double
        return False
    return item.collection == "COLL_NDARRAY" or value.nbytes > INLINE_BYTES


def _readable(item: Item) -> Any:
    """Return numbers and text as JSON has them, for other programs; None for all else."""
    if isinstance(item, ArrayItem):
        value, kind = item.value, item.value.dtype.kind
        if kind in "biu" or (kind == "f" and np.isfinite(value).all()):
            return value.tolist()
        if kind == "S" and value.dtype.itemsize:
            try:
                return np.char.decode(value, "utf8").tolist()
            except UnicodeDecodeError:
                return None
    return None


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    return b64decode(text)
