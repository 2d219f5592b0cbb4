"""Requests of finished runs that wait until several can be stored together."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from pypet.records import ArrayItem, Operation, PutNode, StoreRequest
from pypet.wrap_modes._local.parcels import Parcel, dump_copy, load

logger = logging.getLogger("pypet.wrap_modes")

_MOST_REQUESTS = 512
_MOST_BYTES_OF_ITEM = 16384
"""Larger data is stored at once: to keep a copy of it costs more than is won."""


class DeferredRequests(AbstractContextManager[None]):
    """Keeps copies of requests in the order in which they came; takes new ones in its context.

    Each message that is not deferred must store these first, so that nobody sees a difference.
    """

    def __init__(self) -> None:
        self._waiting: list[list[bytes]] = []
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
        if not self._takes or run is None or len(self._waiting) >= _MOST_REQUESTS:
            return False
        if not all(map(_is_small, request.operations)):
            return False
        self._waiting.append(dump_copy(Parcel(run, request)))
        return True

    def store(self, service: Any) -> None:
        """Store everything, by one request if possible; failures are kept for `take_failures`."""
        waiting, self._waiting = list(map(load, self._waiting)), []
        joins_runs = getattr(service, "joins_runs", True)
        if joins_runs and len(waiting) > 1 and _store_together(waiting, service):
            return
        for parcel in waiting:
            try:
                parcel.store(service)
            except Exception as error:
                self._failures.setdefault(parcel.run, error)

    def take_failures(self) -> dict[int, Exception]:
        """Return the errors since the last call by index of the run."""
        failures, self._failures = self._failures, {}
        return failures


def _store_together(parcels: Sequence[Parcel], service: Any) -> bool:
    """Store everything by one request; return False if that is for each one to try alone."""
    requests = [each.content for each in parcels if isinstance(each.content, StoreRequest)]
    names = {request.trajectory for request in requests}
    if len(requests) < len(parcels) or len(names) > 1:
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
        type(item) is ArrayItem and item.value.nbytes <= _MOST_BYTES_OF_ITEM
        for item in operation.items
    )
