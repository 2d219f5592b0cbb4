"""What the superblock of an HDF5 file says about the file as a whole."""

from __future__ import annotations

import os

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BYTES = 96
"""At most so many bytes that change with every writer, in files without a user block."""


def superblock(descriptor: int) -> bytes:
    """Return the start of a file, which changes whenever something is added to it."""
    return os.pread(descriptor, _BYTES, 0)


def noted_end(descriptor: int, size: int) -> int:
    """Return where the content of a file ends, ``size`` if it does not say so plainly.

    A file is longer than that if a writer was killed; what is behind belongs to nobody.

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
