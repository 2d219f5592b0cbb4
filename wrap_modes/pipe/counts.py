"""How the end of an experiment knows whether every message has arrived."""

from __future__ import annotations

import mmap
import struct

MOST_SENDERS = 1 << 20
"""Processes that have a count of their own; more of them share."""
_COUNT = struct.Struct("<Q")


class Counts:
    """How many messages every process sent, and how many arrived, in memory that all share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNT.size * (2 + MOST_SENDERS))
        """Count of what arrived, count of senders, counts of senders."""

    def new_sender(self) -> int:
        """Return the place of a new sender; to be called under a lock."""
        number: int = _COUNT.unpack_from(self._memory, _COUNT.size)[0]
        _COUNT.pack_into(self._memory, _COUNT.size, number + 1)
        place: int = _COUNT.size * (2 + number % MOST_SENDERS)
        return place

    def add_sent(self, place: int) -> None:
        """Count a message that was sent."""
        _COUNT.pack_into(self._memory, place, _COUNT.unpack_from(self._memory, place)[0] + 1)

    def acknowledge(self, received: int) -> None:
        """Note how many messages have arrived; for the writer only."""
        _COUNT.pack_into(self._memory, 0, received)

    @property
    def missing(self) -> int:
        """How many messages were sent but have not arrived."""
        senders = min(_COUNT.unpack_from(self._memory, _COUNT.size)[0], MOST_SENDERS)
        counts = struct.unpack_from(f"<{senders}Q", self._memory, 2 * _COUNT.size)
        missing: int = sum(counts) - _COUNT.unpack_from(self._memory)[0]
        return max(0, missing)

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
