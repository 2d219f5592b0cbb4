"""The contract of wrap modes: ways to share one storage service among processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces.environment import TrajectoryLike
from pypet.interfaces.feature import Feature
from pypet.interfaces.scheduling import Outcome
from pypet.interfaces.storage import StorageService
from pypet.moved import FormerMethod


class WorkerService(StorageService):
    """A storage service for workers with what the process that executes runs calls between them.

    Wrap modes whose service has nothing to do then return any other `StorageService`.
    """

    @property
    def deferral(self) -> AbstractContextManager[Any]:
        """A context in which the service may hold back what runs store.

        A worker that executes many runs, and reports them together, enters it around each.
        """
        return nullcontext()

    def store_deferred(self) -> Mapping[int, Exception]:
        """Store what was held back; return the errors of runs where that failed, by index.

        Called before runs are reported.
        """
        return {}


class WrapMode(Feature, ABC):
    """Gives workers a storage service that is safe to use concurrently.

    Lives in the main process: ``start`` before the first worker, ``stop`` after the last one,
    and ``wait_closed`` in the end, also after errors. Only `collect` is called in workers; it
    gets there with the service that is attached to the trajectory.
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
    """Workers get a service that is safe beside others; False: the storage service has to be safe
    by itself."""
    supports_loading: ClassVar[bool] = False
    """Runs may load data through the service that they are given."""
    needs_fork: ClassVar[bool] = False
    """Works only where the platform can fork processes."""
    needs_inheritance: ClassVar[bool] = True
    """The service of workers is inherited by a process of this host, or an argument of one that
    this process starts. False: it can be pickled for any process of this host. Does not matter for
    modes that work across hosts, whose service can be pickled for all."""
    works_across_hosts: ClassVar[bool] = False
    supports_resume: ClassVar[bool] = False
    """Experiments can be resumable: what a run stores arrives in its order, in one process, and
    requests of `pypet.services.RecordStorageService` as they are."""
    stores_in_main_process: ClassVar[bool] = False
    """Workers only collect; the main process stores. Services that live there can be used."""
    stores_in_workers: ClassVar[bool] = False
    """Each worker uses the storage by itself. Otherwise a single process stores for all."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options of the environment; nothing is started yet.

        Beside these, ``helper_setup`` is to be called in processes that the mode starts, if it is
        not None, ``across_hosts`` says whether workers may be on other hosts than this one, and
        ``is_private``, True by default, whether others cannot read what workers are sent
        (`Scheduler.is_private`): if not, secrets have to reach them otherwise.
        """

    @classmethod
    def fixed_url(cls, options: Mapping[str, Any]) -> str | None:
        """Return where a server of the mode will listen; None without one, or if that is open yet.

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
        that workers are started with. A service that lives in the main process only is given to
        modes alone that store there.

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
        """Return what has to travel to the main process with the outcome of a run.

        Called in the worker after each run, also a failed one; what it returns becomes
        `Outcome.payload`. Modes that store elsewhere return None.
        """
        return None

    take_home = FormerMethod("collect")

    def accept(self, outcome: Outcome) -> None:
        """Take an outcome and its payload; called in the main process before the run counts.

        Raises
        ------
        RuntimeError
            What the run handed over could not be stored; the message says why.
        """

    def store_references(self, payload: Any) -> None:
        """Store what `collect` returned in another process.

        For a `pypet.MultiprocContext`, whose users bring it home themselves.

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
            With ``is_final`` a process that stores or synchronises is gone, or can store nothing
            any more; else ``runs`` names the runs that are lost. They are named once.
        RuntimeError
            As with ``is_final``, for modes that name no runs.
        """

    def store_run_table(self, trajectory: TrajectoryLike) -> bool:
        """Store what became of the runs that were accepted, while others are active.

        Called in the main process about twice a second, with the trajectory whose table has
        changed. No row may be durable before everything that its run handed over is. False says
        that nothing was done: the mode cannot do it, now or ever. What was not stored then is
        stored after `stop`.
        """
        return False

    @property
    def has_stored_run_table(self) -> bool:
        """Whether everything given to `store_run_table` is surely stored; asked after `stop`."""
        return True

    @abstractmethod
    def stop(self) -> None:
        """Wait until everything handed over is stored, then end every helper. Safe to call twice.

        The storage is free for others afterwards. Helpers may still be ending, see `wait_closed`.

        Raises
        ------
        RuntimeError
            Something that a worker handed over was not stored; the message names the runs.
        """

    def wait_closed(self) -> None:
        """Wait until all helpers are gone that `stop` asked to end.

        Called some time after `stop`, so that other things can be done in between.
        """
        return

    join = FormerMethod("wait_closed")
