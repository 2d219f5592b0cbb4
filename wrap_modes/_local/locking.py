"""What wrap modes share whose workers store by themselves, one at a time, under a lock."""

from __future__ import annotations

import logging
import operator
import os
from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces import (
    Outcome,
    StorageService,
    TrajectoryLike,
    WorkerService,
    WrapMode,
    adapted,
)
from pypet.records import ArrayItem, Operation, PutNode, StoreRequest
from pypet.services.backend import RecordBackend
from pypet.services.failures import log_failure
from pypet.services.messages import (
    Failure,
    StoreMessage,
    can_be_prepared,
    dump_copy,
    load,
    not_stored,
    run_of,
    understands_requests,
)
from pypet.wrap_modes._local.run_tables import store_run_table

_logger = logging.getLogger("pypet.wrap_modes")


def _forwarded(name: str) -> Any:
    """Return a property for what the service behind has under a name, attribute or method."""
    return property(operator.attrgetter(f"_storage_service.{name}"))


class LockWrapper(WorkerService):
    """The service for runs with wrap modes LOCK and NETLOCK: each call holds the lock.

    As long as the service keeps its storage open, between the messages ``OPEN_FILE`` and
    ``CLOSE_FILE``, the lock is held. ``lock`` is anything with ``acquire`` and ``release``; with
    ``pickle_lock=False`` it is left out of pickles.
    """

    multiproc_safe = True

    def __init__(self, storage_service: StorageService, lock: Any, pickle_lock: bool = True):
        self._storage_service = adapted(storage_service)
        self.lock = lock
        self.pickle_lock = pickle_lock
        self._holder = -1
        self._deferred = DeferredRequests()
        self._stored_run: int | None = None
        """The run that stored something at once most recently."""

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

    filename = _forwarded("filename")
    is_kept_open = _forwarded("is_kept_open")
    early = _forwarded("early")
    trajectory_names = _forwarded("trajectory_names")
    abandon_run = _forwarded("abandon_run")
    finalize = _forwarded("finalize")

    @property
    def is_locked(self) -> bool:
        """Whether this process holds the lock."""
        return self._holder == os.getpid()

    @property
    def is_open(self) -> bool:
        """Whether the service keeps its storage open."""
        return bool(self._storage_service.is_open)

    def acquire_lock(self) -> None:
        """Acquire the lock of the storage."""
        if not self.is_locked:
            self.lock.acquire()
            self._holder = os.getpid()

    def release_lock(self) -> None:
        """Release the lock of the storage, unless it is kept open."""
        if self.is_locked and not self.is_open:
            self._holder = -1
            try:
                self.lock.release()
            except Exception:
                _logger.exception("The lock of the storage could not be released.")

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store while holding the lock; raises what the service raises."""
        service: Any = self._storage_service
        if self.is_locked or not (understands_requests(service) and can_be_prepared(msg, kwargs)):
            return self._locked(service.store, msg, stuff_to_store, *args, **kwargs)
        try:
            prepared = service.prepare(msg, stuff_to_store, *args, **kwargs)
            request = prepared.request
            run = run_of(stuff_to_store)
            if not request.is_empty and not self._deferred.take(request, run):
                self._stored_run = run
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

    def copy_deferred(self, run: int) -> Sequence[list[bytes]] | None:
        """Return what waits of a run; None if this process has stored other data of it.

        All that a run commits to a journal has to come from one process.
        """
        deferred = self._deferred.of_run(run)
        return None if deferred and run == self._stored_run else deferred

    def drop_deferred(self, runs: Collection[int]) -> None:
        """Drop what waits of these runs."""
        self._deferred.drop(runs)

    def store_copies(self, copies: Sequence[list[bytes]]) -> list[Failure]:
        """Store what `copy_deferred` returned in a worker; return what could not be stored."""
        failures = []
        for message in map(load, copies):
            try:
                self._locked(message.store, self._storage_service)
            except Exception as error:
                failures.append(Failure.of(message, error))
        return failures

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load while holding the lock; raises what the service raises."""
        return self._locked(self._storage_service.load, msg, stuff_to_load, *args, **kwargs)

    def _locked(self, action: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.acquire_lock()
        try:
            service = self._storage_service
            if not self._deferred.is_empty and isinstance(service, RecordBackend):
                self._deferred.store(service)
            return action(*args, **kwargs)
        finally:
            self.release_lock()


# ----- requests that wait ---------------------------------------------------------------------


logger = logging.getLogger("pypet.wrap_modes")

_MAX_REQUESTS = 512
_MAX_BYTES_OF_ITEM = 16384
"""Larger data is stored at once: to keep a copy of it costs more than is won."""


class DeferredRequests(AbstractContextManager[None]):
    """Keeps copies of requests in the order in which they came; takes new ones in its context.

    Each message that is not deferred must store these first, so that the order of messages is kept.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[int, list[bytes]]] = []
        """Runs and their messages."""
        self._failures: dict[int, Exception] = {}
        self._takes = False

    def __enter__(self) -> None:
        self._takes = True

    def __exit__(self, *error: object) -> None:
        self._takes = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def take(self, request: StoreRequest, run: int | None) -> bool:
        """Keep a request for later, if that is wanted and worth it; return whether it was."""
        if not self._takes or run is None or len(self._waiting) >= _MAX_REQUESTS:
            return False
        if not all(map(_is_small, request.operations)):
            return False
        self._waiting.append((run, dump_copy(StoreMessage(run, request))))
        return True

    def of_run(self, run: int) -> list[list[bytes]]:
        """Return what waits of a run, which is the most recent one."""
        first = len(self._waiting)
        while first and self._waiting[first - 1][0] == run:
            first -= 1
        return [message for _, message in self._waiting[first:]]

    def drop(self, runs: Collection[int]) -> None:
        """Forget what waits of these runs."""
        self._waiting = [each for each in self._waiting if each[0] not in runs]

    def store(self, service: RecordBackend) -> None:
        """Store everything, by one request if possible; failures are kept for `take_failures`."""
        waiting, self._waiting = [load(message) for _, message in self._waiting], []
        if service.joins_runs and len(waiting) > 1 and _store_together(waiting, service):
            return
        for message in waiting:
            try:
                message.store(service)
            except Exception as error:
                self._failures.setdefault(message.run, error)

    def take_failures(self) -> dict[int, Exception]:
        """Return the errors since the last call by index of the run."""
        failures, self._failures = self._failures, {}
        return failures


def _store_together(messages: Sequence[StoreMessage], service: RecordBackend) -> bool:
    """Store everything by one request; return False if that is for each one to try alone."""
    requests = [each.content for each in messages if isinstance(each.content, StoreRequest)]
    names = {request.trajectory for request in requests}
    if len(requests) < len(messages) or len(names) > 1:
        return False
    operations = tuple(each for request in requests for each in request.operations)
    try:
        service.apply(requests[0]._replace(operations=operations))
    except Exception as error:
        logger.debug("Runs are stored one by one, as one of them fails: %s", error)
        return False
    return True


def _is_small(operation: Operation) -> bool:
    return type(operation) is PutNode and all(
        type(item) is ArrayItem and item.value.nbytes <= _MAX_BYTES_OF_ITEM
        for item in operation.items
    )


# ----- the mode -------------------------------------------------------------------------------


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

    def accept(self, outcome: Outcome) -> None:
        """Store what its worker would have stored later; see `WrapMode.accept`.

        Raises
        ------
        NotStoredError
            Something could not be stored; the message names the nodes.
        """
        if outcome.payload and self._wrapper is not None:
            failures = self._wrapper.store_copies(outcome.payload)
            if failures:
                raise not_stored(self.name, failures)

    def store_run_table(self, trajectory: TrajectoryLike) -> bool:
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
