"""Datasets of array items: PyTables' Array, CArray, EArray and VLArray."""

from __future__ import annotations

import math
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from pypet import pypetconstants as constants
from pypet.records import ArrayItem
from pypet.storage_backends.hdf5.compression.chunks import write_chunks
from pypet.storage_backends.hdf5.compression.filters import chunk_shape, chunked
from pypet.storage_backends.hdf5.compression.packing import PackedArray, write_packed
from pypet.storage_backends.hdf5.encoding.attributes import (
    MANY,
    SCALAR,
    Encoded,
    encode_attribute,
    encode_text,
    write_attribute,
    write_text,
)
from pypet.storage_backends.hdf5.encoding.checksums import crc_of, crc_of_rows, note_checksum
from pypet.storage_backends.hdf5.encoding.layout import (
    BYTE_ORDER,
    COLLECTION,
    ELEMENT_TYPES,
    SCALAR_TYPE,
    STORED_AS,
)
from pypet.storage_backends.hdf5.encoding.types import file_type, native
from pypet.storage_backends.hdf5.settings.settings import Filters

COMPACT_BYTES = 2048
"""Arrays up to this size are kept in the header of their dataset."""

"""Attribute with the byte order of the array that was stored, if not that of the machine.

The dataset has that of the machine in any case: so established versions read it as before, and
HDF5 has nothing to convert.
"""

_VERSIONS = {
    constants.ARRAY: (b"2.4", h5t.CSET_UTF8),
    constants.CARRAY: (b"1.1", h5t.CSET_ASCII),
    constants.EARRAY: (b"1.1", h5t.CSET_ASCII),
    constants.VLARRAY: (b"1.4", h5t.CSET_UTF8),
}
_EXTENDED_AXIS: Encoded = encode_attribute(np.int32(0))


def create_array(
    parent: Any,
    name: bytes,
    item: ArrayItem,
    filters: Filters,
    *,
    title: str = "",
    chunk: tuple[int, ...] | None = None,
) -> h5d.DatasetID:
    """Make the dataset of an array item with its attributes, without its values.

    Raises
    ------
    TypeError
        The array has a dtype that HDF5 has no place for.
    ValueError
        An array to be kept in chunks has no elements.
    """
    if item.flag == constants.VLARRAY:
        dataset = _create_ragged(parent, name, _ragged_rows(item.value), filters)
    else:
        kind = file_type(item.value.dtype.newbyteorder("="))
        if item.flag == constants.ARRAY:
            dataset = _create_plain(parent, name, item.value, kind)
        else:
            dataset = _create_chunked(parent, name, item, kind, filters, chunk)
    _write_attributes(dataset, item, title)
    return dataset


def write_array(dataset: h5d.DatasetID, item: ArrayItem, *, checksums: bool) -> None:
    """Write the values of an item into its new dataset, and their checksum if it needs one."""
    if item.flag == constants.VLARRAY:
        rows = _ragged_rows(item.value)
        target = h5py.Dataset(dataset)
        for position, row in enumerate(rows):
            target[position] = row
        if checksums and rows:
            note_checksum(dataset, crc_of_rows(rows), len(rows))
        return
    value: Any = item.value
    if isinstance(value, PackedArray):
        if write_packed(dataset, value):
            if checksums:
                note_checksum(dataset, value.crc, math.prod(value.shape))
            return
        value = value.unpacked()
    value = native(value)
    if item.flag == constants.ARRAY or not write_chunks(dataset, value, item.name):
        if not value.size:
            return
        dataset.write(h5s.ALL, h5s.ALL, value, file_type(value.dtype))
    if checksums and needs_checksum(item):
        note_checksum(dataset, crc_of(value), value.size)


def needs_checksum(item: ArrayItem) -> bool:
    """Return whether HDF5 does not check the values of an array, which has some."""
    nbytes = item.value.nbytes
    return nbytes > (COMPACT_BYTES if item.flag == constants.ARRAY else 0)


def _create_plain(
    parent: Any, name: bytes, value: np.ndarray[Any, Any], kind: h5t.TypeID
) -> h5d.DatasetID:
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    properties.set_attr_phase_change(MANY, MANY // 2)
    properties.set_attr_creation_order(h5p.CRT_ORDER_TRACKED)  # its header has a checksum then
    if 0 < value.nbytes <= COMPACT_BYTES:
        properties.set_layout(h5d.COMPACT)
    space = h5s.create_simple(value.shape) if value.ndim else SCALAR
    return h5d.create(parent, name, kind, space, properties)


def _create_chunked(
    parent: Any,
    name: bytes,
    item: ArrayItem,
    kind: h5t.TypeID,
    filters: Filters,
    chunk: tuple[int, ...] | None,
) -> h5d.DatasetID:
    shape = item.value.shape
    extendable = item.flag == constants.EARRAY
    if not shape or 0 in shape[1:] or (0 in shape and not extendable):
        raise ValueError(
            f"Item {item.name!r} of shape {shape} has no elements to make chunks of; its flag "
            f"should be {constants.ARRAY!r} instead of {item.flag!r}."
        )
    itemsize = item.value.dtype.itemsize
    chunk = chunk_shape(shape, itemsize) if chunk is None else chunk
    limits = [max(*lengths) for lengths in zip(shape, chunk, strict=True)]
    if extendable:
        limits[0] = h5s.UNLIMITED
    space = h5s.create_simple(shape, tuple(limits))
    properties = chunked(chunk, filters, itemsize, item.flag)
    return h5d.create(parent, name, kind, space, properties)


def _create_ragged(
    parent: Any, name: bytes, rows: list[np.ndarray[Any, Any]], filters: Filters
) -> h5d.DatasetID:
    dtype = rows[0].dtype if rows else np.dtype(np.float64)
    space = h5s.create_simple((len(rows),), (h5s.UNLIMITED,))
    # HDF5 has no such checksums of rows of any length.
    filters = filters._replace(fletcher32=False)
    properties = chunked((max(1, len(rows)),), filters, dtype.itemsize, constants.VLARRAY)
    return h5d.create(parent, name, h5t.vlen_create(file_type(dtype)), space, properties)


def _ragged_rows(value: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    """Return the rows of a variable-length array: those of an array of arrays, or the only one."""
    if value.dtype != object:
        return [native(value)]
    return [native(np.asarray(row)) for row in value]


def _write_attributes(dataset: h5d.DatasetID, item: ArrayItem, title: str) -> None:
    version, charset = _VERSIONS[item.flag]
    write_attribute(dataset, b"CLASS", encode_text(item.flag.encode("ascii"), charset))
    write_attribute(dataset, b"VERSION", encode_text(version, charset))
    write_attribute(dataset, b"TITLE", encode_text(title.encode("utf8"), charset))
    if item.flag == constants.EARRAY:
        write_attribute(dataset, b"EXTDIM", _EXTENDED_AXIS)
    if item.flag == constants.ARRAY or item.flavor != "numpy":
        write_text(dataset, b"FLAVOR", item.flavor)
    if item.collection is not None:
        write_text(dataset, COLLECTION, item.collection)
    if item.scalar is not None:
        write_text(dataset, SCALAR_TYPE, item.scalar)
    if item.order is not None:
        write_text(dataset, BYTE_ORDER, item.order)
    if item.types is not None:
        write_text(dataset, ELEMENT_TYPES, item.types)
    write_text(dataset, STORED_AS, item.flag)
