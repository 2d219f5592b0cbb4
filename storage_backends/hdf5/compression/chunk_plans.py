"""How the values of an array become chunks of a dataset."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from h5py import h5d, h5z

Array = np.ndarray[Any, Any]
Offset = tuple[int, ...]


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
