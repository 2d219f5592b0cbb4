"""Having the disk keep a file, and the name by which it is found after a loss of power."""

from __future__ import annotations

import os

from pypet.storage_backends.hdf5.files.file_memory import memory_of
from pypet.support.filesystem import sync_folder


def make_name_durable(path: str) -> None:
    """Let a file be found after a loss of power; done once for a file, where systems can do it."""
    memory = memory_of(path)
    if memory is None or memory.has_durable_name:  # a file that was moved has no name to keep
        return
    sync_folder(os.path.dirname(memory.key))
    memory.has_durable_name = True


def sync_at(path: str) -> None:
    """Write to the disk what the system holds of a file."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
