"""A sound scheduler, as small as can be, to be broken: each run has a process of its own."""

from __future__ import annotations

import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from pypet.errors import WorkerDiedError
from pypet.interfaces import Activity, Outcome, Scheduler, Task, TaskFunction

FORK: Any = multiprocessing.get_context("fork")
Execute = Callable[[Task], Outcome]


class SmallScheduler(Scheduler):
    """Forks a process for each task, ``ncores`` at once, and holds as many tasks in a queue."""

    name = "small"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.ncores: int = options["ncores"]
        self.execute: Execute | None = None
        self.queue: deque[tuple[Execute, Task]] = deque()
        self.active: dict[Connection, tuple[Any, Task]] = {}

    def start(self, execute: Execute) -> None:
        """Execute tasks that are submitted from now on by this."""
        self.execute = execute

    def free_slots(self) -> int:
        """Return how many tasks fit into the queue."""
        return max(0, min(10, 2 * self.ncores) - len(self.queue) - len(self.active))

    def submit(self, tasks: Sequence[Task]) -> None:
        """Queue tasks."""
        assert self.execute is not None
        self.queue.extend((self.execute, task) for task in tasks)
        self.launch()

    def may_launch(self) -> bool:
        """Return whether another process may start."""
        active = len(self.active)
        return active < self.ncores and (not active or all(g.admits(active) for g in self.gates))

    def launch(self) -> None:
        """Start processes."""
        while self.queue and self.may_launch():
            execute, task = self.queue.popleft()
            ours, theirs = FORK.Pipe(duplex=False)
            process = FORK.Process(target=self.work, args=(theirs, execute, task))
            process.start()
            theirs.close()
            self.active[ours] = process, task

    def work(self, connection: Connection, execute: Execute, task: Task) -> None:
        """Execute a task and report, in its process."""
        self.set_up(execute, task)
        try:
            outcome = execute(task)
        except SystemExit as error:
            outcome = Outcome(task.index, None, 0.0, 0.0, WorkerDiedError(f"{error!r}"))
        connection.send_bytes(self.pack(outcome))

    def set_up(self, execute: Execute, task: Task) -> None:
        """Set up the process."""
        if isinstance(execute, TaskFunction):
            execute.start_worker(task.index)

    def pack(self, outcome: Outcome) -> bytes:
        """Return what is sent of an outcome; what cannot be sent becomes an error."""
        try:
            data = pickle.dumps(outcome)
            pickle.loads(data)
        except Exception as error:
            told = outcome.error or error
            outcome = outcome._replace(
                value=None, error=RuntimeError(f"{type(told).__name__}: {told}")
            )
            data = pickle.dumps(outcome)
        return data

    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes."""
        if self.execute is None:
            raise RuntimeError("call `start` first")
        while self.queue or self.active:
            self.launch()
            if self.check is not None:
                self.check()
            for connection in wait(list(self.active), 0.1):
                yield from self.receive(connection)

    def receive(self, connection: Any) -> Iterator[Outcome]:
        """Yield the outcome of a process that has ended."""
        process, task = self.active.pop(connection)
        try:
            data = connection.recv_bytes()
        except EOFError:
            data = b""
        connection.close()
        process.join()
        process.close()
        yield pickle.loads(data) if data else self.died(task)

    def died(self, task: Task) -> Outcome:
        """Return the outcome of a process that reported none."""
        error = WorkerDiedError(f"The process of run {task.index} died.")
        return Outcome(task.index, None, 0.0, 0.0, error)

    def activity(self) -> Activity:
        """Return which tasks have processes."""
        return Activity(self.ncores, [task.index for _, task in self.active.values()])

    def cancel(self) -> int:
        """Empty the queue."""
        cancelled = len(self.queue)
        self.queue.clear()
        return cancelled

    def stop(self) -> None:
        """Kill everything."""
        self.queue.clear()
        for connection, (process, _) in self.active.items():
            process.kill()
            process.join()
            process.close()
            connection.close()
        self.active.clear()
        self.execute = None
