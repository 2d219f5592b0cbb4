"""The base of schedulers that start processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar

from pypet.interfaces import Option, Task
from pypet.options.established import established
from pypet.plugins._workers.lifetime import end_processes
from pypet.plugins._workers.task_queue import StartedFunction, TaskQueue
from pypet.support.optional import require
from pypet.support.processes import effective_start_method

EXTRA = "monitor"

OPTIONS: tuple[Option, ...] = established("multiproc", "ncores", "start_method", "niceness")


class ProcessExecutor(TaskQueue[tuple[StartedFunction, Task]]):
    """Executes tasks in child processes; whether these stay is up to the derived class.

    Tasks are queued with their function: `start` may replace it while others wait.
    """

    options: ClassVar[tuple[Option, ...]] = OPTIONS

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        resolved = resolve_process_options(options, self.name)
        self._ncores: int = resolved["ncores"]
        self._context: Any = multiprocessing.get_context(resolved["start_method"])
        self._niceness: int | None = options["niceness"]
        self._current: StartedFunction | None = None
        """What tasks get that are submitted now."""
        self._ending: list[BaseProcess] = []
        """Idle processes that were asked to end."""

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``ncores`` and ``start_method`` as they are in effect."""
        return resolve_process_options(options, cls.name)

    def stop(self) -> None:
        """End all processes; those that execute a run are terminated."""
        self._queue.clear()
        self._arrived.clear()
        self._current = None
        self._end_all()

    def wait_closed(self) -> None:
        """Wait until all processes are gone that `stop` asked to end."""
        ending, self._ending = self._ending, []
        end_processes(ending, terminate=False)

    @property
    def _is_started(self) -> bool:
        return self._current is not None

    def _is_busy(self) -> bool:
        return bool(self._queue or self._count_active())

    def _enqueue(self, tasks: Sequence[Task]) -> None:
        assert self._current is not None
        started = self._current
        self._queue.extend((started, task) for task in tasks)

    @abstractmethod
    def _count_active(self) -> int:
        """Return the number of processes that have tasks."""

    @abstractmethod
    def _end_all(self) -> None:
        """End all processes."""

    def _may_start(self, active: int) -> bool:
        """Return whether another process may become active; the first one always may."""
        if active >= self._ncores:
            return False
        return not active or all(gate.admits(active) for gate in self.gates)


def resolve_process_options(options: Mapping[str, Any], scheduler: str) -> dict[str, Any]:
    """Return the number of cores and the start method that are in effect.

    Raises
    ------
    MissingDependencyError
        psutil is not installed, which ``ncores=0`` needs, and a nice value on platforms
        without `os.nice`.
    ValueError
        This process must not start others.
    """
    if multiprocessing.current_process().daemon:
        raise ValueError(
            f"scheduler {scheduler!r}: this process is a daemon, like the workers of a "
            "multiprocessing.Pool, and Python lets those start no processes. Execute the runs here "
            "(multiproc=False), or start this process with daemon=False or by a "
            "concurrent.futures.ProcessPoolExecutor."
        )
    ncores = int(options["ncores"])
    if ncores == 0:
        psutil = require("psutil", plugin=f"{scheduler} with ncores=0", extra=EXTRA)
        ncores = int(psutil.cpu_count() or 1)
    if options["niceness"] is not None and not hasattr(os, "nice"):
        require("psutil", plugin=f"{scheduler} with niceness", extra=EXTRA)
    return {"ncores": ncores, "start_method": effective_start_method(options["start_method"])}
