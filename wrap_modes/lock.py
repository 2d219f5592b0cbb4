"""Let every worker store by itself, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces import StorageService, WrapMode
from pypet.markers import hookimpl
from pypet.wrap_modes._local.file_lock import FileLock
from pypet.wrap_modes._local.lock_wrapper import LockWrapper
from pypet.wrap_modes._local.run_tables import store_run_table

__all__ = ["LockWrapMode", "LockWrapper"]


class LockWrapMode(WrapMode):
    """Workers use the storage directly, each opening and closing it under a lock.

    The lock of a worker that dies is free for the others.
    """

    name: ClassVar[str] = "LOCK"
    supports_loading: ClassVar[bool] = True
    needs_inheritance: ClassVar[bool] = False
    supports_resume: ClassVar[bool] = True
    stores_in_workers: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Make the mode; a ``lock`` in ``options`` is used instead of one of its own."""
        super().__init__(options)
        self._given_lock = options.get("lock")
        self._pickle_lock = options.get("pickle_lock", True)
        self._own_lock: FileLock | None = None
        self._wrapper: LockWrapper | None = None

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Make the lock."""
        lock = self._given_lock
        if lock is None:
            lock = self._own_lock = FileLock.make()
        self._wrapper = LockWrapper(service, lock, self._pickle_lock)

    def worker_service(self) -> StorageService:
        """Return the service within its lock.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._wrapper is None:
            raise RuntimeError("Wrap mode 'LOCK' was not started; call `start` first.")
        return self._wrapper

    def store_run_table(self, trajectory: Any) -> bool:
        """Store the rows that changed, under the lock; see `WrapMode.store_run_table`."""
        wrapper = self._wrapper
        return wrapper is not None and store_run_table(
            wrapper, wrapper._storage_service, trajectory
        )

    def stop(self) -> None:
        """Remove the lock: everything is stored already."""
        self._wrapper = None
        lock, self._own_lock = self._own_lock, None
        if lock is not None:
            lock.remove()


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that locks."""
    return [LockWrapMode]
