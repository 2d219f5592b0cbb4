"""What wrap modes have in common whose workers store by themselves, one at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces import StorageService, WrapMode
from pypet.wrap_modes._local.lock_wrapper import LockWrapper
from pypet.wrap_modes._local.run_tables import store_run_table


class LockMode(WrapMode):
    """Holds the service within its lock; what the lock is, and how it ends, is the mode's own."""

    supports_loading: ClassVar[bool] = True
    supports_resume: ClassVar[bool] = True
    stores_in_workers: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Make the mode; a ``lock`` in ``options`` is used instead of one of its own."""
        super().__init__(options)
        self._given_lock = options.get("lock")
        self._pickle_lock = options.get("pickle_lock", True)
        self._wrapper: LockWrapper | None = None

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Make the lock; raises what `make_lock` raises."""
        lock = self._given_lock
        if lock is None:
            lock = self.make_lock(service, mp_context)
        self._wrapper = LockWrapper(service, lock, self._pickle_lock)

    def worker_service(self) -> StorageService:
        """Return the service within its lock.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._wrapper is None:
            raise RuntimeError(f"Wrap mode {self.name!r} was not started; call `start` first.")
        return self._wrapper

    def store_run_table(self, trajectory: Any) -> bool:
        """Store the rows that changed, under the lock; see `WrapMode.store_run_table`."""
        wrapper = self._wrapper
        return wrapper is not None and store_run_table(
            wrapper, wrapper._storage_service, trajectory
        )

    def stop(self) -> None:
        """End the lock: everything is stored already."""
        self._wrapper = None
        self.end_lock()

    @abstractmethod
    def make_lock(self, service: StorageService, mp_context: BaseContext) -> Any:
        """Return a lock of the mode's own, that workers inherit or unpickle."""

    @abstractmethod
    def end_lock(self) -> None:
        """End the lock that `make_lock` returned, if there is one."""
