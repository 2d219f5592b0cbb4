"""A worker of a pool, seen from the main process."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import monotonic, time

from pypet.errors import WorkerDiedError
from pypet.interfaces import Outcome, Task
from pypet.plugins._workers import pipe_io
from pypet.plugins._workers.lifetime import end_descriptor
from pypet.plugins._workers.outbox import HeldOutcome
from pypet.plugins._workers.outcomes import deserialize, killed_outcome, unreadable_outcome
from pypet.plugins._workers.task_lease import WorkerSlot
from pypet.plugins._workers.task_queue import StartedFunction
from pypet.plugins._workers.worker_process import FAILED_TO_START, HEADER, IDLE, READY
from pypet.support.processes import MAIN_GUARD_ADVICE, describe_exit

SAFE_BYTES = 16384
"""A message of this size always fits into a pipe that holds at most one other of that size."""


@dataclass(slots=True)
class _Batch:
    """Sent tasks without an outcome yet; ``first`` is the number of the first one."""

    first: int
    tasks: deque[Task]


class WorkerHandle:
    """The process of a worker and its tasks, which it executes and reports about in order."""

    __slots__ = (
        "_fresh_from",
        "_sent",
        "batches",
        "begun",
        "connection",
        "ended",
        "has_revoked",
        "heard_at",
        "is_ready",
        "is_retiring",
        "process",
        "slot",
        "started",
    )

    def __init__(
        self,
        process: BaseProcess,
        connection: Connection,
        slot: WorkerSlot,
        started: StartedFunction,
    ) -> None:
        self.process = process
        self.ended = end_descriptor(process)
        """A descriptor that is readable once the process has ended."""
        self.connection = connection
        self.slot = slot
        self.started = started
        """Executes all its tasks."""
        self.batches: deque[_Batch] = deque()
        self.begun = 0.0
        self.heard_at = monotonic()
        """When something was last sent to it, received from it, or looked for in its outbox."""
        self.is_ready = False
        self.is_retiring = False
        """It gets no more tasks, and ends when it has finished those it has."""
        self.has_revoked = False
        """Its pipe may still hold revoked tasks."""
        self._sent = 0
        self._fresh_from = 0

    @property
    def can_give_back(self) -> bool:
        """Whether it may have tasks that can be revoked because it has not begun them."""
        if self.is_retiring or self.has_revoked:
            return False
        return len(self.batches) > 1 or (bool(self.batches) and len(self.batches[0].tasks) > 1)

    @property
    def may_hold_outcomes(self) -> bool:
        """Whether it may have outcomes of a batch that it has not reported."""
        return bool(self.batches) and len(self.batches[0].tasks) > 1

    def running(self) -> int | None:
        """Return the index of the run that it executes or is about to begin; None if it is idle."""
        index: int = self.slot.running.value
        if index != IDLE:
            return index
        return self.batches[0].tasks[0].index if self.batches else None

    def send(self, tasks: Sequence[Task]) -> bool:
        """Send a batch; return False if it is too large for a worker that is busy.

        Both processes would wait forever, each for the other to read, if the worker was sending a
        large report while the batch did not fit into the pipe.

        Raises
        ------
        Exception
            Arguments of a run cannot be pickled.
        OSError
            The worker is gone.
        """
        try:
            data = pickle.dumps((self._sent, list(tasks)), pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            error.add_note("pypet: arguments of a run cannot be sent to workers.")
            raise
        if self.batches and len(data) > SAFE_BYTES:
            return False
        self.slot.leases.grant(len(tasks))  # first: the worker skips tasks without a lease
        self.connection.send_bytes(data)
        self.note_batch(tasks)
        return True

    def note_batch(self, tasks: Sequence[Task]) -> None:
        """Take note of tasks that the worker has got."""
        if not self.batches:
            self.begun = time()
            self.heard_at = monotonic()
        self.batches.append(_Batch(self._sent, deque(tasks)))
        self._sent += len(tasks)

    def revoke(self) -> list[Task]:
        """Revoke the tasks that the worker has not begun, and return them."""
        count = self.slot.leases.revoke(self._sent)
        tasks: list[Task] = []
        for _ in range(count):
            tasks.append(self.batches[-1].tasks.pop())
            if not self.batches[-1].tasks:
                self.batches.pop()
        if count:
            self.has_revoked = True
            self._fresh_from = self._sent
        return tasks[::-1]

    def receive(self) -> tuple[list[Outcome], list[Task]]:
        """Return the outcomes of one report, and the tasks that the worker gives back.

        Raises
        ------
        WorkerDiedError
            The worker could not start.
        EOFError, OSError
            The worker is gone.
        """
        data = pipe_io.receive(self.connection)
        self.heard_at = monotonic()
        self.slot.outbox.note_report()
        count, given_back = HEADER.unpack_from(data)
        if count == READY:
            self.is_ready = True
            return [], []
        body = data[HEADER.size :]
        if count == FAILED_TO_START:
            text = bytes(body).decode("utf-8", "replace")
            raise WorkerDiedError(f"A worker could not be set up:\n{text}")
        tasks = self._pop_tasks(count + given_back)
        return _outcomes(body, tasks[:count]), tasks[count:]

    def take_held(self) -> list[HeldOutcome]:
        """Take from its outbox what it has not reported; `accept_held` must follow for each."""
        self.heard_at = monotonic()
        return self.slot.outbox.take()

    def precedes(self, held: HeldOutcome) -> bool:
        """Return whether there is a report to be received about tasks before this outcome."""
        return bool(self.batches) and self.batches[0].first < held.number

    def accept_held(self, held: HeldOutcome) -> list[Outcome]:
        """Return an outcome of the outbox, after all reports that precede it."""
        if not self.batches or self.batches[0].first != held.number:
            return []  # it has died before it sent a report, so these tasks are executed again
        return _outcomes(held.data, self._pop_tasks(1))

    def _pop_tasks(self, count: int) -> list[Task]:
        """Remove and return the first tasks, which have outcomes or are given back."""
        batch = self.batches[0]
        tasks = [batch.tasks.popleft() for _ in range(count)]
        if not batch.tasks:
            self.batches.popleft()
        if batch.first >= self._fresh_from:
            self.has_revoked = False
        batch.first += count
        return tasks

    def reap(self) -> tuple[Outcome | None, list[Task]]:
        """Return the outcome of the run that died with the worker, and all its other tasks.

        Raises
        ------
        WorkerDiedError
            The worker died before it was ready, so another one would do the same.
        """
        self.process.join()
        exit_code = self.process.exitcode
        running: int = self.slot.running.value
        if not self.is_ready and running == IDLE:
            raise WorkerDiedError(
                f"A worker (pid {self.process.pid}) could not start: it {describe_exit(exit_code)}."
                f" {MAIN_GUARD_ADVICE}"
            )
        tasks = [task for batch in self.batches for task in batch.tasks]
        self.batches.clear()
        if running == IDLE:
            return None, tasks
        outcome = killed_outcome(running, self.process.pid, exit_code, self.begun)
        return outcome, [task for task in tasks if task.index != running]


def _outcomes(data: memoryview, tasks: Sequence[Task]) -> list[Outcome]:
    """Deserialize the outcomes of these tasks."""
    try:
        return deserialize(data)
    except Exception as error:
        return [unreadable_outcome(task.index, error) for task in tasks]
