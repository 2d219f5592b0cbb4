"""Several parcels as the body of one message.

The body is an index (see `pypet.wrap_modes._local.frames`) and its pieces: the first one has the
number of pieces of each parcel as unsigned 32-bit integers, little-endian; the others are those
of one parcel after the other.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any

from pypet.wrap_modes._local import frames
from pypet.wrap_modes._local.parcels import Parcel, load


def encode(dumps: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the body, in pieces, for parcels that were dumped."""
    counts = struct.pack(f"<{len(dumps)}I", *map(len, dumps))
    pieces = [counts, *chain.from_iterable(dumps)]
    return [frames.index_of(pieces), *pieces]


def decode(body: memoryview) -> list[Parcel]:
    """Return the parcels in a body; what cannot be unpickled is a parcel without content.

    Raises
    ------
    ValueError
        It is no body of a message.
    """
    try:
        pieces = frames.pieces_of(body)
        counts = struct.unpack(f"<{len(pieces[0]) // 4}I", pieces[0])
        left = iter(pieces[1:])
        dumps = [list(islice(left, count)) for count in counts]
        if sum(map(len, pieces)) + 8 * (len(pieces) + 1) != len(body):
            raise ValueError("the lengths do not add up")
        return [load(dump) for dump in dumps]
    except (struct.error, IndexError, MemoryError, OverflowError) as error:
        raise ValueError(f"This is no message of a worker: {error}") from error
