"""The wrap mode, and the service that its workers see."""

from __future__ import annotations

import secrets
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces import StorageService
from pypet.interfaces._worker_setup import ForkAware
from pypet.services.messages import StoreMessage
from pypet.services.sender import Sender
from pypet.wrap_modes._local.user_queue import DONE, GivenQueueWriter, put_message
from pypet.wrap_modes._local.writer_mode import WriterMode, WriterProcess
from pypet.wrap_modes.queue.channel import Channel
from pypet.wrap_modes.queue.listener import SECRET_BYTES, Listener, listen


class QueueStorageServiceSender(Sender, ForkAware):
    """What runs see with wrap mode QUEUE: stores through the queue, loads nothing."""

    mode: ClassVar[str] = "QUEUE"

    def __init__(self, queue: Any, service: StorageService | None = None) -> None:
        """Send to ``queue``: a `Channel`, or any queue that a `QueueStorageServiceWriter` reads."""
        super().__init__(service)
        self.queue = queue

    def deliver(self, message: StoreMessage) -> None:
        """Send a message to the writer."""
        if isinstance(self.queue, Channel):
            self.queue.put(message)
        else:
            put_message(self.queue, message)

    def prepare_fork(self) -> None:
        """Connect to the writer, so that the processes that are forked from here need not."""
        if isinstance(self.queue, Channel):
            self.queue.prepare_fork()

    def send_done(self) -> None:
        """Tell the reader of a queue that nothing more will come."""
        self.queue.put((DONE,))


class QueueWrapMode(WriterMode[QueueStorageServiceSender]):
    """Workers send what they store to one process, and go on at once.

    A ``queue`` in the options is used instead of one of its own.
    """

    name: ClassVar[str] = "QUEUE"

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Start the writer process."""
        self._service = service
        queue = self._options.get("queue")
        if queue is not None:
            self._writer = GivenQueueWriter(self.name, queue, service, mp_context, self._options)
            self._sender = QueueStorageServiceSender(queue, service)
            return
        secret = secrets.token_bytes(SECRET_BYTES)
        listening = listen()
        try:
            address = listening.getsockname()
            self._sender = QueueStorageServiceSender(
                Channel(listening.family, address, secret), service
            )
            self._writer = WriterProcess(
                self.name, Listener(listening, secret), service, mp_context, self._options
            )
        finally:
            listening.close()

    def stop(self) -> None:
        """Have the writer store the rest; see `WrapMode.stop`."""
        sender, self._sender = self._sender, None
        if sender is not None and isinstance(sender.queue, Channel):
            sender.queue.close()
        self.stop_writer()
