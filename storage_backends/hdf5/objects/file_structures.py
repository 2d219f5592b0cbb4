"""Positions and sizes that are read from the bytes of a file, past the HDF5 library.

Notes
-----
HDF5 File Format Specification 3.0, sections II.A (superblock), IV.A.1.a and IV.A.1.b (prefixes of
headers of versions 1 and 2) and IV.A.2.q (continuation message).
"""

from __future__ import annotations

import os

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BYTES = 96
"""The superblock is in this number of bytes at most, in files without a user block."""


def superblock(descriptor: int) -> bytes:
    """Return the start of a file, which changes whenever something is added to it."""
    return os.pread(descriptor, _BYTES, 0)


def noted_end(descriptor: int, size: int) -> int:
    """Return where the content of a file ends, ``size`` if that is not plain.

    A file is longer than that if a writer was killed; the rest is not part of it.

    Notes
    -----
    HDF5 File Format Specification 3.0, section II.A: the base address and the end of file address,
    for files whose addresses have eight bytes.
    """
    start = superblock(descriptor)
    if len(start) < 48 or not start.startswith(SIGNATURE):
        return size
    version = start[8]
    if version in (0, 1):
        offset = 24 if version == 0 else 28
        if start[13] != 8:
            return size
        base, end = start[offset : offset + 8], start[offset + 16 : offset + 24]
    elif version in (2, 3):
        if start[9] != 8:
            return size
        base, end = start[12:20], start[28:36]
    else:
        return size
    if any(base):
        return size
    return int.from_bytes(end, "little")


_CONTINUATION = 0x10
_MOST_BLOCKS = 64
_MOST_BYTES = 1 << 20


def find_in_header(descriptor: int, address: int, wanted: bytes) -> int | None:
    """Return the position in the file of bytes that the header at ``address`` holds.

    None if the header does not hold them, or is none that can be understood. ``address`` counts
    from the beginning of the file, which must not have a user block.
    """
    blocks = [_first_block(descriptor, address)]
    for number, block in enumerate(blocks):
        if block is None or number == _MOST_BLOCKS:
            return None
        start, size, prefix = block
        content = os.pread(descriptor, min(size, _MOST_BYTES), start)
        place = content.find(wanted)
        if place >= 0:
            return start + place
        blocks += _continuations(content, prefix)
    return None


_Block = tuple[int, int, int]
"""Position and length of messages, and the length of what precedes each of them."""


def _first_block(descriptor: int, address: int) -> _Block | None:
    start = os.pread(descriptor, 40, address)
    if len(start) < 40:
        return None
    if start.startswith(b"OHDR\x02"):
        flags = start[5]
        position = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(start[position : position + width], "little")
        return address + position + width, size, 4 + (2 if flags & 4 else 0)
    if start[0] == 1:
        return address + 16, int.from_bytes(start[8:12], "little"), 8
    return None


def _continuations(content: bytes, prefix: int) -> list[_Block | None]:
    """Return the further blocks that the messages of a block name."""
    found: list[_Block | None] = []
    position = 0
    while position + prefix <= len(content):
        if prefix == 8:
            kind = int.from_bytes(content[position : position + 2], "little")
            size = int.from_bytes(content[position + 2 : position + 4], "little")
        else:
            kind = content[position]
            size = int.from_bytes(content[position + 1 : position + 3], "little")
        position += prefix
        if kind == _CONTINUATION:
            start = int.from_bytes(content[position : position + 8], "little")
            length = int.from_bytes(content[position + 8 : position + 16], "little")
            if prefix == 8:
                found.append((start, length, prefix))
            else:  # between a signature and a checksum of four bytes each
                found.append((start + 4, max(0, length - 8), prefix))
        position += size
    return found
