"""Making nodes by copying templates.

A group with its attributes, a leaf in it and a dataset with its attributes are some twenty calls
to HDF5, but only one if they are copied together from a template of the same shape. Templates
live in a file that exists in memory only. Values are written into the template first, whose
datasets stay open, and are copied with it.

The templates use the formats of HDF5 1.10, which the copies keep: small groups without a tree of
their own and single chunks without an index are several times smaller.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5p, h5s, h5t

from pypet import pypetconstants as constants
from pypet.records import ArrayItem, Item, PutNode, TableItem
from pypet.storage_backends.hdf5.encoding.attributes import TRUE, write_attribute, write_text
from pypet.storage_backends.hdf5.encoding.checksums import (
    checksum_note,
    crc_function,
    note_checksum,
)
from pypet.storage_backends.hdf5.encoding.layout import (
    CHECKSUM,
    CLASS_NAME,
    COLLECTION,
    IS_LEAF,
    STORED_AS,
)
from pypet.storage_backends.hdf5.encoding.types import file_type, native
from pypet.storage_backends.hdf5.objects.arrays import create_array, needs_checksum
from pypet.storage_backends.hdf5.objects.groups import create_group
from pypet.storage_backends.hdf5.objects.tables import (
    create_table,
    row_dtype,
    rows_of,
    write_types,
)
from pypet.storage_backends.hdf5.settings.settings import Filters
from pypet.support.tricks import is_on

# ----- shapes: what stored things have in common that differ in their values only -----------------


_IS_ON = is_on("templates")
ITEM_BYTES = 4096
"""Larger items are written where they belong: there copying saves nothing."""
TEXT_BYTES = 64
"""Longer text is likely to have another length next time."""
TABLE_COLUMNS = 32
BATCH_NODES = 64
BATCH_ITEMS = 128
FEW_CHILDREN = 8
"""The most children that HDF5 keeps in the group itself, unless the file has the oldest format."""
_RUNS = "." + constants.RUN_NAME
"""A group with runs in it will have many: it is not made from a template of small groups."""

_COPIED_FLAGS = (constants.ARRAY, constants.CARRAY)

Shape = tuple[Any, ...]


def may_stay_small(root: str, nodes: list[PutNode]) -> bool:
    """Return whether the group at ``root`` may be one of few children, as templates are."""
    skip = len(root) + 1
    paths = [node.path[skip:] for node in nodes]
    children = {path.partition(".")[0] for path in paths}
    return len(children) <= FEW_CHILDREN and not any(_RUNS in "." + path for path in paths)


class BatchShape(NamedTuple):
    """A subtree of new nodes: its shape, and which items are written how."""

    shape: Shape
    copied: list[Item]
    """Items that come with the template, in the order in which it takes their values."""
    direct: list[tuple[PutNode, list[Item]]]
    """Items that are written one by one afterwards."""


def item_shape(item: Item) -> Shape | None:
    """Return the shape of an item, None if it is not to be made from a template."""
    if not _IS_ON:
        return None
    if type(item) is ArrayItem:
        value = item.value
        limit = TEXT_BYTES if value.dtype.kind == "S" else ITEM_BYTES
        if value.nbytes <= limit and item.flag in _COPIED_FLAGS:
            return _array_shape(item)
    elif (
        type(item) is TableItem
        and len(item.columns) <= TABLE_COLUMNS
        and sum(column.values.nbytes for column in item.columns) <= ITEM_BYTES
    ):
        return _table_shape(item)
    return None


def _array_shape(item: ArrayItem) -> tuple[Any, ...]:
    """Return what items have in common whose datasets differ in their values only."""
    value = item.value
    return (
        item.flag,
        value.dtype,
        value.shape,
        item.collection,
        item.scalar,
        item.flavor,
        item.order,
        item.types,
    )


def _table_shape(item: TableItem) -> tuple[Any, ...]:
    """Return what items have in common whose tables differ in their values only."""
    return (
        item.name,
        item.flag,
        *[
            (
                column.name,
                column.values.dtype,
                column.values.shape,
                column.collection,
                column.scalar,
                column.order,
                column.types,
            )
            for column in item.columns
        ],
    )


def batch_shape(root: str, nodes: list[PutNode]) -> BatchShape | None:
    """Return the shape of the subtree at ``root``; None if it cannot be made from a template."""
    if not _IS_ON or len(nodes) > BATCH_NODES:
        return None
    skip = len(root)
    shape: list[Any] = []
    copied: list[Item] = []
    direct: list[tuple[PutNode, list[Item]]] = []
    for node in nodes:
        path = node.path[skip:]
        if node.options or _RUNS in path:
            return None
        shape += (path, node.is_leaf, node.class_name)
        rest: list[Item] = []
        for item in node.items:
            common = None if "." in item.name else item_shape(item)
            if common is None:
                rest.append(item)
            else:
                shape.append(item.name)
                shape.append(common)
                copied.append(item)
        if rest:
            direct.append((node, rest))
    if len(copied) > BATCH_ITEMS:
        return None
    return BatchShape(tuple(shape), copied, direct)


# ----- templates ----------------------------------------------------------------------------------


MOST_DATASETS = 512
"""The most datasets that are kept open in templates. Each takes some 100 kB, and where environments
are made again and again, each of them has settings of its own shape."""
MOST_TEMPLATES = 512
TIMES_WITHOUT = 3
"""How often a subtree of one shape is made node by node before a template is made of it."""
MOST_SEEN = 4096
"""The most shapes of subtrees without a template that are counted."""
RAW_BYTES = 256
"""Chunks up to this size are kept as they are: setting up a compressor costs more than it saves."""

_ALL = h5s.ALL


class _Slot:
    """A dataset of a template, waiting for the value of the next copy."""

    __slots__ = (
        "_checksum",
        "_crc",
        "_dataset",
        "_dtype",
        "_kind",
        "_mask",
        "_note",
        "_offset",
        "_raw",
    )

    def __init__(
        self, dataset: h5d.DatasetID, dtype: np.dtype[Any], item: Item, filters: Filters
    ) -> None:
        self._dataset = dataset
        self._dtype = dtype
        self._kind = file_type(dtype)
        size = dataset.shape
        nbytes = int(np.prod(size)) * dtype.itemsize
        is_chunked = not isinstance(item, ArrayItem) or item.flag == constants.CARRAY
        self._raw = is_chunked and 0 < nbytes <= RAW_BYTES and not filters.fletcher32
        self._offset = (0,) * len(size)
        self._mask = 0
        if self._raw:
            self._mask = 2 ** dataset.get_create_plist().get_nfilters() - 1
        self._checksum: h5a.AttrID | None = None
        """Open attribute with the checksum of the value, if it needs one."""
        needs_one = needs_checksum(item) if isinstance(item, ArrayItem) else nbytes > 0
        if filters.checksums and needs_one:
            length = int(np.prod(size))
            note_checksum(dataset, 0, length)
            self._checksum = h5a.open(dataset, CHECKSUM)
            self._note = checksum_note(0, length)
            self._crc = crc_function()

    def write(self, item: Any) -> None:
        """Put the value of an item of the same shape into the template."""
        if type(item) is ArrayItem:
            value = item.value
            if not (value.flags.c_contiguous and value.dtype.isnative):
                value = native(value)
        else:
            value = rows_of(item.columns, self._dtype)
        if self._raw:
            self._dataset.write_direct_chunk(self._offset, value.tobytes(), self._mask)
        elif value.size:
            self._dataset.write(_ALL, _ALL, value, self._kind)
        if self._checksum is not None:
            self._note[0] = self._crc(value.tobytes(), 0)
            self._checksum.write(self._note, h5t.STD_U64LE)


class Template:
    """A group or dataset in the template file."""

    __slots__ = ("name", "slots")

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.slots: list[_Slot] = []


class Templates:
    """All templates of this process."""

    def __init__(self) -> None:
        self._file: h5f.FileID | None = None
        self._known: OrderedDict[Shape, Template] = OrderedDict()
        """Those that were not used for longest come first."""
        self._times: dict[int, int] = {}
        """Hash of the shape of a subtree without a template -> how often it came."""
        self._datasets = 0
        self._made = 0

    def knows(self, filters: Filters, shape: Shape) -> bool:
        """Return whether there is a template of this shape."""
        return (filters, shape) in self._known

    def is_worth_it(self, filters: Filters, shape: Shape) -> bool:
        """Return whether to copy a subtree from a template, which is made if there is none.

        Much of what is stored, like the config, comes once only, and a template of it takes
        longer to make than its nodes one by one.
        """
        key = (filters, shape)
        if key in self._known:
            return True
        code = hash(key)
        times = self._times.pop(code, 0)
        if times >= TIMES_WITHOUT:
            return True
        if len(self._times) >= MOST_SEEN:
            self._times.clear()
        self._times[code] = times + 1
        return False

    # ----- subtrees --------------------------------------------------------------------------

    def copy_subtree(
        self,
        group: h5g.GroupID,
        name: bytes,
        root: str,
        nodes: Sequence[PutNode],
        filters: Filters,
        shape: Shape,
        items: Sequence[Item],
    ) -> None:
        """Make the new nodes at and below ``root`` as ``name`` in ``group``.

        ``shape`` and ``items`` are what `shapes.batch_shape` says about the nodes.

        Raises
        ------
        TypeError
            An item has a dtype that HDF5 has no place for. Nothing was made.
        ValueError
            Two of the nodes have the same name. Nothing was made.
        """
        key = (filters, shape)
        template = self._find(key)
        if template is None:
            template = self._make_subtree(key, root, nodes, filters, items)
        for slot, item in zip(template.slots, items, strict=True):
            slot.write(item)
        h5o.copy(self._file, template.name, group, name)

    def _make_subtree(
        self,
        key: Shape,
        root: str,
        nodes: Sequence[PutNode],
        filters: Filters,
        items: Sequence[Item],
    ) -> Template:
        file = self._open()
        template = self._new()
        copied = {id(item) for item in items}
        try:
            groups = {"": create_group(file, template.name, filters, compact=True)}
            described: set[str] = set()
            for node in nodes:
                path = node.path[len(root) :]
                if path in described:
                    raise ValueError(f"Node {node.path!r} occurs twice.")
                described.add(path)
                group = _make_group(groups, path, filters)
                describe_group(group, node)
                for item in node.items:
                    if id(item) in copied:
                        name = item.name.encode("utf8")
                        template.slots.append(_make_item(group, name, item, filters))
        except BaseException:
            self._discard(template)
            raise
        return self._keep(key, template)

    # ----- single items ----------------------------------------------------------------------

    def copy_item(
        self, group: h5g.GroupID, name: bytes, item: Item, filters: Filters, shape: Shape
    ) -> None:
        """Make the dataset of an item as ``name`` in ``group``; ``shape`` is its item shape."""
        key = (filters, None, shape)
        template = self._find(key)
        if template is None:
            file = self._open()
            template = self._new()
            try:
                template.slots.append(_make_item(file, template.name, item, filters))
            except BaseException:
                self._discard(template)
                raise
            self._keep(key, template)
        template.slots[0].write(item)
        h5o.copy(self._file, template.name, group, name)

    # ----- keeping ---------------------------------------------------------------------------

    def _open(self) -> h5f.FileID:
        if self._file is None:
            properties = h5p.create(h5p.FILE_ACCESS)
            properties.set_fapl_core(1 << 20, False)
            properties.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
            self._file = h5f.create(b"pypet-templates", h5f.ACC_TRUNC, fapl=properties)
        return self._file

    def _new(self) -> Template:
        self._made += 1
        return Template(b"%d" % self._made)

    def _find(self, key: Shape) -> Template | None:
        template = self._known.get(key)
        if template is not None:
            self._known.move_to_end(key)
        return template

    def _keep(self, key: Shape, template: Template) -> Template:
        self._known[key] = template
        self._datasets += len(template.slots)
        while len(self._known) > MOST_TEMPLATES or (
            self._datasets > MOST_DATASETS and len(self._known) > 1
        ):
            _, oldest = self._known.popitem(last=False)
            self._datasets -= len(oldest.slots)
            self._discard(oldest)
        return template

    def _discard(self, template: Template) -> None:
        template.slots.clear()
        if self._file is not None and self._file.links.exists(template.name):
            self._file.unlink(template.name)


def _make_group(groups: dict[str, h5g.GroupID], path: str, filters: Filters) -> h5g.GroupID:
    """Make the group at ``path`` relative to the root of a template, and missing parents."""
    parent = ""
    for name in path.split(".")[1:]:
        here = f"{parent}.{name}"
        if here not in groups:
            groups[here] = create_group(groups[parent], name.encode("utf8"), filters, compact=True)
        parent = here
    return groups[parent]


def describe_group(group: h5g.GroupID, node: PutNode) -> None:
    """Write the attributes that say what a new node is."""
    if node.class_name is not None:
        write_text(group, CLASS_NAME, node.class_name)
    if node.is_leaf:
        write_attribute(group, IS_LEAF, TRUE)


def _make_item(parent: Any, name: bytes, item: Item, filters: Filters) -> _Slot:
    if isinstance(item, ArrayItem):
        dtype = item.value.dtype.newbyteorder("=")
        return _Slot(create_array(parent, name, item, filters), dtype, item, filters)
    assert isinstance(item, TableItem)
    return _Slot(*_make_table(parent, name, item, filters), item, filters)


def _make_table(
    parent: Any, name: bytes, item: TableItem, filters: Filters
) -> tuple[h5d.DatasetID, np.dtype[Any]]:
    dtype = row_dtype(item.columns)
    length = len(item.columns[0].values) if item.columns else 0
    table = create_table(parent, name, dtype, length, filters, title=item.name)
    write_types(table, item)
    if item.flag == constants.DICT:
        write_text(table, COLLECTION, constants.COLL_DICT)
    write_text(table, STORED_AS, item.flag)
    return table, dtype


TEMPLATES = Templates()
"""The one store of templates."""
