"""The checksum is the same whatever computes it."""

from __future__ import annotations

import zlib

import pytest

from pypet.wrap_modes._local.framing import LARGE_BYTES, crc32


@pytest.mark.parametrize("size", [0, 1, LARGE_BYTES - 1, LARGE_BYTES, 3 * LARGE_BYTES + 1])
@pytest.mark.parametrize("start", [0, 1, 2**32 - 1])
def test_large_and_small_data_have_the_checksum_of_zlib(size, start):
    data = bytes(number % 251 for number in range(size))
    assert crc32(data, start) == zlib.crc32(data, start)
    assert crc32(memoryview(data), start) == zlib.crc32(data, start)
