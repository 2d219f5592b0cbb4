"""Execute runs one after the other in the main process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pypet.interfaces import Outcome, Scheduler, Task
from pypet.markers import hookimpl

BATCH = 64
"""Number of tasks accepted ahead. It only sets how often the run loop iterates."""
_NOT_STARTED = "The serial scheduler was not started; call `start` first."


class SerialScheduler(Scheduler):
    """Executes a task when its outcome is requested, on the trajectory of the environment."""

    name: ClassVar[str] = "serial"
    chosen_by: ClassVar[str | None] = ""
    in_process: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Make a scheduler; it reads no options."""
        super().__init__(options)
        self._pending: deque[tuple[Callable[[Task], Outcome], Task]] = deque()
        """Tasks and their functions: `start` may replace the function while others wait."""
        self._execute: Callable[[Task], Outcome] | None = None

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Get ready to call ``execute``."""
        self._execute = execute

    def free_slots(self) -> int:
        """Return `BATCH` if no task is pending, otherwise 0."""
        return 0 if self._pending else BATCH

    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks; none of them is executed yet.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        execute = self._execute
        if execute is None:
            raise RuntimeError(_NOT_STARTED)
        self._pending.extend((execute, task) for task in tasks)

    def outcomes(self) -> Iterator[Outcome]:
        """Execute the pending tasks in order, each when its outcome is requested.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._execute is None:
            raise RuntimeError(_NOT_STARTED)
        pending = self._pending
        while pending:
            execute, task = pending.popleft()
            yield execute(task)

    def stop(self) -> None:
        """Give up the pending tasks."""
        self._pending.clear()
        self._execute = None


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the serial scheduler."""
    return [SerialScheduler]
