"""What wrap modes have in common whose workers send what they store to a writer process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from pypet import pypetconstants as constants
from pypet.interfaces import Option, Outcome, StorageService, WrapMode
from pypet.options.established import established
from pypet.wrap_modes._local.given_queue import GivenQueueWriter
from pypet.wrap_modes._local.parcels import understands_requests
from pypet.wrap_modes._local.run_tables import travelling
from pypet.wrap_modes._local.senders import Sender
from pypet.wrap_modes._local.writer_process import WriterProcess

SenderT = TypeVar("SenderT", bound=Sender)


class WriterMode(WrapMode, Generic[SenderT]):
    """Holds a writer and the sender that workers get; `start` and `stop` are the mode's own."""

    options: ClassVar[tuple[Option, ...]] = established("queue_maxsize", "gc_interval")
    supports_resume: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read how much may wait for the writer, and when it collects garbage."""
        super().__init__(options)
        self._options = options
        self._writer: WriterProcess | GivenQueueWriter | None = None
        self._sender: SenderT | None = None
        self._service: StorageService | None = None
        self._ending: list[WriterProcess | GivenQueueWriter] = []

    def worker_service(self) -> StorageService:
        """Return the sender.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._sender is None:
            raise RuntimeError(f"Wrap mode {self.name!r} was not started; call `start` first.")
        return self._sender

    def accept(self, outcome: Outcome) -> None:
        """Raise if it is known that the run could not be stored; see `WrapMode.accept`."""
        if self._writer is not None:
            self._writer.accept(outcome)

    def check(self) -> None:
        """Raise if the writer has died, or can store nothing any more; see `WrapMode.check`."""
        if self._writer is not None:
            self._writer.check()

    def store_run_table(self, trajectory: Any) -> bool:
        """Send the rows that changed to the writer; see `WrapMode.store_run_table`."""
        service: Any = self._service
        if not isinstance(self._writer, WriterProcess) or not understands_requests(service):
            return False
        name = trajectory.v_name
        prepared = service.prepare(
            constants.TRAJECTORY, trajectory, trajectory_name=name, only_init=True
        )
        if not self._writer.store_rows(travelling(prepared.request)):
            return False
        prepared.confirm()
        return True

    @property
    def has_stored_run_table(self) -> bool:
        """Whether the writer has stored all rows; see `WrapMode.has_stored_run_table`."""
        return all(each.has_stored_rows for each in self._ending if isinstance(each, WriterProcess))

    def stop_writer(self) -> None:
        """Wait until everything is stored; the process may then still be ending."""
        writer, self._writer = self._writer, None
        if writer is not None:
            self._ending.append(writer)
            writer.stop()

    def wait_closed(self) -> None:
        """Wait until the writer process is gone; see `WrapMode.wait_closed`."""
        while self._ending:
            self._ending.pop().wait_closed()
