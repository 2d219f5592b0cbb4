"""Execute runs in a fixed pool of worker processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pypet.interfaces import Option, Outcome, Scheduler, Task
from pypet.markers import hookimpl
from pypet.options.established import established
from pypet.plugins._workers.process_executor import OPTIONS
from pypet.plugins._workers.task_queue import as_task_function
from pypet.plugins._workers.worker_pool import WorkerPool
from pypet.plugins._workers.worker_process import InProcessRunner, TaskRunner


class PoolScheduler(WorkerPool):
    """Feeds ``ncores`` workers, replaces those that die, and reports the runs that died along."""

    name: ClassVar[str] = "pool"
    options: ClassVar[tuple[Option, ...]] = (*OPTIONS, *established("use_pool", "freeze_input"))
    chosen_by: ClassVar[str | None] = "use_pool"
    workers_stay: ClassVar[bool] = True
    default_on_error: ClassVar[str] = "raise"
    runner: ClassVar[type[TaskRunner]] = InProcessRunner

    @property
    def _process_name(self) -> str:
        return f"{self._context.get_start_method().capitalize()}PoolWorker"

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Serialize what workers get; they are started when there are tasks for them.

        Raises
        ------
        Exception
            Something cannot be pickled.
        """
        super().start(as_task_function(execute).serialized())


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the pool."""
    return [PoolScheduler]
