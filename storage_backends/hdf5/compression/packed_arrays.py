"""Arrays on their way to the file, as the compressed chunks that will be written there."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from pypet.storage_backends.hdf5.compression.chunk_plans import ChunkPlan, Offset


class PackedArray:
    """Stands for an array in an `ArrayItem`; made where the array was, written elsewhere."""

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

        ``crc`` is the CRC-32 of the array, 0 if nobody wants it.
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
