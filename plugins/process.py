"""Execute every run in a process of its own.

Where the platform can fork, runs inherit everything, so that nothing but what they return needs
to be picklable.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import time
from typing import Any, ClassVar, NamedTuple

from pypet.errors import WorkerDiedError
from pypet.interfaces import Activity, Outcome, Scheduler, Task, TaskFunction
from pypet.markers import hookimpl
from pypet.plugins._workers.fork_runner import ForkRunner
from pypet.plugins._workers.lifetime import end_descriptor, end_processes, start_process
from pypet.plugins._workers.outcomes import deserialize, killed_outcome, unreadable_outcome
from pypet.plugins._workers.process_executor import (
    ProcessExecutor,
    resolve_process_options,
)
from pypet.plugins._workers.task_queue import WAIT_SECONDS, StartedFunction, as_task_function
from pypet.plugins._workers.worker_pool import WorkerPool
from pypet.plugins._workers.worker_process import STARTED, TaskRunner, run_single_task
from pypet.support.processes import MAIN_GUARD_ADVICE, deferred_interrupts, describe_exit
from pypet.support.tricks import is_on

_numbers = itertools.count(1)


class _Active(NamedTuple):
    """A process and the run that it executes."""

    process: BaseProcess
    connection: Connection
    task: Task
    started: float


class ProcessScheduler(ProcessExecutor):
    """Starts a process for each run, at most ``ncores`` at once, as far as gates admit them."""

    name: ClassVar[str] = "process"
    chosen_by: ClassVar[str | None] = "multiproc"
    default_on_error: ClassVar[str] = "continue"

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Scheduler:
        """Return a scheduler for the start method: fork servers where it is ``'fork'``."""
        method = resolve_process_options(options, cls.name)["start_method"]
        uses_server = method == "fork" and is_on("fork_server")
        return ForkServerScheduler(options) if uses_server else cls(options)

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._active: dict[int, _Active] = {}
        """By what `end_descriptor` returns for the process."""
        self._reports: dict[int, Outcome] = {}
        self._started: set[int] = set()
        """Descriptors of active processes that have begun their run."""
        self._any_started = False

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Execute tasks by ``execute``, which is serialized here unless processes inherit it.

        Raises
        ------
        Exception
            It cannot be pickled.
        """
        function = as_task_function(execute)
        forks = self._context.get_start_method() == "fork"
        self._current = StartedFunction(function if forks else function.serialized())

    def free_slots(self) -> int:
        """Return how many processes could be started now."""
        return max(0, self._ncores - len(self._active) - len(self._queue))

    def activity(self) -> Activity:
        """Return the runs whose processes are active."""
        return Activity(self._ncores, [each.task.index for each in self._active.values()])

    # ----- processes ------------------------------------------------------------------------

    def _count_active(self) -> int:
        return len(self._active)

    def _dispatch(self) -> None:
        while self._queue and self._may_start(len(self._active)):
            started, task = self._queue.popleft()
            self._start_process(started.function, task)

    def _end_all(self) -> None:
        active, self._active = list(self._active.values()), {}
        self._reports.clear()
        self._started.clear()
        end_processes([each.process for each in active], terminate=True)
        for each in active:
            each.connection.close()

    def _start_process(self, function: TaskFunction, task: Task) -> None:
        here, there = self._context.Pipe(duplex=False)
        process: BaseProcess = self._context.Process(
            target=run_single_task,
            name=f"Process-{next(_numbers)}",
            args=(there, function, task, self._niceness),
        )
        with deferred_interrupts():  # until `stop` would end it
            try:
                start_process(process)
            except BaseException:
                here.close()
                raise
            finally:
                there.close()
            self._active[end_descriptor(process)] = _Active(process, here, task, time())

    def _wait(self) -> None:
        waiting: list[Any] = list(self._active)
        waiting += [
            each.connection
            for descriptor, each in self._active.items()
            if descriptor not in self._reports
        ]
        self._check_if_due()
        ready = set(wait(waiting, WAIT_SECONDS))
        for descriptor, each in list(self._active.items()):
            ended = descriptor in ready
            if descriptor not in self._reports and (each.connection in ready or ended):
                self._receive(descriptor, each)
            if ended:
                self._reap(descriptor, each)

    def _receive(self, descriptor: int, each: _Active) -> None:
        """Receive the report of a process; there is none if it died."""
        data = STARTED
        try:
            while data == STARTED:
                if not each.connection.poll():
                    return
                data = each.connection.recv_bytes()
                self._started.add(descriptor)
                self._any_started = True
        except (EOFError, OSError):
            return
        try:
            (self._reports[descriptor],) = deserialize(data)
        except Exception as error:
            self._reports[descriptor] = unreadable_outcome(each.task.index, error)

    def _reap(self, descriptor: int, each: _Active) -> None:
        """Collect the outcome of a process that has ended.

        Raises
        ------
        WorkerDiedError
            It failed to start, as all others did so far.
        """
        each.process.join()
        outcome = self._reports.pop(descriptor, None)
        pid, exit_code = each.process.pid, each.process.exitcode
        failed_to_start = exit_code == 1 and outcome is None and descriptor not in self._started
        self._started.discard(descriptor)
        del self._active[descriptor]
        each.connection.close()
        each.process.close()
        if failed_to_start and not self._any_started:
            raise WorkerDiedError(
                f"The process for run {each.task.index} (pid {pid}) could not start: it "
                f"{describe_exit(exit_code)}; no run was executed. Its output on stderr shows "
                f"why. {MAIN_GUARD_ADVICE}"
            )
        if outcome is None:
            outcome = killed_outcome(each.task.index, pid, exit_code, each.started)
            if failed_to_start and outcome.error is not None:
                outcome.error.add_note(f"pypet: {MAIN_GUARD_ADVICE}")
        self._arrived.append(outcome)


class ForkServerScheduler(WorkerPool):
    """A pool of ``ncores`` fork servers, each of which forks one process after the other."""

    name: ClassVar[str] = ProcessScheduler.name
    default_on_error: ClassVar[str] = ProcessScheduler.default_on_error
    runner: ClassVar[type[TaskRunner]] = ForkRunner
    inherits_tasks: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        # Post-processing may add runs at any time, so no task may wait in a worker for its turn.
        self._post_processes = bool(options.get("immediate_postproc"))

    @property
    def _process_name(self) -> str:
        return "pypet-fork-server"

    @property
    def _sends_single_tasks(self) -> bool:
        return self._post_processes or super()._sends_single_tasks


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the scheduler with a process for each run."""
    return [ProcessScheduler]
