"""Polling a Dask cluster: how many workers it has, and which runs take too long."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.errors import WorkerDiedError
from pypet.plugins._workers import executor_worker

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pypet.plugins.dask.connection import Connection

POLL_SECONDS = 1.0
"""Time between two polls."""
ANSWER_SECONDS = 5.0
"""How long a worker may take to answer; while it executes C code that keeps the GIL it cannot."""
REMIND_SECONDS = 60.0
"""Time between two warnings that there is no worker."""

_logger = logging.getLogger("pypet.plugins.dask")


class Overdue(NamedTuple):
    """A run that takes longer than it may."""

    name: str
    run: int
    worker: str
    seconds: float


class ClusterMonitor:
    """Polls a cluster in the event loop of its client; never waits for it.

    ``timeout`` is the number of seconds that a run may take, and that there may be no worker;
    None means no limit.
    """

    def __init__(self, connection: Connection, timeout: float | None) -> None:
        self.workers: int | None = None
        """The number of workers; None before the first poll."""
        self._connection = connection
        self._timeout = timeout
        self._poll: Future[tuple[Mapping[str, int], list[Overdue]]] | None = None
        self._due = monotonic()
        self._empty_since: float | None = None
        self._next_reminder = 0.0
        self._warns_of_threads = True
        self._overdue: list[Overdue] = []

    def poll(self, names: Sequence[str]) -> None:
        """Evaluate the latest poll if it is finished, and start another one if it is time.

        ``names`` are the task functions whose runs are looked at.

        Raises
        ------
        WorkerDiedError
            There has been no worker for longer than the timeout.
        """
        now = monotonic()
        if self._poll is not None and self._poll.done():
            poll, self._poll = self._poll, None
            if poll.exception() is None:
                threads, overdue = poll.result()
                self.workers = len(threads)
                self._overdue += overdue
                self._check_threads(threads)
                self._check_workers(now)
        if self._poll is None and now >= self._due:
            self._due = now + POLL_SECONDS
            client = self._connection.client
            self._poll = self._connection.run(_poll(client, names, self._timeout))

    def take_overdue(self) -> Iterator[Overdue]:
        """Yield the runs that take too long, each of them once."""
        overdue, self._overdue = self._overdue, []
        yield from overdue

    def _check_threads(self, threads: Mapping[str, int]) -> None:
        most = max(threads.values(), default=1)
        if most > 1 and self._warns_of_threads:
            self._warns_of_threads = False
            _logger.warning(
                "Workers of the Dask cluster at %s have up to %d threads, which execute one run at "
                "a time all together: make more workers with threads_per_worker=1 instead.",
                self._connection.address,
                most,
            )

    def _check_workers(self, now: float) -> None:
        if self.workers:
            self._empty_since = None
            return
        if self._empty_since is None:
            self._empty_since, self._next_reminder = now, now + REMIND_SECONDS
        seconds = now - self._empty_since
        if self._timeout is not None and seconds > self._timeout:
            raise WorkerDiedError(
                f"The Dask cluster at {self._connection.address} has had no worker for "
                f"{seconds:.0f} s, longer than timeout={self._timeout:g}: look at its jobs."
            )
        if now > self._next_reminder:
            self._next_reminder = now + REMIND_SECONDS
            _logger.warning(
                "The Dask cluster at %s has had no worker for %d s; runs wait for one.",
                self._connection.address,
                seconds,
            )


async def _poll(
    client: Any, names: Sequence[str], timeout: float | None
) -> tuple[Mapping[str, int], list[Overdue]]:
    """Return the threads of each worker, and which runs take longer than ``timeout``."""
    threads: Mapping[str, int] = await client.nthreads()
    if timeout is None:
        return threads, []
    import asyncio

    found = await asyncio.gather(*(_overdue(client, worker, names, timeout) for worker in threads))
    return threads, [each for each in found if each is not None]


async def _overdue(
    client: Any, worker: str, names: Sequence[str], timeout: float
) -> Overdue | None:
    import asyncio

    for name in names:
        call = client.run(executor_worker.active_run, name, workers=[worker], on_error="ignore")
        try:
            answer = (await asyncio.wait_for(call, ANSWER_SECONDS)).get(worker)
        except TimeoutError:
            return None
        if answer is not None and answer[1] > timeout:
            return Overdue(name, answer[0], worker, answer[1])
    return None
