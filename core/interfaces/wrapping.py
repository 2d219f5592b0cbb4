"""The interface of wrap modes: ways to share one storage service among processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces.environment import TrajectoryLike
from pypet.interfaces.feature import Feature
from pypet.interfaces.scheduling import Outcome
from pypet.interfaces.storage import StorageService
from pypet.moved import FormerMethod


class WorkerService(StorageService):
    """A storage service for workers, with methods that the worker calls between runs.

    Wrap modes whose service has nothing to do there return any other `StorageService`.
    """

    @property
    def deferral(self) -> AbstractContextManager[Any]:
        """A context in which the service may defer storing.

        A worker that executes many runs and reports them together enters it for each run.
        """
        return nullcontext()

    def store_deferred(self) -> Mapping[int, Exception]:
        """Store deferred data; return index -> error for runs where this failed.

        Called before runs are reported.
        """
        return {}

    def copy_deferred(self, run: int) -> Sequence[Any] | None:
        """Return a copy of the deferred data of a run that can be pickled; empty if there is none.

        If the main process needs the outcome before the worker reports it, the copy becomes its
        `Outcome.payload`, which `WrapMode.accept` then has to store; storing the same data in the
        worker, too, must be harmless. None if that is impossible: then the worker reports at once,
        after `store_deferred`. This is the default of services that defer.
        """
        defers = type(self).store_deferred is not WorkerService.store_deferred
        return None if defers else ()

    def drop_deferred(self, runs: Collection[int]) -> None:
        """Drop the deferred data of these runs; the main process has accepted the copies."""


class WrapMode(Feature, ABC):
    """Gives workers a storage service that is safe to use concurrently.

    Lives in the main process: ``start`` before the first worker, ``stop`` after the last one,
    and ``wait_closed`` at the end, even after errors. Only `collect` is called in workers, which
    get it with the service that is attached to the trajectory.
    """

    capabilities: ClassVar[tuple[str, ...]] = (
        "protects",
        "supports_loading",
        "needs_fork",
        "needs_inheritance",
        "works_across_hosts",
        "supports_resume",
        "stores_in_main_process",
        "stores_in_workers",
    )
    protects: ClassVar[bool] = True
    """Workers get a service that is safe to use concurrently; False: the storage service itself
    has to be safe."""
    supports_loading: ClassVar[bool] = False
    """Runs may load data through the service they get."""
    needs_fork: ClassVar[bool] = False
    """Works only where the platform can fork processes."""
    needs_inheritance: ClassVar[bool] = True
    """The service of workers is inherited by a process of this host, or an argument of one that
    this process starts. False: it can be pickled for any process of this host. Does not matter for
    modes that work across hosts, whose service can be pickled for all."""
    works_across_hosts: ClassVar[bool] = False
    supports_resume: ClassVar[bool] = False
    """Experiments can be resumable: data of a run arrives in order, in one process, and requests of
    `pypet.services.RecordStorageService` arrive unchanged."""
    stores_in_main_process: ClassVar[bool] = False
    """Workers only collect; the main process stores. Services that live there can be used."""
    stores_in_workers: ClassVar[bool] = False
    """Each worker uses the storage by itself. Otherwise a single process stores for all."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options of the environment; nothing is started yet.

        In addition, ``helper_setup``, if not None, is to be called in processes that the mode
        starts, ``across_hosts`` says whether workers may be on other hosts than this one, and
        ``is_private``, True by default, whether others cannot read what workers are sent
        (`Scheduler.is_private`): if not, secrets have to reach them otherwise.
        """

    @classmethod
    def fixed_url(cls, options: Mapping[str, Any]) -> str | None:
        """Return where a server of the mode will listen; None without one, or if not known yet.

        ``options`` are those of an instance. The environment notes it before the first run.
        """
        return None

    @property
    def url(self) -> str | None:
        """Where a server of the mode listens, between `start` and `stop`; None without one.

        The environment notes it in its config.
        """
        return None

    @abstractmethod
    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Start what the mode needs (a lock, a writer process, a server) around ``service``.

        Processes of its own are started by ``mp_context``, the context of the start method
        of workers. A service that only lives in the main process is only passed to modes that
        store there.

        Raises
        ------
        ValueError
            The mode does not work with this start method or this service.
        """

    @abstractmethod
    def worker_service(self) -> StorageService:
        """Return the service that a worker attaches to its trajectory.

        It can be inherited by workers and be pickled as an argument of their processes.
        """

    def main_service(self) -> StorageService:
        """Return the service that the main process uses as long as workers are active."""
        return self.worker_service()

    @staticmethod
    def collect(trajectory: TrajectoryLike) -> Any:
        """Return data to send to the main process with the outcome of a run.

        Called in the worker after each run, even a failed one; the return value becomes
        `Outcome.payload`. Modes that store elsewhere return None.
        """
        return None

    take_home = FormerMethod("collect")

    def accept(self, outcome: Outcome) -> None:
        """Take an outcome and its payload; called in the main process before the run counts.

        Raises
        ------
        RuntimeError
            The data of the run could not be stored; the message says why.
        """

    def store_references(self, payload: Any) -> None:
        """Store data that `collect` returned in another process.

        For a `pypet.MultiprocContext`, whose users transfer the data themselves.

        Raises
        ------
        NotImplementedError
            The mode collects nothing.
        RuntimeError
            Something could not be stored; the message says what.
        """
        raise NotImplementedError(f"Wrap mode {self.name!r} collects nothing in workers.")

    def check(self) -> None:
        """Raise if a helper of the mode has died, or data of finished runs was lost.

        Raises
        ------
        NotStoredError
            With ``is_final``, a process that stores or synchronizes is gone or cannot store any
            more. Otherwise ``runs`` lists lost runs, each only once.
        RuntimeError
            As with ``is_final``, for modes that name no runs.
        """

    def store_run_table(self, trajectory: TrajectoryLike) -> bool:
        """Store the run table rows of accepted runs while others are active.

        Called in the main process about twice a second, with the trajectory whose table has
        changed. No row may be durable before all data of its run is. Returns False if nothing was
        done, because the mode cannot do it now or at all. Remaining rows are stored after `stop`.
        """
        return False

    @property
    def has_stored_run_table(self) -> bool:
        """Whether all rows of `store_run_table` are certainly stored; checked after `stop`."""
        return True

    @abstractmethod
    def stop(self) -> None:
        """Wait until all sent data is stored, then end every helper. Safe to call twice.

        The storage is free for others afterwards. Helpers may still be ending, see `wait_closed`.

        Raises
        ------
        RuntimeError
            Data that a worker sent was not stored; the message names the runs.
        """

    def wait_closed(self) -> None:
        """Wait until all helpers are gone that `stop` asked to end.

        Called some time after `stop`, so that other things can be done in between.
        """
        return

    join = FormerMethod("wait_closed")
