"""Submitting batches of runs to a Dask cluster, again if they were lost with their workers."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.errors import WorkerDiedError
from pypet.interfaces import Activity, Option, Outcome, Scheduler, Task
from pypet.options.established import established
from pypet.plugins._workers import executor_worker
from pypet.plugins._workers.executor_worker import Reply
from pypet.plugins._workers.process_executor import resolve_process_options
from pypet.plugins._workers.submitting import (
    Batch,
    SharedFunction,
    SubmittingScheduler,
    refuse_process_options,
)
from pypet.plugins.dask import connection, remote
from pypet.plugins.dask.connection import Connection
from pypet.plugins.dask.watching import ClusterMonitor

if TYPE_CHECKING:
    from concurrent.futures import Future

_logger = logging.getLogger("pypet.plugins.dask")


class DaskScheduler(SubmittingScheduler):
    """Executes batches of runs as tasks of Dask.

    Dask itself executes the tasks of a lost worker again elsewhere, until several workers were
    lost with a task. It is not known then which of the active runs ended these workers. So each of
    these runs is tried once more alone, with no other run on the cluster.
    """

    name: ClassVar[str] = connection.NAME
    requires: ClassVar[tuple[str, ...]] = ("distributed",)
    extra: ClassVar[str | None] = connection.EXTRA
    options: ClassVar[tuple[Option, ...]] = established(
        "multiproc", "ncores", "scheduler", "freeze_input", "timeout", connection.OPTION
    )
    accepts_new_work: ClassVar[bool] = True
    batch_seconds: ClassVar[float] = 0.1

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._address = options[connection.OPTION]
        connection.check_address(self._address)
        self._least = self._ncores
        self._timeout: float | None = options.get("timeout")
        self._connection: Connection | None = None
        self._monitor: ClusterMonitor | None = None
        self._data: dict[str, tuple[bytes, Any]] = {}
        """By name of the task function: its bytes, and the future that has them in the cluster."""
        self._tasks: dict[Future[Reply], Any] = {}
        """The future of Dask behind the future of each batch."""
        self._singles: deque[Batch] = deque()
        """Tasks of lost batches, to be submitted one by one."""
        self._suspects: deque[Batch] = deque()
        """Tasks that were lost alone; maybe another run ended the worker."""
        self._trial: Batch | None = None
        """The suspect that is executed alone."""

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``ncores`` as it is in effect: at least the number of workers at present.

        Raises
        ------
        ValueError
            ``dask_address`` is of a wrong kind, or an option sets how processes start.
        ConnectionError
            There is no answer from the address.
        """
        address = options[connection.OPTION]
        connection.check_address(address)
        refuse_process_options(options, "of Dask: set them up where you make the cluster")
        if address is None:
            return {"ncores": resolve_process_options(options, cls.name)["ncores"]}
        return {"ncores": max(1, options["ncores"], connection.count_workers(options))}

    @classmethod
    def reaches_other_hosts(cls, options: Mapping[str, Any]) -> bool:
        """Return False for local clusters only."""
        return not connection.is_on_this_host(options[connection.OPTION])

    @classmethod
    def is_private(cls, options: Mapping[str, Any]) -> bool:
        """Return whether the connections of the cluster are encrypted."""
        return connection.is_encrypted(options[connection.OPTION])

    @classmethod
    def has_external_workers(cls, options: Mapping[str, Any]) -> bool:
        """Return whether the cluster is the user's; ``ncores`` is the size of a local one."""
        return options[connection.OPTION] is not None

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Return the name and the kind of the cluster."""
        return connection.describe(options[connection.OPTION])

    def activity(self) -> Activity | None:
        """Return the number of workers; their active runs are unknown."""
        return Activity(self._ncores, ())

    def cancel(self) -> int:
        """Give up the tasks that Dask does not have yet; workers skip those they have not begun."""
        given_up = len(self._queue)
        given_up += sum(len(batch.tasks) for batch in (*self._singles, *self._suspects))
        for waiting in (self._queue, self._singles, self._suspects):
            waiting.clear()
        self._notify_workers(executor_worker.cancel)
        return given_up

    def take_over(self, former: Scheduler) -> None:
        """Take over the local cluster of another scheduler: to start one takes seconds."""
        if isinstance(former, DaskScheduler):
            self._connection, former._connection = former._connection, None

    def stop(self) -> None:
        """Give up what is pending and leave the cluster.

        One that was started here stays until `wait_closed` if it is idle; else it ends at once.
        """
        linked = self._connection
        has_no_workers = self._monitor is not None and self._monitor.workers == 0
        is_own = linked is not None and linked.is_own_cluster
        is_idle = not self._is_busy()
        try:
            if is_own or has_no_workers:
                # No need to wait for runs: they end with the workers, if there are any.
                self._batches.clear()
            super().stop()
            for future in self._tasks.values():
                future.cancel()
        finally:
            self._tasks.clear()
            self._data.clear()
            self._monitor = None
            if not (is_own and is_idle):
                self.wait_closed()

    def wait_closed(self) -> None:
        """End the cluster if it was started here."""
        linked, self._connection = self._connection, None
        if linked is not None:
            linked.close()

    def _forget(self) -> None:
        self._notify_workers(executor_worker.forget, wait=True)
        self._singles.clear()
        self._suspects.clear()
        self._trial = None
        super()._forget()

    # ----- sending --------------------------------------------------------------------------

    @property
    def _title(self) -> str:
        return "Dask"

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self._address, self._ncores)
        if self._monitor is None:
            self._monitor = ClusterMonitor(self._connection, self._timeout)
        return self._connection

    def _send(self, shared: SharedFunction, tasks: bytes, reply: Reply | None) -> Future[Reply]:
        linked = self._connected()
        where = None if reply is None else reply.worker
        task = linked.client.submit(
            remote.execute_batch,
            shared.name,
            None if reply is None else self._in_cluster(shared),
            tasks,
            shared.main,
            os.getpid(),
            pure=False,
            workers=None if where is None else [where],
            allow_other_workers=where is not None,  # should that one be gone
        )
        future = linked.run(_result(task))
        self._tasks[future] = task
        return future

    def _in_cluster(self, shared: SharedFunction) -> Any:
        """Return the future of a task function in the cluster; workers copy it from each other."""
        data, future = self._data.get(shared.name, (b"", None))
        if data is not shared.data:
            import dask.config

            # The warning about large graphs advises what is done here already.
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
                client = self._connected().client
                future = client.submit(remote.pass_on, shared.data, pure=False)
            self._data[shared.name] = shared.data, future
        return future

    def _notify_workers(self, function: Callable[[list[str]], None], *, wait: bool = False) -> None:
        """Call a function with the names of all task functions in all workers."""
        linked = self._connection
        names = [each.name for each in (*self._former, self._shared) if each is not None]
        if linked is None or not names or (wait and linked.is_own_cluster):
            return
        notified = linked.run(_call_in_workers(linked.client, function, names))
        if wait:
            try:
                notified.result(timeout=2.0)
            except Exception as error:
                _logger.debug("Workers were not notified of the end: %r", error)

    # ----- what comes back ------------------------------------------------------------------

    def _is_busy(self) -> bool:
        return bool(super()._is_busy() or self._singles or self._suspects)

    def _dispatch(self) -> None:
        """Submit batches; at the end suspects, one at a time with no other run on the cluster."""
        if self._trial is not None:
            return
        most = self._ncores * 2
        while self._singles and len(self._batches) < most:
            self._submit_batch(self._singles.popleft())
        super()._dispatch()
        if self._suspects and not self._batches:
            self._trial = self._suspects.popleft()
            self._submit_batch(self._trial)

    def _wait(self) -> None:
        super()._wait()
        if self._monitor is None:
            return
        self._monitor.poll(
            [each.name for each in (*self._former, self._shared) if each is not None]
        )
        self._ncores = max(self._least, self._monitor.workers or 0)
        for name, index, worker, seconds in self._monitor.take_overdue():
            self._give_up(name, index, worker, seconds)

    def _collect(self, future: Future[Reply]) -> None:
        self._tasks.pop(future, None)
        batch = self._batches.get(future)
        super()._collect(future)
        if batch is not None and batch is self._trial and batch not in self._batches.values():
            self._trial = None

    def _lose(self, batch: Batch, cause: BaseException | None) -> None:
        """Submit tasks again that were lost with workers, or report them.

        Raises
        ------
        WorkerDiedError
            Dask itself is gone, or its workers cannot execute runs.
        """
        from distributed.scheduler import KilledWorker

        if cause is None or isinstance(cause, _Cancelled | RuntimeError):
            raise WorkerDiedError(
                f"The connection to the Dask scheduler was lost: {cause}. Runs that are completed "
                "are stored; run the others again."
            ) from cause
        if not isinstance(cause, KilledWorker):
            raise WorkerDiedError(
                f"Workers of Dask cannot execute runs: {cause!r}. They need pypet, and what your "
                "run function imports, in the same versions as here."
            ) from cause
        shared, tasks = batch
        if len(tasks) > 1:
            self._singles.extend(Batch(shared, [task]) for task in tasks)
        elif batch is not self._trial:
            self._suspects.append(batch)
        else:
            self._trial = None
            self._report(tasks[0], f"Run {tasks[0].index} killed its workers: {cause}", cause)

    def _report(self, task: Task, message: str, cause: BaseException | None = None) -> None:
        died = WorkerDiedError(message)
        died.__cause__ = cause
        self._arrived.append(Outcome(task.index, None, 0.0, 0.0, died))

    def _give_up(self, name: str, index: int, worker: str, seconds: float) -> None:
        """Report a run that takes too long, and end the worker that executes it."""
        for future, batch in list(self._batches.items()):
            tasks = {task.index: task for task in batch.tasks}
            if batch.shared.name != name or index not in tasks:
                continue
            del self._batches[future]
            self._tasks.pop(future).cancel()
            if batch is self._trial:
                self._trial = None
            self._report(
                tasks.pop(index),
                f"Run {index} was given up after {seconds:.0f} s: it took longer than "
                f"timeout={self._timeout:g}, at {worker}.",
            )
            self._singles.extend(Batch(batch.shared, [task]) for task in tasks.values())
            self._connected().run(_restart_worker(self._connected().client, worker))


class _Cancelled(Exception):  # noqa: N818 - never leaves this module
    """Dask has cancelled a task."""


async def _result(task: Any) -> Reply:
    """Return the result of a task of Dask."""
    try:
        reply: Reply = await task
    except BaseException as error:  # its class depends on the version of Dask
        if task.status in ("cancelled", "lost"):
            raise _Cancelled(str(error)) from error
        raise
    return reply


async def _call_in_workers(client: Any, function: Callable[..., Any], *args: Any) -> None:
    await client.run(function, *args, on_error="ignore")


async def _restart_worker(client: Any, address: str) -> None:
    """Have the nanny of a worker replace it; without a nanny it continues until its run ends."""
    try:
        await client.restart_workers([address], timeout=30, raise_for_error=False)
    except Exception as error:
        _logger.warning(
            "The worker at %s continues with the abandoned run, because it cannot be ended from "
            "here: %s",
            address,
            error,
        )
