"""The redo log at the end of a file, from which an interrupted commit is completed.

A commit changes blocks in the middle of the file. Before the first one is touched, the new
content of all of them is written behind everything that HDF5 knows of. If the writer is killed,
the next process that opens the file finds the log either complete, and completes the commit, or
incomplete, and then nothing but the log was written. Cutting the file to its length removes the
log.

Other programs ignore bytes behind the end of the file that HDF5 has noted in its superblock.

Notes
-----
From its start to the last byte of the file, all numbers little-endian: the blocks of `PAGE_BYTES`
each; their positions, one unsigned 64-bit integer each, in units of `PAGE_BYTES`; and `_FOOTER`:
a signature, the length of the file when the commit is carried out, the number of blocks, and the
CRC-32 of everything before.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

PAGE_BYTES = 4096
_SIGNATURE = b"pypet redo log 1"
_FOOTER = struct.Struct("<16sQQI")
_MOST_BUFFERS = 512
"""The most buffers in one system call; POSIX guarantees 16, Linux and macOS 1024."""

Pages = Mapping[int, bytearray]


class RedoLog(NamedTuple):
    """A commit that is decided on, but perhaps not carried out."""

    pages: dict[int, bytearray]
    """Content of blocks by their position in units of `PAGE_BYTES`."""
    end: int
    """Length of the file in bytes when it is done."""


def write_log(descriptor: int, pages: Pages, end: int) -> None:
    """Write a log of ``pages`` for a file that will be ``end`` bytes long.

    It goes behind ``end``, so that its own end is that of the file.

    Raises
    ------
    OSError
        There is no space for it; nothing that HDF5 knows of was touched.
    """
    numbers = sorted(pages)
    positions = struct.pack(f"<{len(numbers)}Q", *numbers)
    checksum = 0
    for number in numbers:
        checksum = zlib.crc32(pages[number], checksum)
    fields = (_SIGNATURE, end, len(numbers))
    checksum = zlib.crc32(_FOOTER.pack(*fields, 0)[:-4], zlib.crc32(positions, checksum))
    parts: list[bytes | bytearray] = [pages[number] for number in numbers]
    parts += (positions, _FOOTER.pack(*fields, checksum))
    size = sum(map(len, parts))
    # The log has to end where the file ends, or it would not be found: a file that is longer, with
    # space that was reserved for instance, keeps its length.
    write_at(descriptor, parts, max(end, os.fstat(descriptor).st_size - size))


def read_log(descriptor: int) -> RedoLog | None:
    """Return the log at the end of a file, None if there is none that is complete."""
    size = os.fstat(descriptor).st_size
    footer = os.pread(descriptor, _FOOTER.size, max(0, size - _FOOTER.size))
    if not footer.startswith(_SIGNATURE) or len(footer) < _FOOTER.size:
        return None
    _, end, count, checksum = _FOOTER.unpack(footer)
    length = count * (PAGE_BYTES + 8)
    start = size - _FOOTER.size - length
    if start < end:  # a footer of other data, or damaged: the log cannot overlap the content
        return None
    content = memoryview(os.pread(descriptor, length, start))
    if zlib.crc32(footer[:-4], zlib.crc32(content)) != checksum:
        return None
    numbers = struct.unpack_from(f"<{count}Q", content, count * PAGE_BYTES)
    return RedoLog(
        {
            number: bytearray(content[place * PAGE_BYTES : (place + 1) * PAGE_BYTES])
            for place, number in enumerate(numbers)
        },
        end,
    )


def write_pages(descriptor: int, pages: Pages, end: int) -> None:
    """Write blocks to their places, nothing behind ``end``."""
    run: list[bytearray | memoryview] = []
    start = following = -1
    for number in sorted(pages):
        page: bytearray | memoryview = pages[number]
        position = number * PAGE_BYTES
        if position >= end:
            break
        if position + PAGE_BYTES > end:
            page = memoryview(page)[: end - position]
        if number != following:
            write_at(descriptor, run, start)
            run, start = [], position
        run.append(page)
        following = number + 1
    write_at(descriptor, run, start)


def write_at(
    descriptor: int, parts: Sequence[bytes | bytearray | memoryview], position: int
) -> None:
    """Write buffers one behind the other.

    Raises
    ------
    OSError
        They could not be written completely.
    """
    for first in range(0, len(parts), _MOST_BUFFERS):
        some = parts[first : first + _MOST_BUFFERS]
        size = sum(map(len, some))
        written = os.pwritev(descriptor, some, position)
        if written < size:
            _write_rest(descriptor, some, position, written)
        position += size


def _write_rest(
    descriptor: int, parts: Iterable[bytes | bytearray | memoryview], position: int, written: int
) -> None:
    """Write what one system call did not, because of a signal or a limit of the system."""
    rest = memoryview(b"".join(parts))
    while written < len(rest):
        written += os.pwrite(descriptor, rest[written:], position + written)


def read_at(descriptor: int, buffer: memoryview, position: int) -> None:
    """Fill a buffer with what a file has at a position, with zeros behind its end."""
    done = 0
    while done < len(buffer):
        count = os.preadv(descriptor, [buffer[done:]], position + done)
        if not count:
            buffer[done:] = bytes(len(buffer) - done)
            return
        done += count


def carry_out(descriptor: int, log: RedoLog) -> None:
    """Complete a commit; it may be interrupted at any moment, also by a loss of power, and
    repeated."""
    # The log was read, but perhaps from the cache of the operating system: it has to be on the disk
    # before the first block is changed.
    os.fsync(descriptor)
    write_pages(descriptor, log.pages, log.end)
    # The blocks have to be on the disk before the log is removed.
    os.fsync(descriptor)
    os.ftruncate(descriptor, log.end)
