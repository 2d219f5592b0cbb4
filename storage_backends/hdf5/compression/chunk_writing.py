"""Writing the chunks of large arrays whole, past HDF5's filter pipeline, which is slower."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from h5py import h5d

from pypet.storage_backends.hdf5.compression.chunk_plans import Array, ChunkPlan, Offset, plan_of
from pypet.storage_backends.hdf5.compression.deflate import Chooser, Compress, quick
from pypet.storage_backends.hdf5.compression.packed_arrays import PackedArray
from pypet.storage_backends.hdf5.encoding.checksums import crc_of
from pypet.support.buffers import keep_freed_memory

LEAST_BYTES = 64 * 1024
"""Smaller arrays go through HDF5, which takes less time for them than Python."""

SAMPLED_PLACES = (0.0, 0.5, 1.0)
"""Where compressors are tried, between start and end."""
GLANCED_BYTES = 64 * 1024
"""Of each of these places so much tells whether data is of a kind that was tried before."""

_CHOOSER = Chooser()


def write_chunks(dataset: h5d.DatasetID, values: Array, name: str) -> bool:
    """Write all values of a new chunked dataset; return False if HDF5 has to do it.

    ``values`` have the shape of the dataset and its dtype in the file, byte for byte. Arrays of
    the same ``name`` are likely to hold data of the same kind.
    """
    if not is_worth_it(values):
        return False
    plan = plan_of(dataset, values.dtype.itemsize)
    chunks = None if plan is None else compressed_chunks(values, plan, name)
    if chunks is None:
        return False
    for offset, data in chunks:
        dataset.write_direct_chunk(offset, data)
    return True


def write_row_chunks(table: h5d.DatasetID, start: int, rows: Array) -> slice:
    """Write those of the rows from index ``start`` on that make up whole chunks.

    Returns which of them that were; HDF5 has to write the others. ``rows`` have the dtype of the
    table in the file, byte for byte.
    """
    nothing = slice(0, 0)
    plan = plan_of(table, rows.dtype.itemsize)
    compress = None if plan is None or plan.level is None else quick(plan.level)
    if plan is None or compress is None:
        return nothing
    (step,) = plan.shape
    first, stop = -start % step, len(rows)
    if start + stop < table.shape[0]:
        stop -= (start + stop) % step
    if first >= stop:
        return nothing
    for (offset,), chunk in plan.chunks(rows[first:stop]):
        table.write_direct_chunk((start + first + offset,), compress(chunk))
    return slice(first, stop)


def write_packed(dataset: h5d.DatasetID, packed: PackedArray) -> bool:
    """Write chunks as they are; return False if they are not those of the dataset."""
    if plan_of(dataset, packed.dtype.itemsize) != packed.plan:
        return False
    for offset, data in packed.chunks:
        dataset.write_direct_chunk(offset, data)
    return True


def pack(values: Array, plan: ChunkPlan, name: str, *, checksum: bool) -> PackedArray | None:
    """Return an array in the form in which its chunks will be written; None if HDF5 has to."""
    chunks = compressed_chunks(values, plan, name)
    if chunks is None:
        return None
    kept = [(offset, np.frombuffer(data, np.uint8)) for offset, data in chunks]
    crc = crc_of(values) if checksum else 0
    return PackedArray(values.shape, values.dtype, plan, kept, crc)


def is_worth_it(values: Array) -> bool:
    """Return whether it saves time to write the chunks of an array whole."""
    return values.nbytes >= LEAST_BYTES and not values.dtype.hasobject


def compressed_chunks(
    values: Array, plan: ChunkPlan, name: str
) -> Iterator[tuple[Offset, Any]] | None:
    """Return what makes offset and content of each chunk; None without a fast library."""
    keep_freed_memory()
    compress: Compress | None = None
    if plan.level is not None:
        kind = (name, values.dtype.str, values.shape)
        glance = plan.samples(values, SAMPLED_PLACES, GLANCED_BYTES)
        compress = _CHOOSER.compressor_for(
            kind, glance, lambda: plan.samples(values, SAMPLED_PLACES), plan.level
        )
        if compress is None:
            return None
    return (
        (offset, chunk.data if compress is None else compress(chunk))
        for offset, chunk in plan.chunks(values)
    )
