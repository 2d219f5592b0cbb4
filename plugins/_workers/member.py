"""A worker of a pool as the main process sees it."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import time
from typing import NamedTuple

from pypet.errors import WorkerDiedError
from pypet.interfaces import Outcome, Task
from pypet.plugins._workers import wire
from pypet.plugins._workers.claims import Slot
from pypet.plugins._workers.outcomes import killed, unpack, unreadable
from pypet.plugins._workers.worker import FAILED_TO_START, HEADER, IDLE, READY
from pypet.support.processes import MAIN_GUARD_ADVICE, describe_exit

SAFE_BYTES = 16384
"""So much always fits into a pipe that holds at most one more such message."""


class _Batch(NamedTuple):
    """Tasks that are not reported about yet, and the number of the first one that was sent."""

    first: int
    tasks: deque[Task]


class Member:
    """One worker and what it has to do; batches are executed and reported about in order."""

    __slots__ = (
        "_fresh_from",
        "_sent",
        "batches",
        "begun",
        "connection",
        "has_stale",
        "is_ready",
        "is_retiring",
        "process",
        "slot",
    )

    def __init__(self, process: BaseProcess, connection: Connection, slot: Slot) -> None:
        self.process = process
        self.connection = connection
        self.slot = slot
        self.batches: deque[_Batch] = deque()
        self.begun = 0.0
        self.is_ready = False
        self.is_retiring = False
        """It ends when it has done what it has."""
        self.has_stale = False
        """Its connection may still hold tasks that were taken back."""
        self._sent = 0
        self._fresh_from = 0

    @property
    def can_give_back(self) -> bool:
        """Whether there may be tasks that it has not begun and that can be taken back."""
        if self.is_retiring or self.has_stale:
            return False
        return len(self.batches) > 1 or (bool(self.batches) and len(self.batches[0].tasks) > 1)

    def running(self) -> int | None:
        """Return the index of the run that it executes or begins at once; None without one."""
        index: int = self.slot.cell.value
        if index != IDLE:
            return index
        return self.batches[0].tasks[0].index if self.batches else None

    def send(self, tasks: Sequence[Task]) -> bool:
        """Hand over a batch; False if it had to be kept back because the worker is busy.

        A large message to a worker that is about to send one itself would block both.

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
        self.slot.claims.grant(len(tasks))
        self.connection.send_bytes(data)
        self.note_batch(tasks)
        return True

    def note_batch(self, tasks: Sequence[Task]) -> None:
        """Note that the worker has got tasks."""
        if not self.batches:
            self.begun = time()
        self.batches.append(_Batch(self._sent, deque(tasks)))
        self._sent += len(tasks)

    def take_back(self) -> list[Task]:
        """Return the tasks that the worker will not execute, because it had not begun them."""
        count = self.slot.claims.take_back(self._sent)
        tasks: list[Task] = []
        for _ in range(count):
            tasks.append(self.batches[-1].tasks.pop())
            if not self.batches[-1].tasks:
                self.batches.pop()
        if count:
            self.has_stale = True
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
        data = wire.receive(self.connection)
        count, given_back = HEADER.unpack_from(data)
        if count == READY:
            self.is_ready = True
            return [], []
        body = data[HEADER.size :]
        if count == FAILED_TO_START:
            text = bytes(body).decode("utf-8", "replace")
            raise WorkerDiedError(f"A worker could not be set up:\n{text}")
        first, batch = self.batches[0]
        done = [batch.popleft() for _ in range(count)]
        rest = [batch.popleft() for _ in range(given_back)]
        if not batch:
            self.batches.popleft()
        if first >= self._fresh_from:
            self.has_stale = False
        try:
            return unpack(body), rest
        except Exception as error:
            return [unreadable(task.index, error) for task in done], rest

    def bury(self) -> tuple[Outcome | None, list[Task]]:
        """Return the outcome of the run that a dead worker executed, and all its other tasks.

        Raises
        ------
        WorkerDiedError
            The worker died before it was ready, so another one would do the same.
        """
        self.process.join()
        exit_code = self.process.exitcode
        running: int = self.slot.cell.value
        if not self.is_ready and running == IDLE:
            raise WorkerDiedError(
                f"A worker (pid {self.process.pid}) could not start: it {describe_exit(exit_code)}."
                f" {MAIN_GUARD_ADVICE}"
            )
        tasks = [task for batch in self.batches for task in batch.tasks]
        self.batches.clear()
        if running == IDLE:
            return None, tasks
        outcome = killed(running, self.process.pid, exit_code, self.begun)
        return outcome, [task for task in tasks if task.index != running]
