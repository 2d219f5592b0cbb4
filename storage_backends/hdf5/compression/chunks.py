"""Chunks of large arrays, made and written whole, past HDF5's filter pipeline, which is slower."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from h5py import h5d, h5z

from pypet.storage_backends.hdf5.compression.deflate import Chooser, Compress, quick
from pypet.support.buffers import keep_freed_memory
from pypet.support.tricks import is_on

Array = np.ndarray[Any, Any]
Offset = tuple[int, ...]
ReadRows = Callable[[int, int], Array]


class ChunkPlan(NamedTuple):
    """Shape of chunks, and the part of HDF5's filters that can be done without HDF5.

    Those are the shuffle filter, which reorders bytes, and the deflate filter; see HDF5 File
    Format Specification 3.0, IV.A.2.l.
    """

    shape: tuple[int, ...]
    shuffles: bool
    level: int | None
    """Of the deflate filter; None without it."""

    def chunks(self, values: Array) -> Iterator[tuple[Offset, Array]]:
        """Yield offset and bytes of each chunk, filled up with zeros at the edges.

        Each is valid until the next one is asked for: new memory would cost more than the work.
        """
        scratch = np.empty(self._ordered_shape(math.prod(self.shape), values), np.uint8)
        steps = [
            range(0, length, step) for length, step in zip(values.shape, self.shape, strict=True)
        ]
        for offset in itertools.product(*steps):
            part = values[self._place(offset)]
            if part.shape != self.shape:
                whole = np.zeros(self.shape, values.dtype)
                whole[tuple(slice(0, length) for length in part.shape)] = part
                part = whole
            yield offset, self._ordered(part, scratch)

    def samples(
        self, values: Array, places: tuple[float, ...], nbytes: int | None = None
    ) -> list[bytes]:
        """Return what is to be compressed from ``places`` between start, 0, and end, 1.

        Samples are chunks, or their beginnings of about ``nbytes`` at most.
        """
        offsets = {
            tuple(
                min(int(length * place) // step * step, max(0, length - step))
                for length, step in zip(values.shape, self.shape, strict=True)
            )
            for place in places
        }
        row_bytes = math.prod(self.shape[1:]) * values.dtype.itemsize
        rows = None if nbytes is None else max(1, nbytes // row_bytes)
        return [self._ordered(values[self._place(offset)][:rows]).tobytes() for offset in offsets]

    def _place(self, offset: Offset) -> tuple[slice, ...]:
        return tuple(slice(o, o + s) for o, s in zip(offset, self.shape, strict=True))

    def _ordered_shape(self, elements: int, values: Array) -> tuple[int, int]:
        """Return the shape of reordered bytes; nothing if there is nothing to reorder."""
        return (values.dtype.itemsize, elements) if self.shuffles else (0, 0)

    def _ordered(self, chunk: Array, target: Array | None = None) -> Array:
        """Return the bytes of a chunk, with shuffling first bytes of all elements first."""
        chunk = np.ascontiguousarray(chunk)
        if not self.shuffles:
            return chunk
        if target is None:
            target = np.empty(self._ordered_shape(chunk.size, chunk), np.uint8)
        np.copyto(target, chunk.reshape(-1).view(np.uint8).reshape(-1, chunk.dtype.itemsize).T)
        return target

    def values_of(self, ordered: bytes, dtype: np.dtype[Any]) -> Array:
        """Return the values of a chunk from its bytes."""
        if not self.shuffles:
            return np.frombuffer(ordered, dtype).reshape(self.shape)
        raw = np.frombuffer(ordered, np.uint8).reshape(dtype.itemsize, -1)
        return np.ascontiguousarray(raw.T).reshape(-1).view(dtype).reshape(self.shape)


def plan_of(dataset: h5d.DatasetID, itemsize: int) -> ChunkPlan | None:
    """Return the plan of a chunked dataset, None if it has other filters."""
    properties = dataset.get_create_plist()
    pipeline = [properties.get_filter(number) for number in range(properties.get_nfilters())]
    numbers = [entry[0] for entry in pipeline]
    if numbers not in ([], [h5z.FILTER_DEFLATE], [h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE]):
        return None
    return ChunkPlan(
        properties.get_chunk(),
        h5z.FILTER_SHUFFLE in numbers and itemsize > 1,
        pipeline[-1][2][0] if numbers else None,
    )


LEAST_BYTES = 64 * 1024
"""Smaller arrays go through HDF5, which is faster for them than Python."""
LEAST_ROW_CHUNK_BYTES = 8 * 1024
"""The same for the chunks of tables: zlib needs milliseconds for text that repeats much."""

SAMPLED_PLACES = (0.0, 0.5, 1.0)
"""Where compressors are tried, between start and end."""
GLANCED_BYTES = 64 * 1024
"""The bytes at each of these places that identify data of a kind that was tried before."""

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


def write_row_chunks(table: h5d.DatasetID, start: int, rows: Array, read: ReadRows) -> bool:
    """Replace rows from index ``start`` on by writing their chunks whole; all rows must exist.

    ``rows`` have the dtype of the table in the file, byte for byte. ``read`` returns rows ``start``
    to ``stop`` of the table, for those chunks of which only a part is replaced.
    Returns False if HDF5 has to do it.
    """
    plan = plan_of(table, rows.dtype.itemsize)
    compress = None if plan is None or plan.level is None else quick(plan.level)
    if plan is None or compress is None:
        return False
    (step,) = plan.shape
    if step * rows.dtype.itemsize < LEAST_ROW_CHUNK_BYTES:
        return False
    stop, length = start + len(rows), table.shape[0]
    first, last = start - start % step, min(length, stop + -stop % step)
    whole = rows
    if last - first > len(rows):
        whole = np.empty(last - first, rows.dtype)
        whole[: start - first] = read(first, start)
        whole[start - first : stop - first] = rows
        whole[stop - first :] = read(stop, last)
    for (offset,), chunk in plan.chunks(whole):
        table.write_direct_chunk((first + offset,), compress(chunk))
    return True


def is_worth_it(values: Array) -> bool:
    """Return whether it saves time to write the chunks of an array whole."""
    return values.nbytes >= LEAST_BYTES and may_be_written_whole(values)


def may_be_written_whole(values: Array) -> bool:
    """Return whether the chunks of an array may be written past HDF5."""
    return not values.dtype.hasobject and is_on("whole_chunks")


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
