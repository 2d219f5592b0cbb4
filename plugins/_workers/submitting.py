"""Submitting batches of runs, as futures, to workers that pypet does not start.

The task function is large and travels to each worker once. The executor chooses the worker of a
batch, so a worker may get a batch before it has the function: then it returns the batch, which is
submitted again together with the function.
"""

from __future__ import annotations

import os
import uuid
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pypet.errors import WorkerDiedError
from pypet.interfaces import Outcome, Task
from pypet.interfaces.scheduling import pickled
from pypet.plugins._workers import executor_worker
from pypet.plugins._workers.executor_worker import Reply
from pypet.plugins._workers.outcomes import deserialize, unreadable_outcome
from pypet.plugins._workers.task_queue import (
    BATCH_SECONDS,
    WAIT_SECONDS,
    BatchSizing,
    TaskQueue,
    as_task_function,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

GRACE_SECONDS = 5.0
"""How long active batches may take to end when the experiment is given up."""
BATCHES_PER_WORKER = 2
"""One that is executed and one that waits for it to end, so that workers are never idle."""


class SharedFunction:
    """A task function, serialized once, under a name by which workers know it.

    Raises
    ------
    Exception
        Something cannot be pickled.
    """

    def __init__(self, execute: Callable[[Task], Outcome]) -> None:
        self.name = uuid.uuid4().hex
        self.dumps: Callable[[Any], bytes] = pickled
        self._function = as_task_function(execute)
        self.data = self._serialized()
        # Pickles name what the main script defines, so workers have to know that script.
        self.main = executor_worker.known_script() if b"__main__" in self.data else None
        executor_worker.owners[self.name] = os.getpid()

    def include_main(self, workers: str) -> None:
        """Serialize again for workers without the main script, with its definitions by value.

        Raises
        ------
        WorkerDiedError
            cloudpickle is not installed.
        """
        try:
            from cloudpickle import dumps
        except ModuleNotFoundError as error:
            raise WorkerDiedError(
                f"Workers of the {workers} do not know the main script, which defines something "
                "that runs need: move it to a module that workers can import, or pip install "
                "cloudpickle."
            ) from error
        self.main, self.dumps = None, dumps
        self.data = self._serialized()

    def close(self) -> None:
        """Forget the name."""
        executor_worker.owners.pop(self.name, None)

    def _serialized(self) -> bytes:
        return self.dumps(self._function.serialized(self.dumps))


def refuse_process_options(options: Mapping[str, Any], whose: str) -> None:
    """Raise if an option sets how pypet starts processes, which it does not start here.

    Raises
    ------
    ValueError
        There is such an option; the message ends with ``whose``, which names the remedy.
    """
    for name in ("start_method", "niceness"):
        if options[name] is not None:
            raise ValueError(f"{name}={options[name]!r} has no effect on the processes {whose}.")


class Batch(NamedTuple):
    """Tasks that go to a worker together."""

    shared: SharedFunction
    tasks: Sequence[Task]


class SubmittingScheduler(TaskQueue[tuple[SharedFunction, Task]]):
    """Submits batches of runs; how, and to whom, is up to the derived class.

    Workers ignore interrupts from the keyboard from their first run on: the main process decides.
    """

    works_across_hosts: ClassVar[bool] = True
    workers_stay: ClassVar[bool] = True
    default_on_error: ClassVar[str] = "raise"
    batch_seconds: ClassVar[float] = BATCH_SECONDS
    """How long a batch of short runs should take, which hides the cost of submitting one."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._ncores: int = options["ncores"]
        """How many batches are executed at once."""
        self._shared: SharedFunction | None = None
        self._former: list[SharedFunction] = []
        self._batches: dict[Future[Reply], Batch] = {}
        self._ended: SimpleQueue[Future[Reply]] = SimpleQueue()
        self._sizing = BatchSizing(self.batch_seconds)
        self._has_replied = False

    # ----- abstract -------------------------------------------------------------------------

    @property
    @abstractmethod
    def _title(self) -> str:
        """The name of the executor or cluster in messages."""

    @abstractmethod
    def _send(self, shared: SharedFunction, tasks: bytes, reply: Reply | None) -> Future[Reply]:
        """Submit a call of `executor_worker.execute_batch` with ``tasks``.

        ``reply`` is that of a worker without the function, which has to be sent along; None if
        the batch is submitted for the first time.

        Raises
        ------
        RuntimeError
            The executor accepts no batches.
        """

    @abstractmethod
    def _lose(self, batch: Batch, cause: BaseException | None) -> None:
        """Report the tasks of a batch that was lost, or submit them again."""

    # ----- the contract ---------------------------------------------------------------------

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Serialize the task function, for tasks that are submitted from now on.

        Raises
        ------
        Exception
            Something cannot be pickled.
        """
        shared = SharedFunction(execute)
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

    def cancel(self) -> int:
        """Give up queued tasks, and batches that the executor has not begun."""
        given_up = super().cancel()
        for future in list(self._batches):
            if future.cancel():
                given_up += len(self._batches.pop(future).tasks)
        return given_up

    def stop(self) -> None:
        """Give up what has not begun, and wait at most `GRACE_SECONDS` for the rest."""
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
        """Forget all tasks and their functions."""
        self._queue.clear()
        self._batches.clear()
        self._arrived.clear()
        for shared in (*self._former, self._shared):
            if shared is not None:
                shared.close()
        self._former, self._shared = [], None

    # ----- batches --------------------------------------------------------------------------

    @property
    def _is_started(self) -> bool:
        return self._shared is not None

    def _enqueue(self, tasks: Sequence[Task]) -> None:
        assert self._shared is not None
        self._queue.extend((self._shared, task) for task in tasks)

    def _is_busy(self) -> bool:
        return bool(self._queue or self._batches)

    def _dispatch(self) -> None:
        while self._queue and len(self._batches) < self._ncores * BATCHES_PER_WORKER:
            if not self._submit_batch(self._next_batch()):
                return

    def _next_batch(self) -> Batch:
        """Take the next batch from the queue; near the end the rest is divided among workers."""
        queue = self._queue
        count = max(1, min(self._sizing.batch_size, len(queue) // self._ncores))
        shared = queue[0][0]
        tasks: list[Task] = []
        while queue and len(tasks) < count and queue[0][0] is shared:
            tasks.append(queue.popleft()[1])
        return Batch(shared, tasks)

    def _submit_batch(self, batch: Batch, reply: Reply | None = None) -> bool:
        """Submit a batch, again after ``reply`` of a worker; False if it is not accepted."""
        try:
            tasks = batch.shared.dumps(batch.tasks)
        except Exception as error:
            error.add_note("pypet: arguments of a run cannot be sent to workers.")
            raise
        try:
            future = self._send(batch.shared, tasks, reply)
        except RuntimeError as error:  # the executor is broken or was shut down
            self._lose(batch, error)
            return False
        self._batches[future] = batch
        future.add_done_callback(self._ended.put)
        return True

    def _wait(self) -> None:
        if not self._batches:
            return
        try:
            future = self._ended.get(timeout=WAIT_SECONDS)
            while True:
                self._collect(future)
                future = self._ended.get_nowait()
        except Empty:
            pass
        self._check_if_due()

    def _collect(self, future: Future[Reply]) -> None:
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
        if reply.error is not None:
            raise WorkerDiedError(f"{self._title} cannot execute runs: {reply.error}")
        if reply.is_foreign and shared.main is not None:
            shared.include_main(self._title)
        if reply.outcomes is None:
            self._submit_batch(batch, reply)
            return
        self._queue.extendleft((shared, task) for task in reversed(tasks[reply.done :]))
        try:
            outcomes = deserialize(reply.outcomes)
        except Exception as refusal:
            self._arrived += [
                unreadable_outcome(task.index, refusal) for task in tasks[: reply.done]
            ]
            return
        self._sizing.learn(outcomes)
        self._arrived += outcomes
