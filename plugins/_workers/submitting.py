"""Submitting batches of runs to processes that somebody else starts, by futures.

What all runs share travels to each worker once. Which worker a batch gets to is up to whoever has
the workers, so one that lacks what is shared gives the batch back and is sent it along.
"""

from __future__ import annotations

import os
import uuid
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pypet.errors import WorkerDiedError
from pypet.interfaces import Outcome, Scheduler, Task, TaskFunction
from pypet.interfaces.scheduling import pickled
from pypet.plugins._workers import guest
from pypet.plugins._workers.batch_sizing import BATCH_SECONDS, BatchSizing
from pypet.plugins._workers.outcomes import unpack, unreadable

if TYPE_CHECKING:
    from concurrent.futures import Future

WAIT_SECONDS = 0.5
"""The longest time between two looks at helpers."""
GRACE_SECONDS = 5.0
"""How long active batches may take to end when everything is given up."""
BATCHES_PER_WORKER = 2
"""One that is executed, one that waits for it to end."""


class SharedWork:
    """What runs have in common, serialized once, under a name by which workers know it.

    Raises
    ------
    Exception
        Something cannot be pickled.
    """

    def __init__(self, execute: Callable[[Task], Outcome]) -> None:
        self.name = uuid.uuid4().hex
        self.dumps: Callable[[Any], bytes] = pickled
        self._execute = execute
        self.data = self._serialized()
        # What is defined in the main script is a name in a pickle, which workers have to know.
        self.main = guest.known_script() if b"__main__" in self.data else None
        guest.hosts[self.name] = os.getpid()

    def include_main(self, workers: str) -> None:
        """Serialize anew, with what is defined in the main script, for workers without it.

        Raises
        ------
        WorkerDiedError
            cloudpickle is not installed.
        """
        try:
            from cloudpickle import dumps
        except ModuleNotFoundError as error:
            raise WorkerDiedError(
                f"Workers of the {workers} do not know the main script, where something is defined "
                "that runs need: move it to a module that workers can import, or pip install "
                "cloudpickle."
            ) from error
        self.main, self.dumps = None, dumps
        self.data = self._serialized()

    def close(self) -> None:
        """Forget the name."""
        guest.hosts.pop(self.name, None)

    def _serialized(self) -> bytes:
        execute = self._execute
        return self.dumps(
            execute.serialized(self.dumps) if isinstance(execute, TaskFunction) else execute
        )


def refuse_process_options(options: Mapping[str, Any], whose: str) -> None:
    """Raise if an option says how processes start, which those are that somebody else starts.

    Raises
    ------
    ValueError
        There is such an option; ``whose`` says what the user can do.
    """
    for name in ("start_method", "niceness"):
        if options[name] is not None:
            raise ValueError(f"{name}={options[name]!r} has no effect on the processes {whose}.")


class Batch(NamedTuple):
    """Tasks that go to a worker together."""

    shared: SharedWork
    tasks: Sequence[Task]


class SubmittingScheduler(Scheduler):
    """Submits batches of runs; how, and to whom, is up to the derived class.

    Workers ignore interrupts from the keyboard from their first run on: the main process decides.
    """

    works_across_hosts: ClassVar[bool] = True
    workers_stay: ClassVar[bool] = True
    default_on_error: ClassVar[str] = "raise"
    batch_seconds: ClassVar[float] = BATCH_SECONDS
    """How long a batch of short runs should take, which hides what it costs to submit one."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._ncores: int = options["ncores"]
        """How many batches are executed at once."""
        self._shared: SharedWork | None = None
        self._former: list[SharedWork] = []
        self._queue: deque[tuple[SharedWork, Task]] = deque()
        self._batches: dict[Future[guest.Reply], Batch] = {}
        self._ended: SimpleQueue[Future[guest.Reply]] = SimpleQueue()
        self._arrived: deque[Outcome] = deque()
        self._sizing = BatchSizing(self.batch_seconds)
        self._has_replied = False

    # ----- what differs ---------------------------------------------------------------------

    @property
    @abstractmethod
    def _title(self) -> str:
        """What messages call whoever has the workers."""

    @abstractmethod
    def _send(
        self, shared: SharedWork, tasks: bytes, reply: guest.Reply | None
    ) -> Future[guest.Reply]:
        """Let a worker call `guest.perform_batch` with ``tasks``.

        ``reply`` is that of a worker which lacks what is ``shared``: it has to go along.

        Raises
        ------
        RuntimeError
            Nobody takes any batches.
        """

    @abstractmethod
    def _lose(self, batch: Batch, cause: BaseException | None) -> None:
        """Report tasks whose batch did not come back, or submit them again."""

    # ----- the contract ---------------------------------------------------------------------

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Serialize what workers get; it counts for tasks that are submitted from now on.

        Raises
        ------
        Exception
            Something cannot be pickled.
        """
        shared = SharedWork(execute)
        if self._shared is not None:
            self._former.append(self._shared)
        self._shared = shared

    def free_slots(self) -> int:
        """Return how many tasks to submit so that workers do not run out of them."""
        most = self._ncores * BATCHES_PER_WORKER
        wanted = most * self._sizing.batch_size
        waiting = len(self._queue)
        free = most > len(self._batches)
        return wanted - waiting if free and 2 * waiting <= wanted else 0

    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks and hand out as many batches as workers can have.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        shared = self._require_started()
        self._queue.extend((shared, task) for task in tasks)
        self._dispatch()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes as batches end.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        WorkerDiedError
            Workers cannot be set up.
        """
        self._require_started()
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if not self._is_busy():
                return
            self._dispatch()
            self._wait()

    def cancel(self) -> int:
        """Give up the tasks that nobody else has yet, and those that are given back."""
        given_up = len(self._queue)
        self._queue.clear()
        for future in list(self._batches):
            if future.cancel():
                given_up += len(self._batches.pop(future).tasks)
        return given_up

    def stop(self) -> None:
        """Take back what did not begin, and wait a while for the rest."""
        self.cancel()
        deadline = monotonic() + GRACE_SECONDS
        try:
            while self._batches and (left := deadline - monotonic()) > 0:
                try:
                    self._batches.pop(self._ended.get(timeout=left), None)
                except Empty:
                    break
        finally:
            self._forget()

    def _forget(self) -> None:
        """Forget all tasks and what they share."""
        self._queue.clear()
        self._batches.clear()
        self._arrived.clear()
        for shared in (*self._former, self._shared):
            if shared is not None:
                shared.close()
        self._former, self._shared = [], None

    # ----- batches --------------------------------------------------------------------------

    def _require_started(self) -> SharedWork:
        if self._shared is None:
            raise RuntimeError(f"The scheduler {self.name!r} was not started; call `start` first.")
        return self._shared

    def _is_busy(self) -> bool:
        """Return whether there will be further outcomes."""
        return bool(self._queue or self._batches)

    def _dispatch(self) -> None:
        """Submit batches while workers can have some."""
        while self._queue and len(self._batches) < self._ncores * BATCHES_PER_WORKER:
            if not self._hand_out(self._next_batch()):
                return

    def _next_batch(self) -> Batch:
        """Take the next batch from the queue; near the end everybody gets a part of the rest."""
        queue = self._queue
        count = max(1, min(self._sizing.batch_size, len(queue) // self._ncores))
        shared = queue[0][0]
        tasks: list[Task] = []
        while queue and len(tasks) < count and queue[0][0] is shared:
            tasks.append(queue.popleft()[1])
        return Batch(shared, tasks)

    def _hand_out(self, batch: Batch, reply: guest.Reply | None = None) -> bool:
        """Submit a batch, again after ``reply`` of a worker; False if nobody takes it."""
        try:
            tasks = batch.shared.dumps(batch.tasks)
        except Exception as error:
            error.add_note("pypet: arguments of a run cannot be sent to workers.")
            raise
        try:
            future = self._send(batch.shared, tasks, reply)
        except RuntimeError as error:  # it is broken or was shut down
            self._lose(batch, error)
            return False
        self._batches[future] = batch
        future.add_done_callback(self._ended.put)
        return True

    def _wait(self) -> None:
        """Wait until a batch ends, at most for a moment."""
        if not self._batches:
            return
        try:
            future = self._ended.get(timeout=WAIT_SECONDS)
            while True:
                self._collect(future)
                future = self._ended.get_nowait()
        except Empty:
            pass
        if self.check is not None:
            self.check()

    def _collect(self, future: Future[guest.Reply]) -> None:
        batch = self._batches.pop(future, None)
        if batch is None:
            return  # cancelled
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or error is not None:
            self._lose(batch, error)
            return
        reply = future.result()
        self._has_replied = True
        shared, tasks = batch
        if reply.trouble is not None:
            raise WorkerDiedError(f"{self._title} cannot execute runs: {reply.trouble}")
        if reply.stranger and shared.main is not None:
            shared.include_main(self._title)
        if reply.outcomes is None:
            self._hand_out(batch, reply)
            return
        self._queue.extendleft((shared, task) for task in reversed(tasks[reply.done :]))
        try:
            outcomes = unpack(reply.outcomes)
        except Exception as refusal:
            self._arrived += [unreadable(task.index, refusal) for task in tasks[: reply.done]]
            return
        self._sizing.learn(outcomes)
        self._arrived += outcomes
