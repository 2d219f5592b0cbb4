"""Python's warnings in worker processes: each is shown once in an experiment, not in each process.

Python shows a warning of a line of code once, but every process keeps its own account of that. So a
process for each run would show the same warning for each run. Processes that are forked inherit
a table of what was shown; others show what Python shows.
"""

from __future__ import annotations

import mmap
import multiprocessing
import warnings
from typing import Any, TextIO

SLOTS = 512
"""So many different warnings are known; further ones are shown each time."""
SLOT_BYTES = 8
LOCK_SECONDS = 0.1
"""Longer than this nobody holds the lock, unless it was killed meanwhile."""


class _Table:
    """Hashes of warnings, in memory that forked processes share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, SLOTS * SLOT_BYTES)
        self._lock = multiprocessing.get_context("fork").Lock()

    def add(self, key: int) -> bool:
        """Return whether a key is new, and keep it."""
        mark = (key % ((1 << 64) - 1) + 1).to_bytes(SLOT_BYTES, "little")  # zero is an empty slot
        is_locked = self._lock.acquire(timeout=LOCK_SECONDS)
        try:
            for start in range(0, len(self._memory), SLOT_BYTES):
                slot = self._memory[start : start + SLOT_BYTES]
                if slot == mark:
                    return False
                if not any(slot):
                    self._memory[start : start + SLOT_BYTES] = mark
                    return True
            return True
        finally:
            if is_locked:
                self._lock.release()


_table: _Table | None = None


def begin() -> None:
    """Forget what was shown; called in the main process before it starts workers."""
    global _table
    if "fork" in multiprocessing.get_all_start_methods():
        _table = _Table()


def share() -> None:
    """Leave out in this process, a worker, what another worker has shown."""
    table = _table
    if table is None:
        return  # not forked from the main process
    show = warnings.showwarning

    def show_once(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> Any:
        # Forked processes have the same random part in the hashes of texts.
        if table.add(hash((str(message), category.__qualname__, filename, lineno))):
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = show_once
