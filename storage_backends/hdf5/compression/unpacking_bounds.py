"""Bounds for what chunks unpack to, found out before HDF5 unpacks them.

HDF5 enlarges its buffer until a compressed stream has ended, however small the chunk should be:
1 MB can become 1 GB to read a single value.
"""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable
from typing import Any

from h5py import h5d, h5z

_BZIP2 = 307
_SAME_SIZE = frozenset((h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_NBIT))
"""Filters after which there is as much as before, or no more than a chunk."""
_STEP_BYTES = 1 << 20
_MOST_TIMES = {h5z.FILTER_DEFLATE: 1032}
"""How much larger than its stream the content can be."""


def compressors(properties: Any) -> list[int]:
    """Return the numbers of the filters of a dataset that can make its chunks larger."""
    count = properties.get_nfilters()
    numbers = [int(properties.get_filter(index)[0]) for index in range(count)]
    return [number for number in numbers if number not in _SAME_SIZE]


def find_inflated_chunk(
    dataset: h5d.DatasetID, number: int, allowed: Callable[[int], int]
) -> tuple[int, ...] | None:
    """Return where a chunk begins that unpacks to more than ``allowed(stored size)`` bytes.

    ``number`` is that of the compressor of the dataset. Chunks of others than zlib and bzip2,
    whose streams say how large they are, are not looked at.
    """
    if number not in (h5z.FILTER_DEFLATE, _BZIP2):
        return None
    times = _MOST_TIMES.get(number)
    suspects: list[tuple[int, ...]] = []

    def note(chunk: Any) -> None:
        if times is None or chunk.size * times > allowed(chunk.size):
            suspects.append(chunk.chunk_offset)

    dataset.chunk_iter(note)
    for offset in suspects:
        _, raw = dataset.read_direct_chunk(offset)
        if _unpacks_to_more(raw, number, allowed(len(raw))):
            return offset
    return None


def _unpacks_to_more(raw: bytes, number: int, most: int) -> bool:
    stream: Any = zlib.decompressobj() if number == h5z.FILTER_DEFLATE else bz2.BZ2Decompressor()
    size = 0
    try:
        while size <= most:
            step = len(stream.decompress(raw, _STEP_BYTES))
            raw = stream.unconsumed_tail if number == h5z.FILTER_DEFLATE else b""
            size += step
            if stream.eof or not step:
                return size > most
    except (OSError, ValueError, zlib.error):  # not compressed, or damaged: HDF5 says so
        return size > most
    return True
