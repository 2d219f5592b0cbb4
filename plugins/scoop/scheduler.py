"""The scheduler that submits runs to workers of SCOOP."""

from __future__ import annotations

import logging
import os
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, ClassVar

from pypet.errors import WorkerDiedError
from pypet.interfaces import Activity, Option, Outcome, Task
from pypet.interfaces.scheduling import pickled
from pypet.options.established import established
from pypet.plugins._workers.outcomes import deserialize, unreadable_outcome
from pypet.plugins._workers.task_queue import BatchSizing, TaskQueue, as_task_function
from pypet.plugins.scoop import worker as scoop_worker
from pypet.plugins.scoop.scoop_internals import (
    EXTRA,
    launch_command,
    number_of_workers,
    reason_against_scoop,
    require_scoop,
)
from pypet.plugins.scoop.worker import BatchSettings, overdue_outcome
from pypet.plugins.scoop.worker_handle import Batch, WorkerHandle
from pypet.plugins.scoop.worker_registry import Report, WorkerRegistry, registry

POLL_SECONDS = 0.1
"""The longest time between two checks of workers."""
STOP_SECONDS = 5.0
"""How long active batches may take to end when the experiment is given up."""
BATCHES_PER_WORKER = 2
"""One that is executed and one that is here, ready to be sent, when that ends."""
BUSY_SECONDS = 0.2
"""A worker whose run waits for futures of its own gets no batch for so long."""
MAX_LOSSES = 3
"""A run fails when this many workers were lost with it: it may be what ends them."""

_logger = logging.getLogger("pypet.scoop")


class ScoopScheduler(TaskQueue[Task]):
    """Sends each worker one batch at a time, and the task function once.

    A run that was lost with its worker is executed again by another one, alone, and at last by the
    local worker, which can be replaced.
    """

    name: ClassVar[str] = "scoop"
    requires: ClassVar[tuple[str, ...]] = ("scoop",)
    extra: ClassVar[str | None] = EXTRA
    options: ClassVar[tuple[Option, ...]] = (
        *established(
            "multiproc", "ncores", "use_scoop", "freeze_input", "timeout", "niceness", "scheduler"
        ),
        Option(
            "scoop_fallback",
            True,
            types=(bool,),
            family="scoop",
            help="Execute runs in the main process if the script was not started by SCOOP; False "
            "makes that an error.",
        ),
    )
    chosen_by: ClassVar[str | None] = "use_scoop"
    works_across_hosts: ClassVar[bool] = True
    workers_stay: ClassVar[bool] = True
    default_on_error: ClassVar[str] = "raise"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._settings = BatchSettings(
            timeout=options.get("timeout"),
            niceness=options.get("niceness"),
            logs_each_run=not options.get("freeze_input", False),
            main_pid=os.getpid(),
            address=("", 0),
        )
        self._function: bytes | None = None
        """The serialized task function."""
        self._function_name = ""
        self._alone: deque[Task] = deque()
        """Tasks that were lost with their worker."""
        self._losses: Counter[int] = Counter()
        self._pending = 0
        """The number of tasks that workers have."""
        self._sizing = BatchSizing()

    @classmethod
    def fallback_reason(cls, options: Mapping[str, Any]) -> str | None:
        """Return why runs have to execute in the main process, and how to start the script instead.

        Raises
        ------
        ValueError
            The fallback is not wanted, or a worker imports a main script without guard.
        MissingDependencyError
            SCOOP is not installed.
        """
        require_scoop()
        reason = reason_against_scoop()
        if reason is None:
            return None
        text = (
            f"Runs were to be executed by SCOOP, but {reason}. To use SCOOP, start the script "
            f"by\n\n    {launch_command()}\n"
        )
        if not options.get("scoop_fallback", True):
            raise ValueError(text)
        return (
            f"{text}\nAll runs are executed one after the other in the main process now. "
            "(scoop_fallback=False makes this an error.)"
        )

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``ncores`` as it is in effect: the number of workers that SCOOP was started with.

        Raises
        ------
        ValueError
            ``start_method`` is given.
        """
        if options["start_method"] is not None:
            raise ValueError(
                f"start_method={options['start_method']!r} has no effect on workers of SCOOP, "
                "which starts them itself; leave it out."
            )
        return {"ncores": number_of_workers()}

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Serialize the task function, and find workers.

        Raises
        ------
        Exception
            Something cannot be pickled.
        WorkerDiedError
            No worker can be started.
        """
        self._function = pickled(as_task_function(execute).serialized())
        self._function_name = uuid.uuid4().hex
        self._settings = self._settings._replace(address=self._registry.address)
        self._registry.complete()

    def free_slots(self) -> int:
        """Return how many tasks to submit so that workers do not run out of them.

        Workers that were not found yet count: this is not called again before a run has ended.
        """
        wanted = BATCHES_PER_WORKER * self._registry.expected_size * self._sizing.batch_size
        waiting = len(self._queue)
        return wanted - waiting if 2 * waiting <= wanted else 0

    @property
    def _is_started(self) -> bool:
        return self._function is not None

    def _is_busy(self) -> bool:
        return bool(self._queue or self._alone or self._pending)

    def _enqueue(self, tasks: Sequence[Task]) -> None:
        self._queue.extend(tasks)

    def activity(self) -> Activity:
        """Return the first run of each batch: which one is active is unknown."""
        running = [
            worker.batch.tasks[0].index
            for worker in self._registry.busy()
            if worker.batch is not None and worker.batch.function == self._function_name
        ]
        return Activity(self._registry.size, running)

    def cancel(self) -> int:
        """Give up the tasks that no worker has."""
        count = super().cancel() + len(self._alone)
        self._alone.clear()
        return count

    def stop(self) -> None:
        """Give up what has not begun, and wait `STOP_SECONDS` for the rest; workers stay."""
        if self._function is None:
            return
        self.cancel()
        self._function = None
        self._arrived.clear()
        deadline = monotonic() + STOP_SECONDS
        try:
            while self._pending and monotonic() < deadline:
                for report in self._registry.collect(POLL_SECONDS):
                    if report.batch.function == self._function_name:
                        self._pending -= len(report.batch.tasks)
        except WorkerDiedError as error:  # their outcomes are not needed any more
            _logger.warning("While active runs were given up: %s", error)
        finally:
            self._pending = 0
            self._registry.abandon(self._function_name)

    @property
    def _registry(self) -> WorkerRegistry:
        return registry()

    # ----- batches --------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Send every idle worker a batch."""
        for worker in self._registry.idle():
            batch = self._next_batch(worker)
            if batch:
                self._send_batch(worker, batch)
            elif not self._alone:
                return

    def _next_batch(self, worker: WorkerHandle) -> list[Task]:
        if self._alone:
            task = self._alone[0]
            last_chance = self._losses[task.index] == MAX_LOSSES - 1
            if not last_chance or self._registry.is_local(worker):
                return [self._alone.popleft()]
        # Near the end the rest is divided among workers.
        fair = -(-len(self._queue) // self._registry.size)
        count = min(self._sizing.batch_size, fair)
        return [self._queue.popleft() for _ in range(count)]

    def _send_batch(self, worker: WorkerHandle, batch: list[Task]) -> None:
        function = None if worker.function == self._function_name else self._function
        worker.function = self._function_name
        try:
            tasks = pickled(batch)
        except Exception as error:
            error.add_note("pypet: arguments of a run cannot be sent to workers.")
            raise
        self._pending += len(batch)
        self._registry.send_batch(
            worker, batch, self._function_name, function, tasks, self._settings
        )

    def _wait(self) -> None:
        """Collect batches that end within `POLL_SECONDS`."""
        for report in self._registry.collect(POLL_SECONDS):
            if report.batch.function == self._function_name:
                self._pending -= len(report.batch.tasks)
                self._take(report)
        self._give_up_overdue()
        self._dispatch()  # before the run loop stores what has arrived
        self._check_if_due()

    def _take(self, report: Report) -> None:
        batch, reply = report.batch, report.reply
        if report.error is not None:
            raise WorkerDiedError(f"SCOOP cannot execute runs: {report.error!r}") from report.error
        if reply is None:
            self._lose(report.worker, batch)
            return
        if reply.error is not None:
            raise WorkerDiedError(f"{report.worker} cannot execute runs: {reply.error}")
        if reply.outcomes is None:
            if reply.is_busy:
                report.worker.rests_until = monotonic() + BUSY_SECONDS
            else:
                report.worker.function = ""
            self._queue.extendleft(reversed(batch.tasks))
            return
        self._queue.extendleft(reversed(batch.tasks[reply.done :]))
        try:
            outcomes = deserialize(reply.outcomes)
        except Exception as refusal:
            done = batch.tasks[: reply.done]
            self._arrived += [unreadable_outcome(task.index, refusal) for task in done]
            return
        self._sizing.learn(outcomes)
        self._arrived += outcomes

    def _lose(self, worker: WorkerHandle, batch: Batch) -> None:
        """Queue the tasks of a lost batch again, or report them as failed."""
        timeout = self._settings.timeout
        single = len(batch.tasks) == 1
        if timeout is not None and single and batch.began and monotonic() - batch.began > timeout:
            self._arrived.append(overdue_outcome(batch.tasks[0].index, timeout, batch.started))
            return
        for task in batch.tasks:
            if batch.message is None:  # otherwise it was never sent
                self._losses[task.index] += 1
            losses = self._losses[task.index]
            if losses < MAX_LOSSES:
                self._alone.append(task)
                continue
            error = WorkerDiedError(
                f"The worker of run {task.index} ({worker}) {worker.describe_exit()}. The run was "
                f"lost with its worker {losses} times."
            )
            self._arrived.append(Outcome(task.index, None, 0.0, 0.0, error))

    def _give_up_overdue(self) -> None:
        """Give up workers that did not end although their run has exceeded its timeout."""
        timeout = self._settings.timeout
        if timeout is None:
            return
        for worker in self._registry.busy():
            batch = worker.batch
            if batch is None or batch.function != self._function_name or batch.message is not None:
                continue
            limit = timeout * len(batch.tasks) + 3 * scoop_worker.GRACE_SECONDS
            if monotonic() - batch.began > limit:
                _logger.error("%s has stopped responding; it is given up.", worker)
                report = self._registry.drop(worker)
                if report is not None:
                    self._pending -= len(batch.tasks)
                    self._lose(worker, batch)
