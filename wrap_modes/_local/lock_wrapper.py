"""What runs see where every worker stores by itself: the service within a lock."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from pypet.interfaces import StorageService
from pypet.services.failure_log import log_failure
from pypet.wrap_modes._local.deferring import DeferredRequests
from pypet.wrap_modes._local.parcels import can_be_prepared, run_of, understands_requests

_logger = logging.getLogger("pypet.wrap_modes")


class LockWrapper(StorageService):
    """What runs see with wrap modes LOCK and NETLOCK: the service, used while nobody else uses it.

    As long as the service keeps its storage open, between the messages ``OPEN_FILE`` and
    ``CLOSE_FILE``, the lock is held. ``lock`` is anything with ``acquire`` and ``release``; with
    ``pickle_lock=False`` it is left out of pickles.
    """

    multiproc_safe = True

    def __init__(self, storage_service: StorageService, lock: Any, pickle_lock: bool = True):
        self._storage_service = storage_service
        self.lock = lock
        self.pickle_lock = pickle_lock
        self._holder = -1
        self._deferred = DeferredRequests()

    def __repr__(self) -> str:
        return f"<LockWrapper of {self._storage_service!r}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self._storage_service, name)

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_holder": -1, "_deferred": DeferredRequests()}
        if not self.pickle_lock:
            state["lock"] = None
        return state

    @property
    def is_locked(self) -> bool:
        """Whether this process holds the lock."""
        return self._holder == os.getpid()

    @property
    def is_open(self) -> bool:
        """Whether the service keeps its storage open."""
        return bool(self._storage_service.is_open)

    def acquire_lock(self) -> None:
        """Wait until nobody else uses the storage."""
        if not self.is_locked:
            self.lock.acquire()
            self._holder = os.getpid()

    def release_lock(self) -> None:
        """Let others use the storage, unless it is kept open."""
        if self.is_locked and not self.is_open:
            self._holder = -1
            try:
                self.lock.release()
            except Exception:
                _logger.exception("The lock of the storage could not be released.")

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store while nobody else does; raises what the service raises."""
        service: Any = self._storage_service
        if self.is_locked or not (understands_requests(service) and can_be_prepared(msg, kwargs)):
            return self._locked(service.store, msg, stuff_to_store, *args, **kwargs)
        try:
            prepared = service.prepare(msg, stuff_to_store, *args, **kwargs)
            request = prepared.request
            if not request.is_empty and not self._deferred.take(request, run_of(stuff_to_store)):
                self._locked(service.apply, service.packed(request))
        except Exception as error:
            log_failure(service, "storing", msg, stuff_to_store, error)
            raise
        prepared.confirm()
        return None

    @property
    def deferral(self) -> AbstractContextManager[None]:
        """In this context small requests of runs wait for `store_deferred` or another message.

        To open and close the storage takes longer than to store a small run, so a worker that
        executes many stores those together which it reports together.
        """
        return self._deferred

    def store_deferred(self) -> Mapping[int, Exception]:
        """Store what waits; return the errors of runs that could not be stored, by index."""
        if self._deferred.is_empty:
            return self._deferred.take_failures()
        self._locked(lambda: None)
        return self._deferred.take_failures()

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load while nobody stores; raises what the service raises."""
        return self._locked(self._storage_service.load, msg, stuff_to_load, *args, **kwargs)

    def _locked(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.acquire_lock()
        try:
            if not self._deferred.is_empty:
                self._deferred.store(self._storage_service)
            return action(*args, **kwargs)
        finally:
            self.release_lock()
