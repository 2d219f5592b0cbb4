"""Compressing the large arrays of a request where it is made, not where it is applied."""

from __future__ import annotations

import zlib
from typing import Any, cast

import numpy as np
from h5py import h5d

from pypet import pypetconstants as constants
from pypet.records import ArrayItem, Item, PutNode, StoreRequest
from pypet.storage_backends.hdf5.compression.chunks import (
    Array,
    ChunkPlan,
    Offset,
    compressed_chunks,
    is_worth_it,
    plan_of,
)
from pypet.storage_backends.hdf5.compression.filters import chunk_shape
from pypet.storage_backends.hdf5.encoding.checksums import crc_of
from pypet.storage_backends.hdf5.encoding.types import native
from pypet.storage_backends.hdf5.settings.creation_options import CreationOptions, creation_options
from pypet.storage_backends.hdf5.settings.settings import Filters


class PackedArray:
    """An array in an `ArrayItem` as compressed chunks; made by one process, written by another."""

    __slots__ = ("chunks", "crc", "dtype", "plan", "shape")

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        plan: ChunkPlan,
        chunks: list[tuple[Offset, np.ndarray[Any, Any]]],
        crc: int,
    ) -> None:
        """``chunks`` are the bytes of each chunk, as arrays of uint8, by offset.

        ``crc`` is the CRC-32 of the array, 0 without checksums.
        """
        self.shape = shape
        self.dtype = dtype
        self.plan = plan
        self.chunks = chunks
        self.crc = crc

    @property
    def nbytes(self) -> int:
        """Bytes of the array, not of its chunks."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def unpacked(self) -> np.ndarray[Any, Any]:
        """Return the array."""
        values = np.empty(self.shape, self.dtype)
        for offset, data in self.chunks:
            raw = data.tobytes() if self.plan.level is None else zlib.decompress(data.data)
            place = tuple(
                slice(o, min(o + s, length))
                for o, s, length in zip(offset, self.plan.shape, self.shape, strict=True)
            )
            target = values[place]
            chunk = self.plan.values_of(raw, self.dtype)
            target[...] = chunk[tuple(slice(0, length) for length in target.shape)]
        return values

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedArray, (self.shape, self.dtype, self.plan, self.chunks, self.crc)


_CHUNKED_FLAGS = (constants.CARRAY, constants.EARRAY)


def packed_request(request: StoreRequest, filters: Filters) -> StoreRequest:
    """Return a request whose large arrays are chunks as they will be in the file."""
    return request._replace(
        operations=tuple(
            _packed_node(operation, filters) if type(operation) is PutNode else operation
            for operation in request.operations
        )
    )


def unpacked_item(item: ArrayItem) -> ArrayItem:
    """Return an item with its array, which may be packed."""
    value: Any = item.value
    return item._replace(value=value.unpacked()) if isinstance(value, PackedArray) else item


def _packed_node(node: PutNode, filters: Filters) -> PutNode:
    options = creation_options(node.options, filters)
    items = tuple(_packed_item(item, options) for item in node.items)
    return node._replace(items=items)


def _packed_item(item: Item, options: CreationOptions) -> Item:
    if type(item) is not ArrayItem or item.flag not in _CHUNKED_FLAGS:
        return item
    value = item.value
    if not value.size or not is_worth_it(value):
        return item
    plan = _plan(value, options)
    if plan is None:
        return item
    packed = _pack(native(value), plan, item.name, checksum=options.filters.checksums)
    return item if packed is None else item._replace(value=cast(Any, packed))


def _plan(value: np.ndarray[Any, Any], options: CreationOptions) -> ChunkPlan | None:
    """Return how the dataset will be made; None if HDF5 has to write it."""
    filters, itemsize = options.filters, value.dtype.itemsize
    if filters.fletcher32 or (filters.complevel and filters.complib != "zlib"):
        return None
    shape = options.chunk or chunk_shape(value.shape, itemsize)
    if len(shape) != value.ndim or not 0 <= filters.complevel <= 9:
        return None  # the writer raises the error
    compresses = filters.complevel > 0
    return ChunkPlan(
        shape,
        compresses and filters.shuffle and itemsize > 1,
        filters.complevel if compresses else None,
    )


def _pack(values: Array, plan: ChunkPlan, name: str, *, checksum: bool) -> PackedArray | None:
    """Return an array in the form in which its chunks will be written; None if HDF5 has to."""
    chunks = compressed_chunks(values, plan, name)
    if chunks is None:
        return None
    kept = [(offset, np.frombuffer(data, np.uint8)) for offset, data in chunks]
    crc = crc_of(values) if checksum else 0
    return PackedArray(values.shape, values.dtype, plan, kept, crc)


def write_packed(dataset: h5d.DatasetID, packed: PackedArray) -> bool:
    """Write chunks as they are; return False if they are not those of the dataset."""
    if plan_of(dataset, packed.dtype.itemsize) != packed.plan:
        return False
    for offset, data in packed.chunks:
        dataset.write_direct_chunk(offset, data)
    return True
