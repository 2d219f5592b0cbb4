"""Deflate, faster than zlib: the same format from other libraries.

ISA-L compresses tens of times faster than zlib's highest level, for most numerical data to nearly
the same size, but makes very regular data more than twice as large. zlib-ng is a few times faster
than zlib and always close in size. Which one a dataset gets is tried on a sample of it. Readers
cannot tell the difference (RFC 1950, the format of HDF5's deflate filter).
"""

from __future__ import annotations

import importlib
import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pypet.support.optional import is_installed

TOLERATED_GROWTH = 1.02
"""The factor by which a sample may be larger than at the requested level."""
ISAL_LEVELS = (2, 3)
"""Level 2 is the faster one and makes chunks of a megabyte even smaller."""
FASTER_LEVELS = (3, 6)
"""Levels of zlib-ng that are tried when ISA-L is not good enough."""

NOISE = 0.7
"""Data that shrinks less than to this part has hardly anything that repeats."""
NOISE_FACTORS = (0.995, 1.02)
"""Then what compresses it is about as large as its entropy says."""
ENTROPY_BLOCK, ENTROPY_PART = 1 << 17, 1 << 14
"""To estimate the entropy, this part of each block of bytes is counted."""

SAME_SIZE = 1.01
"""A choice is reused if compressed sizes differ by about this factor at most."""
MOST_CHOICES = 64

Compress = Callable[[Any], Any]


class Chooser:
    """Chooses compressors and remembers its choices for data of the same kind.

    To try slow compressors takes longer than to compress the rest with a fast one. So a choice
    is taken again for data that is called the same kind and that the first candidate makes about
    as small.
    """

    def __init__(self) -> None:
        self._choices: OrderedDict[Hashable, Compress | None] = OrderedDict()

    def compressor_for(
        self,
        kind: Hashable,
        glance: Sequence[bytes],
        samples: Callable[[], Sequence[bytes]],
        level: int,
    ) -> Compress | None:
        """Return the fastest that makes ``samples`` about as small as a zlib level of 1 to 9.

        ``glance`` are smaller samples, to decide whether a former choice can be reused.
        None if no fast library is installed; HDF5 then compresses.
        """
        first = _isal(ISAL_LEVELS[0]) or _zlib_ng(1)
        if first is None:
            return None
        size = _size(first, glance)
        key = (kind, level, round(math.log(size) / math.log(SAME_SIZE)))
        if key not in self._choices:
            self._choices[key] = _try(samples(), level)
            if len(self._choices) > MOST_CHOICES:
                self._choices.popitem(last=False)
        return self._choices[key]


def quick(level: int) -> Compress | None:
    """Return what makes rows of tables, which repeat much, about as small as a level of zlib.

    None if it is not installed.
    """
    return _zlib_ng(min(level, FASTER_LEVELS[-1]))


def _try(samples: Sequence[bytes], level: int) -> Compress | None:
    first = _isal(ISAL_LEVELS[0])
    if first is not None and _is_mostly_noise(samples[0], first):
        return first
    asked = _zlib_ng(level)
    candidates = [
        *map(_isal, ISAL_LEVELS),
        *(_zlib_ng(faster) for faster in FASTER_LEVELS if faster < level),
    ]
    limit = TOLERATED_GROWTH * _size(asked or _zlib(level), samples)
    for compress in candidates:
        if compress is not None and _size(compress, samples) <= limit:
            return compress
    return asked


def _is_mostly_noise(sample: bytes, compress: Compress) -> bool:
    """Return whether higher levels gain nothing, so that trying the requested one would waste time.

    Deflate gains by codes that are as short as the entropy of single bytes allows, and by what
    repeats. If a compressor has found nothing to repeat and is as good as its codes can be,
    others hardly find anything either.
    """
    size = len(compress(sample))
    if size <= NOISE * len(sample):
        return False
    least, most = NOISE_FACTORS
    return least <= size / _entropy(sample) <= most


def _entropy(sample: bytes) -> float:
    """Return how many bytes a sample takes if each of its bytes gets the best code for itself.

    Source: C. E. Shannon, A Mathematical Theory of Communication (1948), theorem 4.
    """
    values = np.frombuffer(sample, np.uint8)
    bits = 0.0
    for start in range(0, len(values), ENTROPY_BLOCK):
        block = values[start : start + ENTROPY_BLOCK]
        counts = np.bincount(block[:ENTROPY_PART])
        shares = counts[counts > 0] / min(len(block), ENTROPY_PART)
        bits -= len(block) * float((shares * np.log2(shares)).sum())
    return max(1.0, bits / 8)


def _size(compress: Compress, samples: Sequence[bytes]) -> int:
    return sum([len(compress(sample)) for sample in samples])


@lru_cache(maxsize=4)
def _isal(level: int) -> Compress | None:
    if not is_installed("isal"):
        return None
    compress = importlib.import_module("isal.isal_zlib").compress
    return lambda data: compress(data, level)


@lru_cache(maxsize=9)
def _zlib_ng(level: int) -> Compress | None:
    if not is_installed("zlib_ng"):
        return None
    compress = importlib.import_module("zlib_ng.zlib_ng").compress
    return lambda data: compress(data, level)


def _zlib(level: int) -> Compress:
    compress = importlib.import_module("zlib").compress
    return lambda data: compress(data, level)
