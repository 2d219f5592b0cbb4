"""Wrap mode LOCK: workers store by themselves, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces import StorageService, WrapMode
from pypet.markers import hookimpl
from pypet.wrap_modes._local.file_lock import FileLock
from pypet.wrap_modes._local.locking import LockMode, LockWrapper

__all__ = ["LockWrapMode", "LockWrapper"]


class LockWrapMode(LockMode):
    """Workers use the storage directly, each opening and closing it under a lock.

    The lock of a worker that dies is free for the others.
    """

    name: ClassVar[str] = "LOCK"
    needs_inheritance: ClassVar[bool] = False

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._own_lock: FileLock | None = None

    def make_lock(self, service: StorageService, mp_context: BaseContext) -> FileLock:
        """Return a lock by a file; see `LockMode.make_lock`."""
        self._own_lock = FileLock.make()
        return self._own_lock

    def end_lock(self) -> None:
        """Remove the file of the lock; see `LockMode.end_lock`."""
        lock, self._own_lock = self._own_lock, None
        if lock is not None:
            lock.remove()


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that locks."""
    return [LockWrapMode]
