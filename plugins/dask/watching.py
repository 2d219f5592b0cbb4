"""Looking at the workers of a Dask cluster from time to time: how many, and how long their runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.errors import WorkerDiedError
from pypet.plugins._workers import guest

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pypet.plugins.dask.connection import Connection

LOOK_SECONDS = 1.0
"""Time between two looks."""
ANSWER_SECONDS = 5.0
"""How long a worker may take to answer; one that computes without a pause answers later."""
REMIND_SECONDS = 60.0
"""Time between two warnings that nobody executes anything."""

_logger = logging.getLogger("pypet.plugins.dask")


class Overdue(NamedTuple):
    """A run that takes longer than it may."""

    name: str
    run: int
    worker: str
    seconds: float


class Watch:
    """Knows what was seen last; never waits for the cluster.

    ``timeout`` are the seconds that a run may take, and that there may be no worker; None: no
    limit.
    """

    def __init__(self, connection: Connection, timeout: float | None) -> None:
        self.workers: int | None = None
        """How many workers there are; None before the first look."""
        self._connection = connection
        self._timeout = timeout
        self._look: Future[tuple[Mapping[str, int], list[Overdue]]] | None = None
        self._due = monotonic()
        self._lonely_since: float | None = None
        self._remind = 0.0
        self._minds_threads = True
        self._overdue: list[Overdue] = []

    def look(self, names: Sequence[str]) -> None:
        """Take note of what the latest look saw, and have another one if it is time.

        Raises
        ------
        WorkerDiedError
            There has been no worker for longer than the timeout.
        """
        now = monotonic()
        if self._look is not None and self._look.done():
            look, self._look = self._look, None
            if look.exception() is None:
                threads, overdue = look.result()
                self.workers = len(threads)
                self._overdue += overdue
                self._mind_threads(threads)
                self._mind_loneliness(now)
        if self._look is None and now >= self._due:
            self._due = now + LOOK_SECONDS
            client = self._connection.client
            self._look = self._connection.run(_look(client, names, self._timeout))

    def take_overdue(self) -> Iterator[Overdue]:
        """Yield runs that take too long, once each."""
        overdue, self._overdue = self._overdue, []
        yield from overdue

    def _mind_threads(self, threads: Mapping[str, int]) -> None:
        most = max(threads.values(), default=1)
        if most > 1 and self._minds_threads:
            self._minds_threads = False
            _logger.warning(
                "Workers of the Dask cluster at %s have up to %d threads, which execute one run at "
                "a time all together: make more workers with threads_per_worker=1 instead.",
                self._connection.address,
                most,
            )

    def _mind_loneliness(self, now: float) -> None:
        if self.workers:
            self._lonely_since = None
            return
        if self._lonely_since is None:
            self._lonely_since, self._remind = now, now + REMIND_SECONDS
        seconds = now - self._lonely_since
        if self._timeout is not None and seconds > self._timeout:
            raise WorkerDiedError(
                f"The Dask cluster at {self._connection.address} has had no worker for "
                f"{seconds:.0f} s, longer than timeout={self._timeout:g}: look at its jobs."
            )
        if now > self._remind:
            self._remind = now + REMIND_SECONDS
            _logger.warning(
                "The Dask cluster at %s has had no worker for %d s; runs wait for one.",
                self._connection.address,
                seconds,
            )


async def _look(
    client: Any, names: Sequence[str], timeout: float | None
) -> tuple[Mapping[str, int], list[Overdue]]:
    """Return the threads of each worker, and which runs take longer than ``timeout``."""
    threads: Mapping[str, int] = await client.nthreads()
    if timeout is None:
        return threads, []
    import asyncio

    seen = await asyncio.gather(*(_overdue(client, worker, names, timeout) for worker in threads))
    return threads, [each for each in seen if each is not None]


async def _overdue(
    client: Any, worker: str, names: Sequence[str], timeout: float
) -> Overdue | None:
    import asyncio

    for name in names:
        call = client.run(guest.active_run, name, workers=[worker], on_error="ignore")
        try:
            answer = (await asyncio.wait_for(call, ANSWER_SECONDS)).get(worker)
        except TimeoutError:
            return None
        if answer is not None and answer[1] > timeout:
            return Overdue(name, answer[0], worker, answer[1])
    return None
