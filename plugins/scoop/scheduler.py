"""The scheduler that hands out runs to the workers of SCOOP."""

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
from pypet.plugins.scoop import guest
from pypet.plugins.scoop.launch import (
    EXTRA,
    how_to_launch,
    number_of_workers,
    require_scoop,
    why_not_here,
)
from pypet.plugins.scoop.member import Batch, Member
from pypet.plugins.scoop.workforce import Report, Workforce, workforce

WAIT_SECONDS = 0.1
"""The longest time between two looks at workers."""
STOP_SECONDS = 5.0
"""How long active batches may take to end when everything is given up."""
BATCHES_PER_WORKER = 2
"""One that is executed, one that is here when it ends."""
BUSY_SECONDS = 0.2
"""A worker whose run waits for futures of its own is left alone for so long."""
MOST_LOSSES = 3
"""A run whose worker was lost so often is not tried again: it may be what ends workers."""

_logger = logging.getLogger("pypet.scoop")


class ScoopScheduler(TaskQueue[Task]):
    """Gives each worker one batch at a time, and what runs share once.

    Runs whose worker is gone are executed again by another one, alone, and at last by the stand-in
    of the main process, which can be replaced.
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
    works_across_hosts: ClassVar[bool] = True
    workers_stay: ClassVar[bool] = True
    default_on_error: ClassVar[str] = "raise"

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._terms = guest.Terms(
            timeout=options.get("timeout"),
            niceness=options.get("niceness"),
            logs_each_run=not options.get("freeze_input", False),
            origin=os.getpid(),
            address=("", 0),
        )
        self._work: bytes | None = None
        self._name = ""
        self._alone: deque[Task] = deque()
        """Tasks whose worker was lost."""
        self._losses: Counter[int] = Counter()
        self._pending = 0
        """Tasks that workers have."""
        self._sizing = BatchSizing()

    @classmethod
    def fallback_reason(cls, options: Mapping[str, Any]) -> str | None:
        """Return why runs are executed in the main process, and how to start the script instead.

        Raises
        ------
        ValueError
            The fallback is not wanted, or a worker imports a main script without guard.
        MissingDependencyError
            SCOOP is not installed.
        """
        require_scoop()
        reason = why_not_here()
        if reason is None:
            return None
        text = (
            f"Runs were to be executed by SCOOP, but {reason}. To use SCOOP, start the script "
            f"by\n\n    {how_to_launch()}\n"
        )
        if not options.get("scoop_fallback", True):
            raise ValueError(text)
        return (
            f"{text}\nAll runs are executed one after the other in the main process now. "
            "(scoop_fallback=False makes this an error.)"
        )

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``ncores`` as it is in effect: the number of workers that SCOOP was asked for.

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
        """Pickle what workers get.

        Raises
        ------
        Exception
            Something cannot be pickled.
        WorkerDiedError
            No worker can be started.
        """
        self._work = pickled(as_task_function(execute).serialized())
        self._name = uuid.uuid4().hex
        self._terms = self._terms._replace(address=self._force.address)
        self._force.muster()

    def free_slots(self) -> int:
        """Return how many tasks to submit so that workers do not run out of them.

        Workers that are not there yet count: nobody asks again before a run has ended.
        """
        wanted = BATCHES_PER_WORKER * self._force.strength * self._sizing.batch_size
        waiting = len(self._queue)
        return wanted - waiting if 2 * waiting <= wanted else 0

    @property
    def _is_started(self) -> bool:
        return self._work is not None

    def _is_busy(self) -> bool:
        return bool(self._queue or self._alone or self._pending)

    def _enqueue(self, tasks: Sequence[Task]) -> None:
        self._queue.extend(tasks)

    def activity(self) -> Activity:
        """Return which runs may be executed now: the first of each batch."""
        running = [
            member.batch.tasks[0].index
            for member in self._force.busy()
            if member.batch is not None and member.batch.round == self._name
        ]
        return Activity(self._force.size, running)

    def cancel(self) -> int:
        """Give up the tasks that no worker has."""
        count = super().cancel() + len(self._alone)
        self._alone.clear()
        return count

    def stop(self) -> None:
        """Give up what did not begin, and wait a while for the rest; workers stay for later."""
        if self._work is None:
            return
        self.cancel()
        self._work = None
        self._arrived.clear()
        deadline = monotonic() + STOP_SECONDS
        try:
            while self._pending and monotonic() < deadline:
                for report in self._force.collect(WAIT_SECONDS):
                    if report.batch.round == self._name:
                        self._pending -= len(report.batch.tasks)
        except WorkerDiedError as error:  # nothing depends on them any more
            _logger.warning("While active runs were given up: %s", error)
        finally:
            self._pending = 0
            self._force.abandon(self._name)

    @property
    def _force(self) -> Workforce:
        return workforce()

    # ----- batches --------------------------------------------------------------------------

    def _dispatch(self) -> None:
        """Give every idle worker something to do."""
        for member in self._force.idle():
            batch = self._next_batch(member)
            if batch:
                self._hand_out(member, batch)
            elif not self._alone:
                return

    def _next_batch(self, member: Member) -> list[Task]:
        if self._alone:
            task = self._alone[0]
            last_chance = self._losses[task.index] == MOST_LOSSES - 1
            if not last_chance or self._force.is_stand_in(member):
                return [self._alone.popleft()]
        # Near the end everybody gets a part of what is left.
        fair = -(-len(self._queue) // self._force.size)
        count = min(self._sizing.batch_size, fair)
        return [self._queue.popleft() for _ in range(count)]

    def _hand_out(self, member: Member, batch: list[Task]) -> None:
        work = None if member.knows == self._name else self._work
        member.knows = self._name
        try:
            tasks = pickled(batch)
        except Exception as error:
            error.add_note("pypet: arguments of a run cannot be sent to workers.")
            raise
        self._pending += len(batch)
        self._force.give(member, batch, self._name, self._name, work, tasks, self._terms)

    def _wait(self) -> None:
        """Wait until a batch ends, at most for a moment."""
        for report in self._force.collect(WAIT_SECONDS):
            if report.batch.round == self._name:
                self._pending -= len(report.batch.tasks)
                self._take(report)
        self._give_up_overdue()
        self._dispatch()  # before what has arrived is stored
        self._check_if_due()

    def _take(self, report: Report) -> None:
        batch, reply = report.batch, report.reply
        if report.error is not None:
            raise WorkerDiedError(f"SCOOP cannot execute runs: {report.error!r}") from report.error
        if reply is None:
            self._lose(report.member, batch)
            return
        if reply.trouble is not None:
            raise WorkerDiedError(f"{report.member} cannot execute runs: {reply.trouble}")
        if reply.outcomes is None:
            if reply.is_busy:
                report.member.rests_until = monotonic() + BUSY_SECONDS
            else:
                report.member.knows = ""
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

    def _lose(self, member: Member, batch: Batch) -> None:
        """Execute the tasks of a worker that is gone again, or report them as failed."""
        timeout = self._terms.timeout
        single = len(batch.tasks) == 1
        if timeout is not None and single and batch.began and monotonic() - batch.began > timeout:
            self._arrived.append(guest.overdue(batch.tasks[0].index, timeout, batch.started))
            return
        for task in batch.tasks:
            if batch.message is None:  # else the worker has never had it
                self._losses[task.index] += 1
            losses = self._losses[task.index]
            if losses < MOST_LOSSES:
                self._alone.append(task)
                continue
            error = WorkerDiedError(
                f"The worker of run {task.index} ({member}) {member.describe_exit()}. The run was "
                f"lost with its worker {losses} times."
            )
            self._arrived.append(Outcome(task.index, None, 0.0, 0.0, error))

    def _give_up_overdue(self) -> None:
        """Give up workers that should have ended themselves, because their time is up."""
        timeout = self._terms.timeout
        if timeout is None:
            return
        for member in self._force.busy():
            batch = member.batch
            if batch is None or batch.round != self._name or batch.message is not None:
                continue
            limit = timeout * len(batch.tasks) + 3 * guest.GRACE_SECONDS
            if monotonic() - batch.began > limit:
                _logger.error("%s does not react any more; it is given up.", member)
                report = self._force.dismiss(member)
                if report is not None:
                    self._pending -= len(batch.tasks)
                    self._lose(member, batch)
