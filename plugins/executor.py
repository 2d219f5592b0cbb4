"""Execute runs by a `concurrent.futures.Executor` that the user brings.

For example ``scheduler=ProcessPoolExecutor(4)``, the executors of loky and mpi4py, or what
``dask.distributed.Client.get_executor()`` returns. The executor stays the user's: it is never shut
down. Its processes may be anywhere, so they share neither locks nor queues with this one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.errors import WorkerDiedError
from pypet.interfaces import Option, Outcome, Scheduler
from pypet.markers import hookimpl
from pypet.options.established import established
from pypet.plugins._workers.executor_worker import Reply, execute_batch
from pypet.plugins._workers.submitting import (
    Batch,
    SharedFunction,
    SubmittingScheduler,
    refuse_process_options,
)
from pypet.support.processes import MAIN_GUARD_ADVICE

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future


class ExecutorScheduler(SubmittingScheduler):
    """Submits batches of runs to an executor; the first ones carry the task function along."""

    name: ClassVar[str] = "executor"
    options: ClassVar[tuple[Option, ...]] = established(
        "multiproc", "ncores", "scheduler", "freeze_input"
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._executor: Executor = _checked(options["scheduler"])
        self._carried: dict[str, int] = {}
        """How many batches carried a task function along, by its name."""

    @classmethod
    def executes_on(cls, resource: Any) -> bool:
        """Return True: `resolve_options` raises for objects that are not executors."""
        return True

    @classmethod
    def resolve_options(cls, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return ``ncores`` as it is in effect: the number of workers of the executor.

        If the executor does not publish it, the given ``ncores`` is used; 0 means the number of
        cores of this machine.

        Raises
        ------
        ValueError
            The object is not an executor, its workers are threads, or an option sets how processes
            start.
        """
        executor = _checked(options["scheduler"])
        refuse_process_options(
            options, f"of an executor: set them up where you make the {type(executor).__name__}"
        )
        return {"ncores": _count_workers(executor) or options["ncores"] or os.cpu_count() or 1}

    @classmethod
    def is_private(cls, options: Mapping[str, Any]) -> bool:
        """Return whether tasks go through pipes of this host; unknown, so False, for others."""
        from concurrent.futures import ProcessPoolExecutor

        return isinstance(options["scheduler"], ProcessPoolExecutor)

    @classmethod
    def describe(cls, options: Mapping[str, Any]) -> str:
        """Return the name and the class of the executor."""
        kind = type(options["scheduler"])
        return f"{cls.name} ({kind.__module__}.{kind.__qualname__})"

    @property
    def _title(self) -> str:
        return type(self._executor).__name__

    def _send(self, shared: SharedFunction, tasks: bytes, reply: Reply | None) -> Future[Reply]:
        carried = self._carried.get(shared.name, 0)
        carries = reply is not None or carried < self._ncores
        self._carried[shared.name] = carried + carries
        return self._executor.submit(
            execute_batch,
            shared.name,
            shared.data if carries else None,
            tasks,
            shared.main,
            os.getpid(),
        )

    def _lose(self, batch: Batch, cause: BaseException | None) -> None:
        """Report the tasks of a batch that was lost."""
        from concurrent.futures import BrokenExecutor

        for task in batch.tasks:
            died = WorkerDiedError(
                f"Run {task.index} was lost with its worker in the "
                f"{type(self._executor).__name__}: {cause!r}. Executors do not report which of "
                "the active runs ended the worker."
            )
            died.__cause__ = cause
            if isinstance(cause, BrokenExecutor) and not self._has_replied:
                died.add_note(f"pypet: {MAIN_GUARD_ADVICE}")
            self._arrived.append(Outcome(task.index, None, 0.0, 0.0, died))


def _checked(executor: Any) -> Executor:
    """Return an executor whose workers are other processes.

    Raises
    ------
    ValueError
        It is something else.
    """
    from concurrent.futures import Executor, ThreadPoolExecutor

    if not isinstance(executor, Executor):
        hint = (
            " (for that of Dask give scheduler='dask' and dask_address, or call its method "
            "get_executor)"
            if hasattr(executor, "get_executor")
            else ""
        )
        raise ValueError(
            f"scheduler={executor!r}: give the name of a scheduler or a "
            f"concurrent.futures.Executor{hint}."
        )
    if isinstance(executor, ThreadPoolExecutor):
        raise ValueError(
            f"scheduler={executor!r}: threads would share one trajectory, which is made for one "
            "run at a time; take a ProcessPoolExecutor, or leave the scheduler out."
        )
    return executor


def _count_workers(executor: Executor) -> int:
    """Return how many tasks an executor executes at once, 0 if it does not publish that."""
    # There is no common interface: mpi4py has num_workers, the standard library and loky have
    # _max_workers, and the executor of Dask has a client that knows the cores of each worker.
    numbers = (getattr(executor, name, None) for name in ("num_workers", "_max_workers"))
    workers = next((n for n in numbers if isinstance(n, int) and n > 0), 0)
    processes = getattr(getattr(executor, "_client", None), "ncores", None)
    return workers or (len(processes()) if callable(processes) else 0)


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the scheduler for executors."""
    return [ExecutorScheduler]
