"""What the schedulers have in common that start processes on this machine."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from pypet.interfaces import Activity, Option, Outcome, Scheduler, Task
from pypet.plugins._workers.settling import OPTIONS, settle_processes
from pypet.plugins._workers.workers import Workers


class WorkersScheduler(Scheduler):
    """Lets workers do what a scheduler does; which ones is up to the derived class."""

    options: ClassVar[tuple[Option, ...]] = OPTIONS

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        settled = settle_processes(options, self.name)
        self._workers = self._make_workers({**options, **settled})

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``ncores`` and ``start_method`` as they are in effect."""
        return settle_processes(options, cls.name)

    @abstractmethod
    def _make_workers(self, options: Mapping[str, Any]) -> Workers:
        """Return the workers; ``options`` are settled."""

    def start(self, execute: Callable[[Task], Outcome]) -> None:
        """Execute tasks by ``execute`` from now on; see `Scheduler.start`.

        Raises
        ------
        Exception
            Something that has to be pickled cannot be.
        """
        self._workers.gates = self.gates
        self._workers.check = self.check
        self._workers.start(execute)

    def free_slots(self) -> int:
        """Return how many further tasks should be submitted now."""
        return self._workers.free_slots()

    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks and hand them to workers as far as these are free."""
        self._workers.submit(tasks)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes as they arrive.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        WorkerDiedError
            Workers cannot be started or die without executing anything.
        """
        return self._workers.outcomes()

    def activity(self) -> Activity:
        """Return which runs the workers execute now."""
        return self._workers.activity()

    def cancel(self) -> int:
        """Give up the tasks that no worker has yet."""
        return self._workers.cancel()

    def stop(self) -> None:
        """End all workers; those that execute a run are terminated."""
        self._workers.stop()

    def wait_closed(self) -> None:
        """Wait until workers that were told to end are gone."""
        self._workers.wait_closed()
