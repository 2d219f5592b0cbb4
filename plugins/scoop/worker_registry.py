"""The workers that the main process knows: finding them, and noticing when they are gone."""

from __future__ import annotations

import itertools
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import NamedTuple

from pypet.errors import WorkerDiedError
from pypet.interfaces import Task
from pypet.plugins.scoop import local_worker, worker_handle
from pypet.plugins.scoop.scoop_internals import Answer, Link, number_of_workers
from pypet.plugins.scoop.worker import Introduction, Reply, execute_batch, introduce
from pypet.plugins.scoop.worker_handle import Batch, WorkerHandle
from pypet.support.processes import MAIN_GUARD_ADVICE
from pypet.version import __version__

FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 5.0
"""Time between two invitations while workers are missing."""
LATE_SECONDS = 2.0
"""Seconds by which a batch may arrive later than the answer to a query."""
MAX_INVITATIONS = 4
"""Invitations for each worker that may be unanswered."""
PATIENCE_SECONDS = 30.0
"""Time after which a warning says how many workers are missing."""
MAX_FALSE_STARTS = 3
"""The experiment fails after this many local workers in a row that executed no batch."""

_logger = logging.getLogger("pypet.scoop")
_local_worker_numbers = itertools.count(1)


class Report(NamedTuple):
    """The result of a batch, or the batch that was lost with a worker."""

    worker: WorkerHandle
    batch: Batch
    reply: Reply | None
    """None if the batch was lost."""
    error: BaseException | None = None


class WorkerRegistry:
    """All workers; one registry in a process, see `registry`, for all experiments.

    Workers that SCOOP has started are not replaced. The local worker is, so there is always one.
    """

    def __init__(self) -> None:
        self._link = Link(worker_handle.UNREACHABLE_SECONDS)
        self._workers: dict[bytes, WorkerHandle] = {}
        self._expected = number_of_workers() - 1
        self._invitations: set[int] = set()
        self._pause = FIRST_PAUSE_SECONDS
        self._next_invitation = 0.0
        self._looking_since: float | None = None
        self._local_worker: WorkerHandle | None = None
        self._false_starts = 0

    def complete(self) -> None:
        """Start the local worker if there is none, and look for workers that did not answer yet.

        Raises
        ------
        WorkerDiedError
            No local worker can be started.
        """
        if self._local_worker is None:
            self._start_local_worker()
        self._invite()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where workers reach this process."""
        return self._link.address

    @property
    def size(self) -> int:
        """The number of workers that are known and not gone."""
        return len(self._workers)

    @property
    def expected_size(self) -> int:
        """The number of workers that are known or may still be found."""
        return max(self.size, self._expected + 1)

    def idle(self) -> Iterator[WorkerHandle]:
        """Yield the workers without a batch, the local worker last."""
        now = monotonic()
        for worker in list(self._workers.values()):
            is_free = worker.batch is None and worker.rests_until <= now
            if is_free and worker is not self._local_worker:
                yield worker
        if self._local_worker is not None and self._local_worker.batch is None:
            yield self._local_worker

    def is_local(self, worker: WorkerHandle) -> bool:
        """Return whether a worker is the local one, which would be replaced."""
        return worker is self._local_worker

    def busy(self) -> list[WorkerHandle]:
        """Return the workers that have a batch."""
        return [worker for worker in self._workers.values() if worker.batch is not None]

    def send_batch(
        self, worker: WorkerHandle, tasks: Sequence[Task], function: str, *arguments: object
    ) -> None:
        """Send ``tasks`` to an idle worker; the others are arguments of `worker.execute_batch`."""
        number, message = self._link.prepare(execute_batch, function, *arguments)
        worker.begin(Batch(number, tasks, function, message))
        self._send(worker)

    def collect(self, seconds: float) -> list[Report]:
        """Return what came back and what was lost, after waiting for it up to ``seconds``.

        Raises
        ------
        WorkerDiedError
            SCOOP has shut down, or no local worker can be started.
        """
        reports = []
        for answer in self._link.receive(seconds):
            if answer.number in self._invitations:
                self._register(answer)
            elif (asked := self._asked(answer)) is not None:
                asked.question = None
                asked.answered = monotonic()
            elif (report := self._report(answer)) is not None:
                reports.append(report)
        reports += self._look_after()
        self.complete()
        return reports

    def drop(self, worker: WorkerHandle) -> Report | None:
        """Count a worker as gone; return the batch that is lost with it."""
        self._workers.pop(worker.name, None)
        worker.close()
        if worker is self._local_worker:
            self._local_worker = None
            self._end_local_worker(worker)
        batch, worker.batch = worker.batch, None
        if batch is None:
            return None
        self._forget(batch)
        return Report(worker, batch, None)

    def abandon(self, function: str) -> None:
        """Give up unsent batches of a task function; kill the local worker if it has one."""
        for worker in self.busy():
            batch = worker.batch
            if batch is None or batch.function != function:
                continue
            if batch.message is not None:
                self._forget(batch)
                worker.batch = None
            elif worker is self._local_worker:
                self.drop(worker)

    def close(self) -> None:
        """End the local worker."""
        if self._local_worker is not None:
            self.drop(self._local_worker)

    # ----- finding workers ------------------------------------------------------------------

    def _invite(self) -> None:
        """Look for workers that are missing.

        The broker gives an invitation to the worker that has requested a future first, which may be
        a known one. Each known worker has requested one, so one more for each reaches others.
        """
        known = self.size - (self._local_worker is not None)
        missing = self._expected - known
        now = monotonic()
        self._warn_of_missing(missing, now)
        if missing <= 0 or now < self._next_invitation:
            return
        if len(self._invitations) > MAX_INVITATIONS * self.expected_size:
            return
        self._next_invitation = now + self._pause
        self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)
        for _ in range(missing + known):
            self._invitations.add(self._link.call_any(introduce))

    def _warn_of_missing(self, missing: int, now: float) -> None:
        """Warn once of workers that have not answered."""
        if missing <= 0:
            return
        if self._looking_since is None:
            self._looking_since = now
        elif now > self._looking_since + PATIENCE_SECONDS:
            self._looking_since = float("inf")
            _logger.warning(
                "%d of %d workers have not answered yet; runs are executed by the others. They "
                "may still start, or have ended; if one ends before the others have answered, "
                "SCOOP's broker may have ended with it, and none of those can be found.",
                missing,
                self._expected + 1,
            )

    def _register(self, answer: Answer) -> None:
        self._invitations.discard(answer.number)
        found = answer.value
        if not isinstance(found, Introduction):
            _logger.warning("A worker of SCOOP cannot be used: %r", answer.error)
            self._expected -= 1
            return
        if found.name in self._workers:
            return
        worker = WorkerHandle(found.name, found.host, found.pid)
        if found.version != __version__:
            _logger.error(
                "%s is not used: it has pypet %s, and the main process %s.",
                worker,
                found.version,
                __version__,
            )
            self._expected -= 1
            return
        self._workers[worker.name] = worker
        _logger.info("%s is there, %d of %d.", worker, self.size, self._expected + 1)

    def _start_local_worker(self) -> None:
        if self._false_starts >= MAX_FALSE_STARTS:
            raise WorkerDiedError(
                "The process that executes runs in place of the main process ends as soon as it "
                f"is started; its message is above. {MAIN_GUARD_ADVICE}"
            )
        self._false_starts += 1
        host, port = self._link.address
        name = f"{host}:{port}-{next(_local_worker_numbers)}".encode()
        process = local_worker.launch((host, port), name)
        self._local_worker = WorkerHandle(name, socket.gethostname(), process.pid, process)
        self._workers[name] = self._local_worker

    def _end_local_worker(self, worker: WorkerHandle) -> None:
        process = worker.process
        if process is not None:
            process.kill()
            process.wait()

    # ----- batches --------------------------------------------------------------------------

    def _send(self, worker: WorkerHandle) -> None:
        """Send a batch, or try again later if the connection is not there yet."""
        batch = worker.batch
        if batch is None or batch.message is None:
            return
        if self._link.send(worker.name, batch.message):
            batch.note_sent()

    def _report(self, answer: Answer) -> Report | None:
        for worker in self._workers.values():
            batch = worker.batch
            if batch is not None and batch.number == answer.number:
                worker.batch = None
                worker.note_alive()
                if batch.question is not None:
                    self._link.ignore(batch.question)
                if worker is self._local_worker:
                    self._false_starts = 0
                reply = answer.value if isinstance(answer.value, Reply) else None
                error = answer.error
                if reply is None and error is None:
                    error = WorkerDiedError(f"{worker} returned {answer.value!r}.")
                return Report(worker, batch, reply, error)
        return None

    def _look_after(self) -> list[Report]:
        """Send what could not be sent before, and return what was lost."""
        reports = []
        for worker in self.busy():
            self._send(worker)
            is_gone = worker.is_gone
            if is_gone and self._is_behind_firewall(worker):
                worker.note_alive()
            elif is_gone:
                _logger.warning("%s is gone.", worker)
                if worker is not self._local_worker:
                    self._expected -= 1
                report = self.drop(worker)
                if report is not None:
                    reports.append(report)
            elif worker is not self._local_worker and (missed := self._missed(worker)) is not None:
                reports.append(missed)
        return reports

    # ZeroMQ replaces a connection that breaks, but messages under way are lost with it. A worker
    # executes calls in their order: if it answers a question that was sent after a batch, and the
    # batch has not come back, that is lost.

    def _asked(self, answer: Answer) -> Batch | None:
        batches = (each.batch for each in self._workers.values())
        return next((each for each in batches if each and each.question == answer.number), None)

    def _forget(self, batch: Batch) -> None:
        self._link.forget(batch.number)
        if batch.question is not None:
            self._link.forget(batch.question)

    def _missed(self, worker: WorkerHandle) -> Report | None:
        """Return the batch of a worker if its message was lost; ask the worker if in doubt."""
        batch, now = worker.batch, monotonic()
        if batch is None or batch.message is not None:
            return None
        if batch.answered is not None:
            if now < batch.answered + LATE_SECONDS:
                return None
            _logger.warning("A message to or from %s was lost.", worker)
            self._forget(batch)
            worker.batch = None
            worker.function = ""
            return Report(worker, batch, None)
        if now > batch.asked + batch.doubt:
            number, message = self._link.prepare(introduce)
            if not self._link.send(worker.name, message):
                self._link.forget(number)
                return None
            if batch.question is not None:
                self._link.ignore(batch.question)  # it may have been lost, too
            batch.note_asked(number)
        return None

    def _is_behind_firewall(self, worker: WorkerHandle) -> bool:
        """Return whether a worker accepts no connections, and never has, but is connected.

        If its host vanishes, the connection ends, see `scoop_internals.end_silent_connections`.
        """
        probe = worker.probe
        if probe is None or probe.was_accepted:
            return False
        return self._link.reaches(worker.name)


_registry: tuple[int, WorkerRegistry] | None = None


def registry() -> WorkerRegistry:
    """Return the registry of this process."""
    global _registry
    if _registry is None or _registry[0] != os.getpid():
        import atexit

        found = WorkerRegistry()
        atexit.register(found.close)
        _registry = os.getpid(), found
    return _registry[1]
