"""Writing the chunks of large arrays whole, past HDF5's filter pipeline.

What the pipeline would do to a chunk is done here, faster: to reorder bytes (the shuffle filter)
and to compress (the deflate filter). HDF5 File Format Specification 3.0, IV.A.2.l, describes both.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from h5py import h5d, h5z

from pypet.storage_backends.hdf5.deflate import Chooser, Compress

LEAST_BYTES = 64 * 1024
"""Smaller arrays go through HDF5, which takes less time for them than Python."""

SAMPLED_PLACES = (0.0, 0.5, 1.0)
"""Where the chunks lie on which compressors are tried, between start and end."""

Array = np.ndarray[Any, Any]

_CHOOSER = Chooser()


def write_chunks(dataset: h5d.DatasetID, values: Array, name: str) -> bool:
    """Write all values of a new chunked dataset; return False if HDF5 has to do it.

    ``values`` have the shape of the dataset and its dtype in the file, byte for byte. Arrays of
    the same ``name`` are likely to hold data of the same kind.
    """
    if values.nbytes < LEAST_BYTES or values.dtype.hasobject:
        return False
    properties = dataset.get_create_plist()
    pipeline = [properties.get_filter(number) for number in range(properties.get_nfilters())]
    chunk_shape = properties.get_chunk()
    numbers = [entry[0] for entry in pipeline]
    if numbers not in ([], [h5z.FILTER_DEFLATE], [h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE]):
        return False
    shuffles = h5z.FILTER_SHUFFLE in numbers and values.dtype.itemsize > 1
    compress: Compress | None = None
    if numbers:
        kind = (name, values.dtype.str, values.shape)
        samples = _samples(values, chunk_shape, shuffles)
        compress = _CHOOSER.compressor_for(kind, samples, pipeline[-1][2][0])
        if compress is None:
            return False
    for offset, chunk in _chunks(values, chunk_shape):
        data = shuffled(chunk) if shuffles else np.ascontiguousarray(chunk)
        dataset.write_direct_chunk(offset, data.data if compress is None else compress(data))
    return True


def shuffled(chunk: Array) -> Array:
    """Return the bytes of a chunk, first bytes of all elements first."""
    raw = np.ascontiguousarray(chunk).reshape(-1).view(np.uint8)
    return np.ascontiguousarray(raw.reshape(-1, chunk.dtype.itemsize).T)


def _samples(values: Array, chunk_shape: tuple[int, ...], shuffles: bool) -> list[bytes]:
    """Return chunks from start, middle and end as they would be compressed."""
    offsets = {
        tuple(
            min(int(length * place) // step * step, max(0, length - step))
            for length, step in zip(values.shape, chunk_shape, strict=True)
        )
        for place in SAMPLED_PLACES
    }
    samples = []
    for offset in offsets:
        part = values[tuple(slice(o, o + s) for o, s in zip(offset, chunk_shape, strict=True))]
        samples.append((shuffled(part) if shuffles else part).tobytes())
    return samples


def _chunks(values: Array, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yield offset and values of each chunk, filled up with zeros at the edges."""
    steps = [range(0, length, step) for length, step in zip(values.shape, shape, strict=True)]
    for offset in itertools.product(*steps):
        part = values[tuple(slice(o, o + s) for o, s in zip(offset, shape, strict=True))]
        if part.shape != shape:
            whole = np.zeros(shape, values.dtype)
            whole[tuple(slice(0, length) for length in part.shape)] = part
            part = whole
        yield offset, part
