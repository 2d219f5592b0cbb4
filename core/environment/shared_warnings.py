"""Shows each of Python's warnings once in an experiment instead of once in each worker.

Python shows the warning of a line of code once per process, so with a process for each run it would
appear for each run. Forked processes inherit a shared table of the warnings that were shown; all
others follow Python's rule.
"""

from __future__ import annotations

import mmap
import multiprocessing
import warnings
from typing import Any, TextIO

SLOTS = 512
"""Capacity of the table; further warnings are shown by each process."""
SLOT_BYTES = 8
LOCK_SECONDS = 0.1
"""A lock that is held for longer belongs to a process that was killed."""


class _Table:
    """Hashes of warnings, in memory that forked processes share."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, SLOTS * SLOT_BYTES)
        self._lock = multiprocessing.get_context("fork").Lock()

    def add(self, key: int) -> bool:
        """Add a key and return whether it is new."""
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


def reset() -> None:
    """Start with an empty table; called in the main process before it starts workers."""
    global _table
    if "fork" in multiprocessing.get_all_start_methods():
        _table = _Table()


def install() -> None:
    """Skip in this process, a worker, the warnings that another worker has shown."""
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
        # Forked processes share the seed of string hashes.
        if table.add(hash((str(message), category.__qualname__, filename, lineno))):
            show(message, category, filename, lineno, file, line)

    warnings.showwarning = show_once
