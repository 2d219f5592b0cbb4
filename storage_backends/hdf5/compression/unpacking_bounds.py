"""Bounds for what chunks unpack to, found out before HDF5 unpacks them.

HDF5 enlarges its buffer until a compressed stream has ended, however small the chunk should be:
1 MB can become 1 GB to read a single value.
"""

from __future__ import annotations

import bz2
import struct
import zlib
from collections.abc import Callable
from typing import Any

from h5py import h5d, h5z

from pypet.storage_backends.hdf5.compression.filter_plugins import BLOSC, BLOSC2, BZIP2, LZO

_SAME_SIZE = frozenset((h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_NBIT))
"""Filters after which there is as much as before, or no more than a chunk."""
_STEP_BYTES = 1 << 20
_MOST_TIMES = {h5z.FILTER_DEFLATE: 1032, LZO: 512}
"""How much larger than its stream the content can be.

One byte of LZO can stand for 255, and the buffer is doubled until they fit.
"""
_BLOSC_SIZE = struct.Struct("<4xI")
"""Bytes of content in the header of Blosc's chunks (README_CHUNK_FORMAT.rst)."""
_FRAME_SIZES = struct.Struct(">11xI15xq20xi")
"""Of the frame around chunks of Blosc 2: bytes of its header, of all content, and of that of a
chunk (README_CFRAME_FORMAT.rst)."""

_FRAME, _FRAME_PLACE = b"b2frame\0", slice(2, 10)


def compressors(properties: Any) -> list[int]:
    """Return the numbers of the filters of a dataset that can make its chunks larger."""
    count = properties.get_nfilters()
    numbers = [int(properties.get_filter(index)[0]) for index in range(count)]
    return [number for number in numbers if number not in _SAME_SIZE]


def find_inflated_chunk(
    dataset: h5d.DatasetID, number: int, allowed: Callable[[int], int]
) -> tuple[int, ...] | None:
    """Return where a chunk begins that unpacks to more than ``allowed(stored size)`` bytes.

    ``number`` is that of the compressor of the dataset. Of LZO, which does not say how large its
    content is, it is a chunk that might. Chunks of compressors that PyTables does not have are not
    looked at.
    """
    if number not in (h5z.FILTER_DEFLATE, LZO, *_UNPACKS_TO_MORE):
        return None
    times = _MOST_TIMES.get(number)
    suspects: list[tuple[int, ...]] = []

    def note(chunk: Any) -> None:
        if times is None or chunk.size * times > allowed(chunk.size):
            suspects.append(chunk.chunk_offset)

    dataset.chunk_iter(note)
    unpacks_to_more = _UNPACKS_TO_MORE.get(number)
    for offset in suspects:
        if unpacks_to_more is None:
            return offset
        _, raw = dataset.read_direct_chunk(offset)
        if unpacks_to_more(raw, allowed(len(raw))):
            return offset
    return None


def _inflates(raw: bytes, most: int) -> bool:
    return _stream_unpacks_to_more(zlib.decompressobj(), raw, most)


def _bunzips(raw: bytes, most: int) -> bool:
    return _stream_unpacks_to_more(bz2.BZ2Decompressor(), raw, most)


def _stream_unpacks_to_more(stream: Any, raw: bytes, most: int) -> bool:
    size = 0
    try:
        while size <= most:
            step = len(stream.decompress(raw, _STEP_BYTES))
            raw = getattr(stream, "unconsumed_tail", b"")  # bzip2 keeps it itself
            size += step
            if stream.eof or not step:
                return size > most
    except (OSError, ValueError, zlib.error):  # not compressed, or damaged: HDF5 says so
        return size > most
    return True


def _has_large_content(raw: bytes, most: int) -> bool:
    """Look at what a chunk of Blosc says about itself, and at the frame around one of Blosc 2."""
    sizes = [0]
    if raw[_FRAME_PLACE] == _FRAME:
        if len(raw) < _FRAME_SIZES.size:
            return False  # damaged: HDF5 says so
        start, *sizes = _FRAME_SIZES.unpack_from(raw)
        raw = raw[start:]
    if len(raw) >= _BLOSC_SIZE.size:
        sizes += _BLOSC_SIZE.unpack_from(raw)
    return max(sizes) > most


_UNPACKS_TO_MORE: dict[int, Callable[[bytes, int], bool]] = {
    h5z.FILTER_DEFLATE: _inflates,
    BZIP2: _bunzips,
    BLOSC: _has_large_content,
    BLOSC2: _has_large_content,
}
