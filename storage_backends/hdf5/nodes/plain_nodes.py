"""Records of nodes that are plain enough to be read from their headers alone."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from h5py import h5t

from pypet import pypetconstants as constants
from pypet.errors import StorageFormatError
from pypet.records import GROUP, LEAF, ArrayItem, NodeRecord
from pypet.storage_backends.hdf5.encoding.attributes import is_pickled_text
from pypet.storage_backends.hdf5.encoding.layout import (
    BYTE_ORDER,
    CLASS_NAME,
    COLLECTION,
    COMMENT,
    ELEMENT_TYPES,
    IS_LEAF,
    SCALAR_TYPE,
    SERVICE,
    STORED_AS,
)
from pypet.storage_backends.hdf5.encoding.types import dtype_of, native
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.nodes.item_reading import ItemFilter
from pypet.storage_backends.hdf5.objects.header_patterns import Header
from pypet.storage_backends.hdf5.objects.object_headers import (
    HeaderReader,
    compact_data,
    has_own_values,
    shape_of,
)

_EMPTY_DTYPE = b"PTCOMPAT__empty__dtype"
_KNOWN = frozenset((IS_LEAF, CLASS_NAME, COMMENT))

_ENCODED_TYPE = b"\x03\x00"
"""What precedes the message in an encoded datatype."""
_DTYPES: dict[bytes, np.dtype[Any] | None] = {}
_MOST_REMEMBERED = 1024

Unpack = Callable[[bytes], tuple[Any, ...]]
_COMPACT = (b"\x03\x00", b"\x04\x00")
"""How layout messages of values that are in the header begin."""
_NUMBERS = {
    ("int", "<i8"): "<q",
    ("int", "<u8"): "<Q",
    ("float", "<f8"): "<d",
    ("bool", "|b1"): "?",
}
"""Scalar type and dtype of plain numbers -> how `struct` unpacks them."""


class PlainNodes:
    """Reads the plain nodes of an open file, and returns None for others.

    Only while no service of this process writes to the file; other processes cannot.
    """

    def __init__(self, file: OpenFile) -> None:
        self._file = file
        self._generation = -1
        self._latest: tuple[int | None, Header | None] = (None, None)
        self._reader: HeaderReader | None = None
        self._records: dict[int, tuple[dict[bytes, Any], NodeRecord | None]] = {}
        """By the id of a dictionary of attributes, which many headers share: that dictionary, and
        the record without a path."""
        self._unpackers: dict[int, tuple[dict[bytes, Any], bytes, Unpack | None]] = {}
        """Likewise, with the type of the values: what makes a Python number of their bytes."""

    def header(self, address: int | None) -> Header | None:
        """Return the header of an object, None if it is to be read in another way."""
        file = self._file
        if address is None or file.writable or file.id is None:
            return None
        if self._generation != file.generation:
            self._generation = file.generation
            self._latest = (None, None)
            self._reader = HeaderReader(file.id) if file.has_plain_headers else None
        return None if self._reader is None else self._reader.read(address)

    def has_own_values(self, address: int | None) -> bool:
        """Return whether it is known of the dataset with this header that its values are here."""
        latest, header = self._latest
        if address != latest:
            header = self.header(address)
        return header is not None and has_own_values(header.layout)

    def record(self, header: Header, path: str) -> NodeRecord | None:
        """Return the record of a node without items, None if it has what is not plain."""
        record = self.pathless_record(header)
        if record is None:
            return None
        return NodeRecord(path, record.kind, record.class_name, record.comment, {})

    def pathless_record(self, header: Header) -> NodeRecord | None:
        """Return the same without a path; headers that share their attributes have one record."""
        attributes = header.attributes
        known = self._records.get(id(attributes))
        if known is None:
            if len(self._records) >= _MOST_REMEMBERED:
                self._records.clear()
            known = self._records[id(attributes)] = (attributes, self._record(header))
        return known[1]

    def _record(self, header: Header) -> NodeRecord | None:
        attributes = header.attributes
        if not header.is_group or not _is_plain(attributes):
            return None
        class_name: Any = attributes.get(CLASS_NAME)
        comment: Any = attributes.get(COMMENT, "")
        if is_pickled_text(comment):
            return None
        kind = LEAF if attributes.get(IS_LEAF) else GROUP
        return NodeRecord("", kind, class_name, comment)

    def numbers(self, header: Header) -> dict[str, Any] | None:
        """Return the items of a leaf by name if all of them are Python numbers or bools."""
        numbers: dict[str, Any] = {}
        for name, address in header.links:
            item_header = self.header(address)
            if item_header is None:
                return None
            attributes = item_header.attributes
            known = self._unpackers.get(id(attributes))
            if known is None or known[0] is not attributes or known[1] is not item_header.kind:
                if len(self._unpackers) >= _MOST_REMEMBERED:
                    self._unpackers.clear()
                known = (attributes, item_header.kind, _unpacker(item_header))
                self._unpackers[id(attributes)] = known
            unpack = known[2]
            layout = item_header.layout
            if unpack is None or layout[:2] not in _COMPACT:
                return None
            try:
                (numbers[name.decode("utf8")],) = unpack(layout[4:])
            except struct.error:
                return None
        return numbers

    def items(self, header: Header, wants: ItemFilter | None) -> tuple[ArrayItem, ...] | None:
        """Return the items of a leaf, None if one of them is not plain."""
        items: list[ArrayItem] = []
        for name, address in sorted(header.links):
            item_header = self.header(address)
            if item_header is None:
                return None
            item_name = name.decode("utf8")
            if item_header.attributes.get(STORED_AS) != constants.ARRAY:
                self._latest = address, item_header
                return None
            if wants is None or wants(item_name):
                item = _array(item_header, item_name)
                if item is None:
                    return None
                items.append(item)
        return tuple(items)


def _is_plain(attributes: dict[bytes, Any]) -> bool:
    for name, value in attributes.items():
        if name.startswith(SERVICE) and (name not in _KNOWN or value is None):
            return False
    return type(attributes.get(IS_LEAF, True)) is bool


def _unpacker(header: Header) -> Unpack | None:
    """Return what unpacks the value of a dataset, None if it is not one plain number."""
    attributes = header.attributes
    dtype = _dtype(header.kind) if header.kind else None
    if (
        dtype is None
        or attributes.get(STORED_AS) != constants.ARRAY
        or attributes.get(COLLECTION) != constants.COLL_SCALAR
        or not _ODD.isdisjoint(attributes)
        or shape_of(header.space) != ()
    ):
        return None
    code = _NUMBERS.get((str(attributes.get(SCALAR_TYPE)), dtype.str))
    return None if code is None else struct.Struct(code).unpack


_ODD = frozenset((BYTE_ORDER, ELEMENT_TYPES, _EMPTY_DTYPE))


def _array(header: Header, name: str) -> ArrayItem | None:
    attributes: dict[bytes, Any] = header.attributes
    if not header.space or not header.kind or not header.layout or _EMPTY_DTYPE in attributes:
        return None
    data = compact_data(header.layout)
    dtype = _dtype(header.kind)
    shape = shape_of(header.space)
    if data is None or dtype is None or shape is None:
        return None
    value = np.frombuffer(data, dtype=dtype).reshape(shape)
    return ArrayItem(
        name,
        constants.ARRAY,
        native(value.copy()),
        attributes.get(COLLECTION),
        attributes.get(SCALAR_TYPE),
        attributes.get(b"FLAVOR") or "numpy",
        attributes.get(BYTE_ORDER),
        attributes.get(ELEMENT_TYPES),
    )


def _dtype(message: bytes) -> np.dtype[Any] | None:
    """Return the dtype of a datatype message, None if numpy has none."""
    try:
        return _DTYPES[message]
    except KeyError:
        if len(_DTYPES) >= _MOST_REMEMBERED:
            _DTYPES.clear()
    dtype: np.dtype[Any] | None
    try:
        dtype = dtype_of(h5t.decode(_ENCODED_TYPE + message))
    except (StorageFormatError, TypeError, ValueError, RuntimeError):
        dtype = None
    _DTYPES[message] = dtype
    return dtype
