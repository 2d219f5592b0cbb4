"""Limits of one reading: objects visited, bytes in memory, and what chunks unpack to.

HDF5 enlarges its buffer until a compressed stream has ended, however small the chunk should be:
1 MB can become 1 GB to read a single value. So chunks are checked before HDF5 unpacks them.
"""

from __future__ import annotations

import bz2
import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

from h5py import h5d, h5z

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.compression.filters import BLOSC, BLOSC2, BZIP2, LZO

_SAME_SIZE = frozenset((h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_NBIT))
"""Filters after which there is as much as before, or no more than a chunk."""
_STEP_BYTES = 1 << 20
_MOST_EXPANSION = {h5z.FILTER_DEFLATE: 1032, LZO: 512}
"""How much larger than its stream the content can be.

One byte of LZO can expand to 255, and the buffer is doubled until they fit.
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

    ``number`` is that of the compressor of the dataset. For LZO, which does not record the size of
    its content, it is a chunk that might. Chunks of compressors that PyTables does not have are not
    looked at.
    """
    if number not in (h5z.FILTER_DEFLATE, LZO, *_UNPACKS_TO_MORE):
        return None
    times = _MOST_EXPANSION.get(number)
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
    except (OSError, ValueError, zlib.error):  # not compressed, or damaged: HDF5 raises the error
        return size > most
    return True


def _has_large_content(raw: bytes, most: int) -> bool:
    """Look at what a chunk of Blosc says about itself, and at the frame around one of Blosc 2."""
    sizes = [0]
    if raw[_FRAME_PLACE] == _FRAME:
        if len(raw) < _FRAME_SIZES.size:
            return False  # damaged: HDF5 raises the error
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

_LINK_BYTES, _NODE_BYTES = 16, 48
"""No link, and no object with the link to it, takes less in a file."""
_LEAST_BYTES = 1000 * _NODE_BYTES
_MOST_TIMES = 1000
"""That an object is visited in one reading."""
FREE_FACTOR = 10
"""How much larger than what is stored values may become without being counted."""


class TooManyVisitsError(StorageFormatError):
    """There is no end to what a file leads to, so that reading cannot go on with its next node."""


class Visits:
    """Counts what is visited: in a tree that is no more than fits into its file.

    Groups that several hard links lead to would be visited once for each way there, which can be
    2 to the power of their number.
    """

    __slots__ = ("_left", "_times", "_where")

    def __init__(self, file_size: int, where: Callable[[], str]) -> None:
        """``where()`` names the node that is visited, for messages."""
        self._left = max(_LEAST_BYTES, file_size)
        self._times: dict[int | None, int] = {}
        self._where = where

    def count(self, links: int, nodes: int = 0) -> None:
        """Count links of a group, and nodes in it that are going to be visited.

        Raises
        ------
        TooManyVisitsError
            It cannot be that each object has been visited once.
        """
        self._left -= links * _LINK_BYTES + nodes * _NODE_BYTES
        if self._left < 0:
            raise self._too_many()

    def count_address(self, address: int | None) -> None:
        """Count a visit of an object that may have several links; see `count` for the error."""
        times = self._times[address] = self._times.get(address, 0) + 1
        if times > _MOST_TIMES:
            raise self._too_many()

    def _too_many(self) -> TooManyVisitsError:
        return TooManyVisitsError(
            f"{self._where()} is reached in too many ways: groups of the file are linked in "
            "several places, again and again. Load other parts of it one by one."
        )


class SizeLimit:
    """Limits the memory for values that are compressed, or not stored at all.

    Values may take ten times what is stored of them; what all values of a reading take beyond that
    is limited. No byte of the file counts twice as stored.
    """

    __slots__ = ("_excess", "_limit", "_unread")

    def __init__(self, limit: int, file_size: int) -> None:
        self._limit = limit
        self._excess = 0
        self._unread = file_size

    def charge(self, size: int, stored: int, what: str) -> None:
        """Note that ``size`` bytes are made of ``stored`` bytes; ``what`` is for the message.

        Raises
        ------
        StorageFormatError
            The limit is exceeded; the values were not read yet.
        """
        counted = min(stored, self._unread)
        excess = self._excess + max(0, size - FREE_FACTOR * counted)
        self._check(excess, size, stored, what)
        # What is refused takes no memory: others that are read in its place may.
        self._excess = excess
        self._unread -= counted

    def check_passing(self, size: int, stored: int, what: str) -> None:
        """Make sure that ``size`` bytes may be made of ``stored`` ones for a moment.

        Raises
        ------
        StorageFormatError
            The limit is exceeded.
        """
        self._check(size - FREE_FACTOR * stored, size, stored, what)

    def allowed(self, stored: int) -> int:
        """Return how many bytes may be made of ``stored`` ones for a moment."""
        return self._limit + FREE_FACTOR * stored

    def _check(self, excess: int, size: int, stored: int, what: str) -> None:
        if excess > self._limit:
            raise StorageFormatError(
                f"{what} takes {size} bytes in memory, of which {stored} are stored, and so more "
                f"than `size_limit={self._limit}` allows. If you trust the file, load with a "
                "larger limit."
            )


def charge_dataset(
    limit: SizeLimit,
    dataset: h5d.DatasetID,
    what: Callable[[], str],
    *,
    row_size: int | None = None,
) -> None:
    """Charge what reading a whole dataset takes; ``what()`` names it, for messages.

    ``row_size`` is in bytes, where less than whole rows is kept.

    Raises
    ------
    StorageFormatError
        The limit is exceeded, or it is compressed in a way for which no limit is known; nothing
        was unpacked.
    """
    shape = dataset.shape
    if shape is None:
        return
    item_size = dataset.get_type().get_size()
    stored = dataset.get_storage_size()
    properties = dataset.get_create_plist()
    if properties.get_layout() == h5d.CHUNKED and stored:
        limit.check_passing(math.prod(properties.get_chunk()) * item_size, stored, what())
        _check_chunks(limit, dataset, properties, what)
    limit.charge(math.prod(shape) * (row_size or item_size), stored, what())


def _check_chunks(
    limit: SizeLimit, dataset: h5d.DatasetID, properties: Any, what: Callable[[], str]
) -> None:
    numbers = compressors(properties)
    if len(numbers) > 1:
        raise StorageFormatError(f"{what()} is compressed more than once, and not loaded.")
    if numbers and find_inflated_chunk(dataset, numbers[0], limit.allowed) is not None:
        raise StorageFormatError(
            f"{what()} has a chunk that unpacks to more than {limit.allowed(0)} bytes and ten "
            "times its size, which is more than `size_limit` allows. If you trust the file, load "
            "with a larger limit."
        )
