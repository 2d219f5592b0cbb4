"""The wrap mode, and the service that its workers see."""

from __future__ import annotations

import os
from collections.abc import Mapping
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.errors import NotStoredError
from pypet.interfaces import StorageService
from pypet.services.messages import StoreMessage
from pypet.services.sender import Sender
from pypet.wrap_modes._local.file_lock import FileLock
from pypet.wrap_modes._local.user_queue import GivenPipe, GivenQueueWriter, put_message
from pypet.wrap_modes._local.writer_mode import WriterMode, WriterProcess
from pypet.wrap_modes.pipe.pipe import MessageCounts, PipeReader, PipeWriter, make_pipe


class PipeStorageServiceSender(Sender):
    """What runs see with wrap mode PIPE: stores through the pipe, loads nothing."""

    mode: ClassVar[str] = "PIPE"

    def __init__(
        self, pipe: PipeWriter | GivenPipe | None, service: StorageService | None = None
    ) -> None:
        super().__init__(service)
        self.pipe = pipe

    def deliver(self, message: StoreMessage) -> None:
        """Send a message to the writer."""
        if self.pipe is None:
            raise NotStoredError(
                f"{message.what()} cannot be stored: wrap_mode='PIPE' works only in processes "
                "that are forked while it is active.",
                [message.run],
            )
        if isinstance(self.pipe, PipeWriter):
            self.pipe.put(message)
        else:
            put_message(self.pipe, message)


class PipeWrapMode(WriterMode[PipeStorageServiceSender]):
    """Workers send what they store to one process, one at a time, through a pipe that all share."""

    name: ClassVar[str] = "PIPE"
    needs_fork: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read how many messages may wait, and when the writer collects garbage.

        A pair of connections as ``queue`` in ``options`` is used instead of a pipe of its own,
        with ``lock`` if that is given, too.
        """
        super().__init__(options)
        self._lock: FileLock | None = None

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Start the writer process.

        Raises
        ------
        ValueError
            Processes are not forked.
        """
        self._service = service
        if mp_context.get_start_method() != "fork":
            raise ValueError(
                f"wrap_mode='PIPE' needs processes that are forked, not start_method="
                f"{mp_context.get_start_method()!r}; use start_method='fork' or "
                "wrap_mode='QUEUE'."
            )
        if self._options.get("queue") is not None:
            self._start_given(self._options["queue"], service, mp_context)
            return
        reading, writing = make_pipe()
        self._lock, counts = FileLock.make(), MessageCounts()
        pipe = PipeWriter(writing, self._lock, counts)
        self._sender = PipeStorageServiceSender(pipe, service)
        end = PipeReader(reading, writing, counts)
        try:
            self._writer = WriterProcess(self.name, end, service, mp_context, self._options)
        except BaseException:
            self.stop()
            raise
        finally:
            os.close(reading)

    def _start_given(
        self, connections: Any, service: StorageService, mp_context: BaseContext
    ) -> None:
        lock = self._options.get("lock")
        if lock is None:
            lock = self._lock = FileLock.make()
        pipe = GivenPipe(connections, lock)
        self._writer = GivenQueueWriter(self.name, pipe, service, mp_context, self._options)
        self._sender = PipeStorageServiceSender(pipe, service)

    def stop(self) -> None:
        """Have the writer store the rest; see `WrapMode.stop`."""
        sender, self._sender = self._sender, None
        lock, self._lock = self._lock, None
        pipe = sender.pipe if sender is not None and isinstance(sender.pipe, PipeWriter) else None
        missing = 0
        try:
            self.stop_writer()
            missing = 0 if pipe is None else pipe.counts.missing
        finally:
            if pipe is not None:
                pipe.close()
            if lock is not None:
                lock.remove()
        if missing:
            raise NotStoredError(
                f"With wrap_mode={self.name!r} {missing} messages got lost on their way to the "
                "process that stores."
            )
