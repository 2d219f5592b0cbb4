"""CRC-32, for large data by what computes it fastest."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

LARGE_BYTES = 1 << 16
"""Less than that is not worth an import."""


def crc32(data: Any, start: int = 0) -> int:
    """Return the checksum of a buffer of bytes (RFC 1952), going on from ``start``."""
    if len(data) < LARGE_BYTES:
        return zlib.crc32(data, start)
    return _fastest()(data, start)


@cache
def _fastest() -> Callable[[Any, int], int]:
    """Return ISA-L's function, some ten times as fast, or zlib's where that is not installed."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.crc32
    function: Callable[[Any, int], int] = isal_zlib.crc32
    return function
