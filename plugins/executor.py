"""Execute runs by a `concurrent.futures.Executor` that the user brings.

For example ``scheduler=ProcessPoolExecutor(4)``, the executors of loky and mpi4py, or what
``dask.distributed.Client.get_executor()`` returns. The executor stays the user's: it is never shut
down. Its processes may be anywhere, so they share neither locks nor queues with this one.
"""

from __future__ import annotations

import os
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.errors import WorkerDiedError
from pypet.interfaces import Option, Outcome, Scheduler, Task, Work
from pypet.interfaces.scheduling import pickled
from pypet.markers import hookimpl
from pypet.options.established import established
from pypet.plugins._workers import guest
from pypet.plugins._workers.batch_sizing import BatchSizing
from pypet.plugins._workers.outcomes import unpack, unreadable
from pypet.support.process_ends import GUARD_ADVICE

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

WAIT_SECONDS = 0.5
"""The longest time between two looks at helpers."""
GRACE_SECONDS = 5.0
"""How long active batches may take to end when everything is given up."""
BATCHES_PER_WORKER = 2
"""One that is executed, one that waits for it to end."""


class ExecutorScheduler(Scheduler):
    """Submits batches of runs to an executor, with what they share sent once to each worker.

    Workers ignore interrupts from the keyboard from their first run on: the main process decides.
    """

    name: ClassVar[str] = "executor"
    options: ClassVar[tuple[Option, ...]] = established(
        "multiproc", "ncores", "scheduler", "freeze_input"
    )
    works_across_hosts: ClassVar[bool] = True
    workers_stay: ClassVar[bool] = True
    default_on_error: ClassVar[str] = "raise"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._executor: Executor = _checked(options["scheduler"])
        self._ncores: int = options["ncores"]
        self._execute: Callable[[Task], Outcome] | None = None
        self._pickled: bytes | None = None
        self._main: str | None = None
        self._dumps: Callable[[Any], bytes] = pickled
        self._name = ""
        self._carried = 0
        self._queue: deque[Task] = deque()
        self._batches: dict[Future[guest.Reply], list[Task]] = {}
        self._ended: SimpleQueue[Future[guest.Reply]] = SimpleQueue()
        self._arrived: deque[Outcome] = deque()
        self._sizing = BatchSizing()
        self._has_replied = False

    @classmethod
    def settle(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``ncores`` as it is in effect: the number of workers as the executor tells it.

        Executors that tell nothing are taken to have as many as ``ncores`` says, 0 for as many as
        this machine has cores.

        Raises
        ------
        ValueError
            The executor is none or has threads, or an option wants to start processes.
        """
        executor = _checked(options["scheduler"])
        for name in ("start_method", "niceness"):
            if options[name] is not None:
                raise ValueError(
                    f"{name}={options[name]!r} has no effect on the processes of an executor: set "
                    f"them up where you make the {type(executor).__name__}."
                )
        return {"ncores": _count_workers(executor) or options["ncores"] or os.cpu_count() or 1}

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Return the name and the class of the executor."""
        kind = type(options["scheduler"])
        return f"{cls.name} ({kind.__module__}.{kind.__qualname__})"

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Pickle what workers get.

        Raises
        ------
        Exception
            Something cannot be pickled.
        """
        self._execute = execute
        self._name = uuid.uuid4().hex
        self._dumps = pickled
        self._pack()
        # What is defined in the main script is a name in a pickle, which workers have to know.
        refers_to_main = b"__main__" in (self._pickled or b"")
        self._main = guest.known_script() if refers_to_main else None
        guest.hosts[self._name] = os.getpid()

    def _pack(self) -> None:
        execute = self._execute
        work = execute.packed(self._dumps) if isinstance(execute, Work) else execute
        self._pickled = self._dumps(work)
        self._carried = 0

    def room(self) -> int:
        """Return how many tasks to submit so that workers do not run out of them."""
        wanted = self._ncores * BATCHES_PER_WORKER * self._sizing.batch_size
        waiting = len(self._queue)
        free = self._ncores * BATCHES_PER_WORKER > len(self._batches)
        return wanted - waiting if free and 2 * waiting <= wanted else 0

    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks and hand out as many batches as workers can have."""
        self._queue.extend(tasks)
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
        if self._pickled is None:
            raise RuntimeError("The executor was not started upon; call `start` first.")
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if not self._queue and not self._batches:
                return
            self._dispatch()
            self._wait()

    def cancel(self) -> int:
        """Give up the tasks that the executor does not have yet, and those that it gives back."""
        given_up = list(self._queue)
        self._queue.clear()
        for future in list(self._batches):
            if future.cancel():
                given_up += self._batches.pop(future)
        return len(given_up)

    def stop(self) -> None:
        """Take back what did not begin, and wait a while for the rest; the executor lives on."""
        self.cancel()
        deadline = monotonic() + GRACE_SECONDS
        try:
            while self._batches and (left := deadline - monotonic()) > 0:
                try:
                    self._batches.pop(self._ended.get(timeout=left), None)
                except Empty:
                    break
        finally:
            self._batches.clear()
            self._arrived.clear()
            self._execute = self._pickled = None
            guest.hosts.pop(self._name, None)

    # ----- batches --------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Submit batches while workers can have some."""
        queue = self._queue
        while queue and len(self._batches) < self._ncores * BATCHES_PER_WORKER:
            # Near the end everybody gets a part of what is left.
            count = max(1, min(self._sizing.batch_size, len(queue) // self._ncores))
            batch = [queue.popleft() for _ in range(count)]
            carries = self._carried < self._ncores
            self._carried += carries
            if not self._hand_out(batch, carries=carries):
                return

    def _hand_out(self, batch: list[Task], *, carries: bool) -> bool:
        """Submit a batch, with the work itself if it ``carries`` that; False if nobody is left."""
        try:
            tasks = self._dumps(batch)
        except Exception as error:
            error.add_note("pypet: arguments of a run cannot be sent to workers.")
            raise
        work = self._pickled if carries else None
        try:
            future = self._executor.submit(
                guest.perform_batch, self._name, work, tasks, self._main, os.getpid()
            )
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
        if reply.trouble is not None:
            raise WorkerDiedError(
                f"{type(self._executor).__name__} cannot execute runs: {reply.trouble}"
            )
        if reply.stranger and self._main is not None:
            self._send_main_along()
        if reply.outcomes is None:
            self._hand_out(batch, carries=True)
            return
        self._queue.extendleft(reversed(batch[reply.done :]))
        try:
            outcomes = unpack(reply.outcomes)
        except Exception as refusal:
            self._arrived += [unreadable(task.index, refusal) for task in batch[: reply.done]]
            return
        self._sizing.learn(outcomes)
        self._arrived += outcomes

    def _send_main_along(self) -> None:
        """Pack anew, with what is defined in the main script, for workers that do not know it.

        Raises
        ------
        WorkerDiedError
            cloudpickle is not installed.
        """
        try:
            from cloudpickle import dumps  # type: ignore[import-untyped,unused-ignore]
        except ModuleNotFoundError as error:
            raise WorkerDiedError(
                f"Workers of the {type(self._executor).__name__} do not know the main script, "
                "where something is defined that runs need: move it to a module that workers can "
                "import, or pip install cloudpickle."
            ) from error
        self._main, self._dumps = None, dumps
        self._pack()

    def _lose(self, batch: Sequence[Task], cause: BaseException | None) -> None:
        """Report tasks whose batch did not come back."""
        from concurrent.futures import BrokenExecutor

        for task in batch:
            died = WorkerDiedError(
                f"Run {task.index} was lost with its worker in the "
                f"{type(self._executor).__name__}: {cause!r}. Executors do not say which run of "
                "those under way ended the worker."
            )
            died.__cause__ = cause
            if isinstance(cause, BrokenExecutor) and not self._has_replied:
                died.add_note(f"pypet: {GUARD_ADVICE}")
            self._arrived.append(Outcome(task.index, None, 0.0, 0.0, died))


def _checked(executor: Any) -> Executor:
    """Return an executor whose workers are other processes.

    Raises
    ------
    ValueError
        It is something else.
    """
    from concurrent.futures import Executor, ThreadPoolExecutor

    if not isinstance(executor, Executor):
        hint = " (call its method get_executor)" if hasattr(executor, "get_executor") else ""
        raise ValueError(
            f"scheduler={executor!r}: give the name of a scheduler or a "
            f"concurrent.futures.Executor{hint}."
        )
    if isinstance(executor, ThreadPoolExecutor):
        raise ValueError(
            f"scheduler={executor!r}: threads would share one trajectory, which is made for one "
            "run at a time; take a ProcessPoolExecutor, or leave the scheduler out."
        )
    return executor


def _count_workers(executor: Executor) -> int:
    """Return how many tasks an executor executes at once, 0 if it does not tell."""
    told = (getattr(executor, name, None) for name in ("num_workers", "_max_workers"))
    workers = next((n for n in told if isinstance(n, int) and n > 0), 0)
    # That of Dask asks its client.
    processes = getattr(getattr(executor, "_client", None), "ncores", None)
    return workers or (len(processes()) if callable(processes) else 0)


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the scheduler for executors."""
    return [ExecutorScheduler]
