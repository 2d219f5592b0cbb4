"""Wrap mode LOCAL: workers collect their data, and the main process stores it with the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces import Option, Outcome, StorageService, TrajectoryLike, WrapMode
from pypet.markers import hookimpl
from pypet.options.established import established
from pypet.services.messages import Failure, StoreMessage, dump_copy, load, not_stored
from pypet.services.sender import Sender
from pypet.wrap_modes._local.run_tables import store_run_table
from pypet.wrap_modes._local.sink import GarbageCollection


class ReferenceWrapper(Sender):
    """What runs see with wrap mode LOCAL: keeps what is to be stored until the run is over.

    Each message is kept as it was when it was stored; what the run changes later is not seen.
    Removing data in a run frees no memory.
    """

    mode: ClassVar[str] = "LOCAL"

    def __init__(self, service: StorageService | None = None) -> None:
        super().__init__(service)
        self.references: dict[str, list[list[bytes]]] = {}
        """Name of the trajectory -> messages as bytes."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "references": {}}

    def deliver(self, message: StoreMessage) -> None:
        """Keep a message."""
        self.references.setdefault(message.trajectory, []).append(dump_copy(message))

    def free_references(self) -> None:
        """Forget everything."""
        self.references = {}


class LocalWrapMode(WrapMode):
    """Nothing is stored outside the main process, so that any service can be used."""

    name: ClassVar[str] = "LOCAL"
    needs_inheritance: ClassVar[bool] = False
    works_across_hosts: ClassVar[bool] = True
    supports_resume: ClassVar[bool] = True
    stores_in_main_process: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = established("gc_interval")

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read when to collect garbage."""
        super().__init__(options)
        self._garbage = GarbageCollection(options.get("gc_interval"))
        self._service: StorageService | None = None
        self._wrapper: ReferenceWrapper | None = None

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Remember ``service``; nothing has to be started."""
        self._service = service
        self._wrapper = ReferenceWrapper(service)

    def worker_service(self) -> StorageService:
        """Return what collects.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._wrapper is None:
            raise RuntimeError("Wrap mode 'LOCAL' was not started; call `start` first.")
        return self._wrapper

    def main_service(self) -> StorageService:
        """Return the service itself; raises as `worker_service` does."""
        self.worker_service()
        assert self._service is not None
        return self._service

    @staticmethod
    def collect(trajectory: TrajectoryLike) -> Any:
        """Return what the run stored, by name of the trajectory; None if that is nothing."""
        wrapper = trajectory.v_storage_service
        if not isinstance(wrapper, ReferenceWrapper) or not wrapper.references:
            return None
        references = wrapper.references
        wrapper.free_references()
        return references

    def accept(self, outcome: Outcome) -> None:
        """Store the payload of an outcome.

        Raises
        ------
        RuntimeError
            Something could not be stored; the message names the nodes.
        """
        if outcome.payload:
            self.store_references(outcome.payload)

    def store_references(self, payload: Mapping[str, list[list[bytes]]]) -> None:
        """Store what `collect` returned; everything is tried before an error is raised.

        Raises
        ------
        RuntimeError
            Something could not be stored; the message names the nodes.
        """
        service = self.main_service()
        failures = []
        cause: Exception | None = None
        for pieces in (each for group in payload.values() for each in group):
            message = load(pieces)
            try:
                message.store(service)
            except Exception as error:
                failures.append(Failure.of(message, error))
                cause = cause or error
        self._garbage.count()
        if failures:
            raise not_stored(self.name, failures) from cause

    def store_run_table(self, trajectory: TrajectoryLike) -> bool:
        """Store the rows that changed; see `WrapMode.store_run_table`."""
        service = self.main_service()
        return store_run_table(service, service, trajectory)

    def stop(self) -> None:
        """Forget the service: every payload is stored."""
        self._service = self._wrapper = None


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that stores in the main process."""
    return [LocalWrapMode]
