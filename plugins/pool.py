"""Execute runs in a fixed pool of worker processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pypet.interfaces import Option, Outcome, Scheduler, Task, TaskFunction
from pypet.markers import hookimpl
from pypet.options.established import established
from pypet.plugins._workers.crew import Crew
from pypet.plugins._workers.performing import InPlace
from pypet.plugins._workers.scheduler import WorkersScheduler
from pypet.plugins._workers.settling import OPTIONS


class PoolScheduler(WorkersScheduler):
    """Feeds ``ncores`` workers, replaces those that die, and reports the runs that died along."""

    name: ClassVar[str] = "pool"
    options: ClassVar[tuple[Option, ...]] = (*OPTIONS, *established("use_pool", "freeze_input"))
    workers_stay: ClassVar[bool] = True
    default_on_error: ClassVar[str] = "raise"

    def _make_workers(self, options: Mapping[str, Any]) -> Crew:
        method = options["start_method"]
        return Crew(
            options["ncores"],
            method,
            options["niceness"],
            InPlace,
            f"{method.capitalize()}PoolWorker",
        )

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Pickle what workers get; they are started when there is something to do.

        Raises
        ------
        Exception
            Something cannot be pickled.
        """
        super().start(execute.serialized() if isinstance(execute, TaskFunction) else execute)


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the pool."""
    return [PoolScheduler]
