"""Compressing large arrays of a request where it is made, instead of where it is applied."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from pypet import pypetconstants as constants
from pypet.records import ArrayItem, Item, PutNode, StoreRequest
from pypet.storage_backends.hdf5.compression.chunk_plans import ChunkPlan
from pypet.storage_backends.hdf5.compression.chunk_writing import is_worth_it, pack
from pypet.storage_backends.hdf5.compression.filters import chunk_shape
from pypet.storage_backends.hdf5.compression.packed_arrays import PackedArray
from pypet.storage_backends.hdf5.encoding.types import native
from pypet.storage_backends.hdf5.settings.creation_options import CreationOptions, creation_options
from pypet.storage_backends.hdf5.settings.settings import Filters

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
    packed = pack(native(value), plan, item.name, checksum=options.filters.checksums)
    return item if packed is None else item._replace(value=cast(Any, packed))


def _plan(value: np.ndarray[Any, Any], options: CreationOptions) -> ChunkPlan | None:
    """Return how the dataset will be made; None if HDF5 has to write it."""
    filters, itemsize = options.filters, value.dtype.itemsize
    if filters.fletcher32 or (filters.complevel and filters.complib != "zlib"):
        return None
    shape = options.chunk or chunk_shape(value.shape, itemsize)
    if len(shape) != value.ndim or not 0 <= filters.complevel <= 9:
        return None  # the writer tells what is wrong
    compresses = filters.complevel > 0
    return ChunkPlan(
        shape,
        compresses and filters.shuffle and itemsize > 1,
        filters.complevel if compresses else None,
    )
