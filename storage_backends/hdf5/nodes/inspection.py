"""Describing nodes and items of a trajectory from their headers, damaged ones among them.

No values are read, no pickles looked at, and no links followed. What cannot be read is a problem of
the node where it was met, and the walk goes on beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

from h5py import h5d, h5g, h5l, h5o, h5t

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import StorageFormatError
from pypet.records import DAMAGED, GROUP, LEAF, LINK, ArrayItem, Item, StoredItem, StoredNode
from pypet.storage_backends.hdf5.encoding.attributes import (
    attribute_names,
    read_comment,
    read_flag,
    read_text,
)
from pypet.storage_backends.hdf5.encoding.layout import (
    CLASS_NAME,
    COLLECTION,
    COMMENT,
    IS_LEAF,
    SCALAR_TYPE,
    SHARED_TYPE,
    STORED_AS,
)
from pypet.storage_backends.hdf5.encoding.types import dtype_of
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.nodes.item_opening import ItemOpener
from pypet.storage_backends.hdf5.nodes.item_reading import ItemReader
from pypet.storage_backends.hdf5.nodes.plain_nodes import PlainNodes
from pypet.storage_backends.hdf5.objects.groups import child_addresses, hdf5_path
from pypet.storage_backends.hdf5.objects.paths import OwnPaths, external_source, link_text
from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit, Visits

T = TypeVar("T")

_Child = tuple[bytes, int | None]
"""Name of an object in a group, and where its header is."""
_Children = tuple[list[_Child], list[bytes]]
"""Objects in a group, and names of links."""
_PlainNode = tuple[StoredNode | None, _Children | None]
_NOT_PLAIN: _PlainNode = (None, None)

_READING_FAILS = (*SYMPTOMS, StorageFormatError)
_OVERVIEW = b"overview"
_FRAMES = frozenset((constants.FRAME, constants.SERIES))
_MOST_LEVELS = 100
"""Groups within groups of one item."""
_TABLE_OF_FRAME = b"table"
_AXES_OF_FRAME = (b"axis1", b"axis0")
"""Datasets with the labels of rows and of columns of a frame in pandas' fixed format."""
_VALUES_OF_SERIES = b"values"
_EMPTY_OF_PANDAS = b"shape"
"""Attribute of the datasets in which pandas' fixed format keeps arrays without elements."""


def inspected_nodes(file: OpenFile, trajectory: str) -> Iterator[StoredNode]:
    """Yield everything below the root of a trajectory, parents before their children.

    An object with several hard links is described where it is met first; the others are links
    to it, so that no group is visited twice.

    Raises
    ------
    KeyError, OSError, RuntimeError, ValueError
        Not even the root can be read.
    """
    root = h5g.open(file.id, hdf5_path(trajectory, ""))
    seen: dict[int | None, str] = {h5o.get_info(root).addr: ""}
    children, links = child_addresses(root)
    children = [child for child in children if child[0] != _OVERVIEW]
    stack = [_Level("", b".", root, children, links)]
    plain = PlainNodes(file)
    paths = OwnPaths(file.id)
    while stack:
        level = stack[-1]
        if not level.children:
            yield from level.described_links(root, trajectory, paths)
            stack.pop()
            continue
        raw, address = level.children.pop()
        path = level.path_of(raw)
        if address in seen:
            yield StoredNode(path, LINK, target=seen[address])
            continue
        seen[address] = path
        group = None
        found, _ = _attempt(partial(_plain_node, plain, address, path), _NOT_PLAIN)
        node, below = found
        if node is None:
            node, group = _node(partial(level.opened, root), raw, path)
            if group is not None and node.kind == GROUP:
                nothing: _Children = ([], [])
                below, problem = _attempt(partial(child_addresses, group), nothing)
                node = node._replace(problem=node.problem or problem)
        yield node
        if below is not None:
            stack.append(_Level(path, level.location + b"/" + raw, group, *below))


class _Level:
    """A group whose children are being visited."""

    def __init__(
        self,
        path: str,
        location: bytes,
        group: h5g.GroupID | None,
        children: list[_Child],
        links: list[bytes],
    ) -> None:
        self._path = path
        self.location = location
        """Its path from the root of the trajectory."""
        self._group = group
        self.children = children[::-1]
        self._links = links

    def opened(self, root: h5g.GroupID) -> h5g.GroupID:
        """Return the open group, which is not needed where everything in it is plain."""
        if self._group is None:
            self._group = h5g.open(root, self.location)
        return self._group

    def path_of(self, raw: bytes) -> str:
        """Return the full name of a child."""
        name = raw.decode("utf8", "replace")
        return f"{self._path}.{name}" if self._path else name

    def described_links(
        self, root: h5g.GroupID, trajectory: str, paths: OwnPaths
    ) -> Iterator[StoredNode]:
        """Yield the links of the group; they are not followed."""
        inside = f"/{trajectory}/"
        for raw in self._links:
            path = self.path_of(raw)
            target, problem = _attempt(partial(self._target, root, raw), None)
            if target is not None and target.startswith(inside):
                name = target[len(inside) :].replace("/", ".")
                leads, _ = _attempt(partial(paths.lead_to, target.encode("utf8")), False)
                yield StoredNode(path, LINK, target=name, problem="" if leads else "is broken")
                continue
            if not problem:
                text, problem = _attempt(partial(link_text, self.opened(root), raw), "")
                problem = problem or f"leads to {text} and is not followed"
            yield StoredNode(path, LINK, problem=problem)

    def _target(self, root: h5g.GroupID, raw: bytes) -> str | None:
        """Return where a soft link leads to, None for others."""
        group = self.opened(root)
        if group.links.get_info(raw).type != h5l.TYPE_SOFT:
            return None
        target: bytes = group.links.get_val(raw)
        return target.decode("utf8", "replace")


def _attempt(read: Callable[[], T], otherwise: T) -> tuple[T, str]:
    """Return what ``read()`` gives and '', or ``otherwise`` and why it fails."""
    try:
        return read(), ""
    except _READING_FAILS as error:
        return otherwise, _reason(error)


def _reason(error: Exception) -> str:
    text = error.args[0] if isinstance(error, KeyError) and error.args else error
    return f"cannot be read: {text}"


def leaf_items(
    file: OpenFile,
    trajectory: str,
    path: str,
    policy: UnpicklingPolicy,
    size_limit: int | None,
    *,
    checksums: bool,
) -> tuple[Item, ...]:
    """Return the items of one leaf with their values; nothing else of it is read.

    ``size_limit`` is that of the service, for this leaf alone.

    Raises
    ------
    RefusedPickleError
        Something that pandas or PyTables would unpickle may not be.
    StorageFormatError
        An item is damaged, or not in the file, or takes more memory than allowed.
    """
    assert file.id is not None
    file_size = file.id.get_filesize()
    limit = None if size_limit is None else SizeLimit(size_limit, file_size)
    visits = Visits(file_size, lambda: f"Node {path!r} in {file.path}")
    plain = PlainNodes(file)
    opener = ItemOpener(file, OwnPaths(file.id), visits, limit, plain.has_own_values)
    location = hdf5_path(trajectory, path)
    reader = ItemReader(file, policy, opener, checksums=checksums)
    return reader.read(h5g.open(file.id, location), location, None)


# ----- nodes -----------------------------------------------------------------------------------


def _plain_node(plain: PlainNodes, address: int | None, path: str) -> _PlainNode:
    """Return a node that can be read from headers alone, and what is in it if it is a group.

    Both are None for other nodes. This takes a fifth of the time, of which there are many if there
    are many runs.
    """
    header = plain.header(address)
    record = None if header is None else plain.record(header, path)
    if header is None or record is None:
        return _NOT_PLAIN
    node = StoredNode(path, record.kind, record.class_name, record.comment)
    if record.kind == GROUP:
        links = sorted(header.links)
        children: list[_Child] = [(name, place) for name, place in links if place is not None]
        return node, (children, [name for name, place in links if place is None])
    arrays = plain.items(header, None)
    if arrays is None:
        return _NOT_PLAIN
    return node._replace(items=tuple(map(_array_item, arrays))), None


def _array_item(array: ArrayItem) -> StoredItem:
    return StoredItem(
        array.name,
        array.flag,
        array.value.shape,
        _dtype_text(array.value.dtype),
        (),
        array.collection,
        array.scalar,
        array.value.nbytes,
        array.value.nbytes,
    )


def _node(
    parent: Callable[[], h5g.GroupID], raw: bytes, path: str
) -> tuple[StoredNode, h5g.GroupID | None]:
    """Return a node and its group, None if it cannot be opened."""
    try:
        location = h5o.open(parent(), raw)
        if not isinstance(location, h5g.GroupID):
            return StoredNode(path, DAMAGED, problem="is an HDF5 dataset and no node"), None
        names = attribute_names(location)
    except _READING_FAILS as error:
        return StoredNode(path, DAMAGED, problem=_reason(error)), None
    is_leaf, first = _attempt(lambda: IS_LEAF in names and read_flag(location, IS_LEAF), False)
    class_name, second = _attempt(lambda: _text(location, CLASS_NAME, names), None)
    comment, third = _attempt(
        lambda: read_comment(location, COMMENT) if COMMENT in names else "", ""
    )
    node = StoredNode(
        path,
        LEAF if is_leaf else GROUP,
        class_name,
        comment,
        problem=first or second or third,
    )
    if is_leaf:
        nothing: tuple[StoredItem, ...] = ()
        items, problem = _attempt(lambda: tuple(_items(location, "", 0, set())), nothing)
        node = node._replace(items=items, problem=node.problem or problem)
    return node, location


def _text(location: Any, name: bytes, names: list[bytes]) -> str | None:
    return read_text(location, name) if name in names else None


# ----- items -----------------------------------------------------------------------------------


def _items(
    group: h5g.GroupID, prefix: str, depth: int, seen: set[int | None]
) -> Iterator[StoredItem]:
    children, links = child_addresses(group)
    for raw in links:
        name = prefix + raw.decode("utf8", "replace")
        text, problem = _attempt(partial(link_text, group, raw), "")
        yield StoredItem(name, None, problem=problem or f"is a link to {text}, not followed")
    for raw, address in children:
        name = prefix + raw.decode("utf8", "replace")
        if address in seen or depth > _MOST_LEVELS:
            yield StoredItem(name, None, problem="is in this leaf in several places")
            continue
        seen.add(address)
        try:
            location = h5o.open(group, raw)
            flag = _text(location, STORED_AS, attribute_names(location))
            if flag == constants.NESTED_GROUP and isinstance(location, h5g.GroupID):
                yield from tuple(_items(location, f"{name}.", depth + 1, seen))
            else:
                yield _item(location, name, flag)
        except _READING_FAILS as error:
            yield StoredItem(name, None, problem=_reason(error))


def _item(location: Any, name: str, flag: str | None) -> StoredItem:
    names = attribute_names(location)
    scalar = _text(location, SCALAR_TYPE, names)
    collection = _text(location, COLLECTION, names)
    shared = flag == constants.SHARED_DATA
    if shared:
        flag = _text(location, SHARED_TYPE, names) or flag
    if isinstance(location, h5g.GroupID):
        item = _group_item(location, name, flag)
    elif isinstance(location, h5d.DatasetID):
        item = _dataset_item(location, name, flag)
    else:
        item = StoredItem(name, flag, problem="is neither a dataset nor a group")
    if flag is None and not item.problem:
        item = item._replace(problem="does not say what kind of item it is")
    return item._replace(collection=collection, scalar=scalar, shared=shared)


def _dataset_item(dataset: h5d.DatasetID, name: str, flag: str | None) -> StoredItem:
    source = external_source(dataset)  # before the shape, for which other files would be opened
    if source:
        return StoredItem(name, flag, problem=f"is {source}, not read from there")
    stored = dataset.get_storage_size()
    if flag is None and _EMPTY_OF_PANDAS in attribute_names(dataset):  # one element that means none
        return StoredItem(name, flag, (0,), nbytes=0, stored_bytes=stored)
    shape: tuple[int, ...] = dataset.shape or (() if dataset.shape == () else (0,))
    kind = dataset.get_type()
    if kind.get_class() == h5t.VLEN or (
        kind.get_class() == h5t.STRING and kind.is_variable_str()
    ):  # the values are elsewhere in the file, of any length
        return StoredItem(name, flag, shape, stored_bytes=stored)
    dtype = dtype_of(kind)
    columns = tuple((column, _dtype_text(dtype[column])) for column in dtype.names or ())
    return StoredItem(
        name,
        flag,
        shape,
        None if columns else _dtype_text(dtype),
        columns,
        nbytes=math.prod(shape) * dtype.itemsize,
        stored_bytes=stored,
    )


def _dtype_text(dtype: Any) -> str:
    """Return a dtype as numpy spells it; of cells that are arrays with their shape."""
    text = str(dtype.base)
    return f"{text}{dtype.shape}" if dtype.shape else text


def _group_item(group: h5g.GroupID, name: str, flag: str | None) -> StoredItem:
    """Return an item that consists of several datasets: of pandas, or a table in several parts."""
    parts: dict[bytes, StoredItem] = {}
    problem = ""
    for part in _parts(group, b"", 0, set()):
        problem = problem or part.problem
        parts[part.name.encode("utf8")] = part
    sizes = [part.nbytes for part in parts.values()]
    return StoredItem(
        name,
        flag,
        _shape_of_frame(parts) if flag in _FRAMES else _shape_of_table(parts, name),
        None,
        nbytes=None if None in sizes else sum(size or 0 for size in sizes),
        stored_bytes=sum(part.stored_bytes for part in parts.values()),
        problem=problem,
    )


def _parts(
    group: h5g.GroupID, prefix: bytes, depth: int, seen: set[int | None]
) -> Iterator[StoredItem]:
    """Yield the datasets in a group, and in groups in it, as items called by their paths."""
    children, links = child_addresses(group)
    for raw in links:
        name = (prefix + raw).decode("utf8", "replace")
        yield StoredItem(name, None, problem=f"its part {name!r} is a link, not followed")
    for raw, address in children:
        if address in seen or depth > _MOST_LEVELS:
            continue
        seen.add(address)
        path = prefix + raw
        name = path.decode("utf8", "replace")
        try:
            location = h5o.open(group, raw)
            if isinstance(location, h5g.GroupID):
                yield from _parts(location, path + b"/", depth + 1, seen)
            else:
                yield _dataset_item(location, name, None)
        except _READING_FAILS as error:
            yield StoredItem(name, None, problem=f"its part {name!r} {_reason(error)}")


def _shape_of_frame(parts: dict[bytes, StoredItem]) -> tuple[int, ...] | None:
    """Return rows and, if that is known without reading values, columns."""
    table = parts.get(_TABLE_OF_FRAME) or parts.get(_VALUES_OF_SERIES)
    if table is not None:
        return table.shape[:1] if table.shape else None
    axes = [parts.get(axis) for axis in _AXES_OF_FRAME]
    if any(axis is None or not axis.shape for axis in axes):
        return None
    return tuple(axis.shape[0] for axis in axes if axis is not None and axis.shape)


def _shape_of_table(parts: dict[bytes, StoredItem], name: str) -> tuple[int, ...] | None:
    first = parts.get(name.rpartition(".")[2].encode("utf8"))
    return None if first is None else first.shape
