"""Reports of workers, read from and written to pipes without copies.

`multiprocessing.connection.Connection` joins the pieces before it sends them and collects what it
receives in a BytesIO, so large reports are copied twice. They are common with wrap mode LOCAL.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from pypet.support.buffers import keep_freed_memory, write_buffers

_LENGTH = struct.Struct("<Q")
_LARGE_BYTES = 1 << 20
"""Larger reports would make the allocator return memory to the system after each of them."""
_IS_DIRECT = sys.platform != "win32"
"""Whether connections are file descriptors; on Windows they are handles of another kind."""


def send(connection: Connection, pieces: Sequence[Any]) -> None:
    """Send the bytes of ``pieces``, one after the other, as one report.

    Raises
    ------
    OSError
        The receiver is gone.
    """
    if not _IS_DIRECT:
        connection.send_bytes(b"".join(pieces))
        return
    length = _LENGTH.pack(sum(map(len, pieces)))
    write_buffers(partial(os.writev, connection.fileno()), [length, *pieces])


def receive(connection: Connection) -> memoryview:
    """Wait for a report and return it.

    Raises
    ------
    EOFError, OSError
        The worker is gone.
    """
    if not _IS_DIRECT:
        return memoryview(connection.recv_bytes())
    descriptor = connection.fileno()
    (length,) = _LENGTH.unpack(_read(descriptor, _LENGTH.size))
    if length >= _LARGE_BYTES:
        keep_freed_memory()
    return _read(descriptor, length)


def _read(descriptor: int, length: int) -> memoryview:
    """Return the next ``length`` bytes."""
    data = np.empty(length, np.uint8).data  # a bytearray would be filled with zeros first
    received = 0
    while received < length:
        count = os.readv(descriptor, [data[received:]])
        if not count:
            raise EOFError
        received += count
    return data
