"""A pool of worker processes that execute many tasks each.

What all runs share reaches a worker once. Tasks and outcomes travel in batches, so that the
overhead of short runs is microseconds, while long runs are spread evenly: batches are single
tasks until runs are known to be short, and are divided again when workers run out of tasks.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from time import monotonic
from typing import Any, ClassVar

from pypet.errors import WorkerDiedError
from pypet.interfaces import Activity, Outcome, Task
from pypet.plugins._workers.lifetime import GRACE_SECONDS, end_processes, start_process
from pypet.plugins._workers.outbox import Outbox
from pypet.plugins._workers.process_executor import ProcessExecutor
from pypet.plugins._workers.task_lease import TaskLeases, WorkerSlot
from pypet.plugins._workers.task_queue import (
    WAIT_SECONDS,
    BatchSizing,
    StartedFunction,
    as_task_function,
)
from pypet.plugins._workers.worker_handle import WorkerHandle
from pypet.plugins._workers.worker_process import IDLE, TaskRunner, WorkerEnds, serve
from pypet.support.processes import deferred_interrupts

AHEAD_SECONDS = 0.01
"""Workers get a second batch while they execute the first one if runs are shorter than this."""
STALL_SECONDS = 0.05
"""Idle workers get tasks revoked from others after so long without any report."""
LOOK_SECONDS = 0.1
"""Outcomes that a worker gathers are taken from its outbox after so long without any report."""
MAX_IDLE_DEATHS = 3
"""The experiment fails after this many workers died while they executed nothing."""

_numbers = itertools.count(1)


class WorkerPool(ProcessExecutor):
    """Feeds workers, replaces those that die, and reports the runs that died with them."""

    runner: ClassVar[type[TaskRunner]]
    """Executes tasks in a worker."""
    inherits_tasks: ClassVar[bool] = False
    """Tasks that cannot be pickled are inherited by a worker that is forked for them."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._slots: list[WorkerSlot] = []
        self._workers: dict[int, WorkerHandle] = {}
        """By what `end_descriptor` returns for their process."""
        self._sizing = BatchSizing()
        self._sends_ahead = True
        self._idle_deaths = 0

    @property
    @abstractmethod
    def _process_name(self) -> str:
        """Names of processes begin with it."""

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Execute tasks by ``execute`` from now on.

        Workers are started when there are tasks for them. Those of a former function end when no
        task of it waits: at once, or after the tasks that they have.
        """
        self._current = StartedFunction(as_task_function(execute))
        if not self._queue:
            self._keep_workers_of(self._current)

    def free_slots(self) -> int:
        """Return how many tasks to submit so that workers do not run out of them.

        0 until half of the tasks ahead are used up: to ask for few tasks often is expensive.
        """
        waiting = len(self._queue)
        if self._sends_single_tasks:
            return max(0, self._ncores - self._count_active() - waiting)
        wanted = self._ncores * max(2, 3 * self._sizing.batch_size)
        return wanted - waiting if 2 * waiting <= wanted else 0

    def activity(self) -> Activity:
        """Return the runs that workers execute, or are about to begin."""
        running = (worker.running() for worker in self._workers.values())
        return Activity(self._ncores, [index for index in running if index is not None])

    def _end_all(self) -> None:
        workers, self._workers = list(self._workers.values()), {}
        busy = any(worker.batches or not worker.is_ready for worker in workers)
        late: Sequence[WorkerHandle] = workers
        try:
            if not busy:
                late = _shut_down(workers)
        finally:  # also if the user cannot wait any longer and interrupts this
            self._ending += [worker.process for worker in workers if worker not in late]
            end_processes([worker.process for worker in late], terminate=True)
            for worker in workers:
                worker.connection.close()
        self._slots = []

    # ----- tasks ----------------------------------------------------------------------------

    @property
    def _sends_single_tasks(self) -> bool:
        """Whether tasks wait here until a worker is idle and all gates admit another run."""
        return not all(gate.admits_all for gate in self.gates)

    def _count_active(self) -> int:
        return sum(bool(worker.batches) for worker in self._workers.values())

    def _dispatch(self) -> None:
        while self._queue:
            started = self._queue[0][0]
            self._keep_workers_of(started)
            if self._sends_single_tasks:
                self._dispatch_single_tasks(started)
            else:
                self._dispatch_batches(started)
            if self._has_next(started):
                return  # no worker can take it now

    def _has_next(self, started: StartedFunction) -> bool:
        """Return whether the next task is one of this function."""
        return bool(self._queue) and self._queue[0][0] is started

    def _dispatch_batches(self, started: StartedFunction) -> None:
        while len(self._workers) < min(self._ncores, self._count_active() + len(self._queue)):
            self._start_worker(started)
        ahead = self._sends_ahead and self._sizing.is_faster_than(AHEAD_SECONDS)
        # First a batch for each idle worker, then a second one for each.
        for depth in (0, 1) if ahead else (0,):
            for worker in list(self._workers.values()):
                if not self._has_next(started):
                    return
                if worker.is_retiring or len(worker.batches) > depth:
                    continue
                if worker.batches and worker.has_revoked:
                    continue  # its pipe could fill up
                if not self._send_batch(worker, self._next_batch_size()):
                    return

    def _next_batch_size(self) -> int:
        """Return the size of the next batch, which decreases near the end.

        So all workers finish at the same time, although some get less of the processor.
        """
        waiting, most = len(self._queue), self._sizing.batch_size
        return min(waiting, max(min(most, waiting // (2 * self._ncores)), most // 16, 1))

    def _dispatch_single_tasks(self, started: StartedFunction) -> None:
        while self._has_next(started) and self._may_start(self._count_active()):
            idle = (worker for worker in self._workers.values() if not worker.batches)
            if not self._send_batch(next(idle, None) or self._start_worker(started), 1):
                return

    def _send_batch(self, worker: WorkerHandle, size: int) -> bool:
        """Send tasks of the queue; return False if the worker cannot take them now.

        It has died, or they are too large to be sent ahead. At most ``size`` tasks are sent, all
        of the function that the worker executes.
        """
        queue, started = self._queue, worker.started
        tasks: list[Task] = []
        while len(tasks) < size and queue and queue[0][0] is started:
            tasks.append(queue.popleft()[1])
        try:
            if worker.send(tasks):
                return True
        except OSError:
            self._requeue(worker, tasks)  # it has died, which is seen next
            return False
        except Exception:
            if not self.inherits_tasks:
                raise
            if not worker.batches:
                self._retire(worker.ended)
                self._start_worker(started, inherited=tasks)
                return True
        self._requeue(worker, tasks)
        self._sends_ahead = False
        return False

    def _requeue(self, worker: WorkerHandle, tasks: Sequence[Task]) -> None:
        """Put tasks of a worker before all others."""
        self._queue.extendleft((worker.started, task) for task in reversed(tasks))

    # ----- workers --------------------------------------------------------------------------

    def _start_worker(
        self, started: StartedFunction, inherited: Sequence[Task] = ()
    ) -> WorkerHandle:
        """Start a worker; ``inherited`` are its first tasks, which then need not be picklable."""
        slot = self._free_slot()
        slot.running.value = IDLE
        slot.leases.reset()
        slot.outbox.reset()
        slot.leases.grant(len(inherited))
        here, there = self._context.Pipe()
        foreign: Sequence[Any] = ()
        if self._context.get_start_method() == "fork":
            foreign = [here, *(worker.connection for worker in self._workers.values())]
        process = self._context.Process(
            target=serve,
            name=f"{self._process_name}-{next(_numbers)}",
            args=(
                WorkerEnds(there, foreign),
                slot,
                self.runner,
                started.function,
                self._niceness,
                inherited,
            ),
        )
        with deferred_interrupts():  # until `stop` would end it
            try:
                start_process(process)
            except BaseException:
                here.close()
                raise
            finally:
                there.close()
            worker = WorkerHandle(process, here, slot, started)
            self._workers[worker.ended] = worker
        if inherited:
            worker.note_batch(inherited)
        return worker

    def _free_slot(self) -> WorkerSlot:
        """Return a slot that no worker has; there are never more slots than workers at once."""
        taken = {id(worker.slot) for worker in self._workers.values()}
        for slot in self._slots:
            if id(slot) not in taken:
                return slot
        slot = WorkerSlot(self._context.RawValue("q", IDLE), TaskLeases(self._context), Outbox())
        self._slots.append(slot)
        return slot

    def _keep_workers_of(self, started: StartedFunction) -> None:
        """End workers of other functions: at once, or after the tasks that they have."""
        for descriptor, worker in list(self._workers.items()):
            if worker.started is started:
                continue
            if worker.batches:
                worker.is_retiring = True
            else:
                self._retire(descriptor)

    def _retire(self, descriptor: int) -> None:
        """End an idle worker."""
        worker = self._workers.pop(descriptor)
        _ask_to_stop(worker)
        end_processes([worker.process], terminate=False)
        worker.connection.close()

    def _wait(self) -> None:
        workers = self._workers
        waiting: list[Any] = [*workers, *(each.connection for each in workers.values())]
        lenders = []
        if not self._queue and self._count_active() < self._ncores:
            lenders = [worker for worker in workers.values() if worker.can_give_back]
        seconds = STALL_SECONDS if lenders else WAIT_SECONDS
        if any(worker.may_hold_outcomes for worker in workers.values()):
            seconds = min(seconds, LOOK_SECONDS)
        self._check_if_due()
        ready = set(wait(waiting, seconds))
        if lenders and not ready:
            # Their runs take longer than expected, and other workers are idle.
            for worker in lenders:
                self._queue.extend((worker.started, task) for task in worker.revoke())
        for descriptor, worker in list(workers.items()):
            died = descriptor in ready
            if died or worker.connection in ready:
                # Reports before deaths: a worker may have reported right before it died.
                self._receive(worker, everything=died)
                if died:
                    self._receive_held(worker)
            if died:
                self._reap(descriptor, worker)
            elif worker.is_retiring and not worker.batches:
                self._retire(descriptor)
        self._look_for_held()

    def _receive(self, worker: WorkerHandle, *, everything: bool) -> None:
        """Receive a report of a worker, or all that a dead one left in its pipe."""
        try:
            while worker.connection.poll():
                self._receive_report(worker)
                if not everything:
                    return
        except (EOFError, OSError):
            return  # it has died, which is or will be seen

    def _receive_report(self, worker: WorkerHandle) -> None:
        outcomes, given_back = worker.receive()
        self._requeue(worker, given_back)
        self._note_outcomes(outcomes)

    def _note_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        if outcomes:
            self._sizing.learn(outcomes)
            self._arrived.extend(outcomes)

    def _look_for_held(self) -> None:
        """Take what workers gather that have not reported for long: their present run is long."""
        due = monotonic() - LOOK_SECONDS
        for worker in self._workers.values():
            if worker.heard_at < due and worker.may_hold_outcomes:
                self._receive_held(worker)

    def _receive_held(self, worker: WorkerHandle) -> None:
        """Receive what a worker has not reported, after everything that it has."""
        for held in worker.take_held():
            with suppress(EOFError, OSError):
                while worker.precedes(held):
                    self._receive_report(worker)
            self._note_outcomes(worker.accept_held(held))

    def _reap(self, descriptor: int, worker: WorkerHandle) -> None:
        """Report the run that died with a worker; queue again the tasks that it had not begun."""
        del self._workers[descriptor]
        try:
            outcome, tasks = worker.reap()
        finally:
            worker.connection.close()
            exit_code = worker.process.exitcode
            worker.process.close()
        self._requeue(worker, tasks)
        if outcome is not None:
            self._arrived.append(outcome)
            return
        self._idle_deaths += 1
        if self._idle_deaths >= MAX_IDLE_DEATHS:
            raise WorkerDiedError(
                f"{self._idle_deaths} idle workers ended, the last one with exit code "
                f"{exit_code}; no more workers are started."
            )


def _ask_to_stop(worker: WorkerHandle) -> None:
    try:
        worker.connection.send_bytes(b"")
    except OSError:
        return  # it is gone already


def _shut_down(workers: Sequence[WorkerHandle]) -> Sequence[WorkerHandle]:
    """Ask idle workers to stop, and wait until no thread of a run goes on in them.

    Returns those where that takes longer than `GRACE_SECONDS`.
    """
    for worker in workers:
        _ask_to_stop(worker)
    waiting: dict[Any, WorkerHandle] = {worker.connection: worker for worker in workers}
    deadline = monotonic() + GRACE_SECONDS
    while waiting and (left := deadline - monotonic()) > 0:
        for done in wait(list(waiting), left):
            del waiting[done]
    return list(waiting.values())
