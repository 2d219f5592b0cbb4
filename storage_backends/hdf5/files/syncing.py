"""Having the disk keep a file, and the name by which it is found after a loss of power."""

from __future__ import annotations

import errno
import os

from pypet.storage_backends.hdf5.files.file_memory import memory_of

_UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM)


def make_name_durable(path: str) -> None:
    """Let a file be found after a loss of power; done once for a file, where systems can do it."""
    memory = memory_of(path)
    if memory is None or memory.has_durable_name:  # a file that was moved has no name to keep
        return
    if hasattr(os, "O_DIRECTORY"):
        try:
            sync_at(os.path.dirname(memory.key), os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:  # some file systems do so by themselves
                raise
    memory.has_durable_name = True


def sync_at(path: str, flags: int = os.O_RDWR) -> None:
    """Write to the disk what the system holds of a file; ``flags`` say how to open it."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
