"""The wrap mode, and the service that its workers see."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces import Option, Outcome, StorageService
from pypet.options.established import established
from pypet.services.messages import StoreMessage, load
from pypet.services.sender import Sender
from pypet.support.optional import require
from pypet.wrap_modes._local.user_queue import DONE, GivenQueueWriter, put_message
from pypet.wrap_modes._local.writer_mode import WriterMode, WriterProcess
from pypet.wrap_modes._net.addresses import fixed_address
from pypet.wrap_modes._net.keys import ServerKey
from pypet.wrap_modes.netqueue.channel import Channel
from pypet.wrap_modes.netqueue.listener import NetworkListener


class NetQueueSender(Sender):
    """What runs see with wrap mode NETQUEUE: stores through the network, loads nothing."""

    mode: ClassVar[str] = "NETQUEUE"

    def __init__(self, queue: Any, service: StorageService | None = None) -> None:
        """Send to ``queue``: a `Channel`, or a queue that a writer of the user reads."""
        super().__init__(service)
        self.queue = queue
        self._main_pid = os.getpid()

    def deliver(self, message: StoreMessage) -> None:
        """Send a message to the writer."""
        queue = self.queue
        if not isinstance(queue, Channel):
            put_message(queue, message)
            return
        try:
            queue.put(message)
        finally:
            if os.getpid() == self._main_pid:
                queue.close()  # a connection has threads, and this process may be forked

    @property
    def deferral(self) -> AbstractContextManager[None]:
        """In this context small messages are gathered until `store_deferred`."""
        queue = self.queue
        return queue if isinstance(queue, Channel) and self._main_pid != os.getpid() else _NOTHING

    def store_deferred(self) -> Mapping[int, Exception]:
        """Send what was gathered; return the errors of runs that could not be, by index."""
        return self.queue.flush() if isinstance(self.queue, Channel) else {}

    def copy_deferred(self, run: int) -> Sequence[Any] | None:
        """Return what was gathered of a run, once the writer has all the rest of it."""
        return self.queue.copies_of(run) if isinstance(self.queue, Channel) else ()

    def drop_deferred(self, runs: Collection[int]) -> None:
        """Drop what was gathered of these runs."""
        if isinstance(self.queue, Channel):
            self.queue.drop(runs)

    def send_done(self) -> None:
        """Tell the reader of a queue of the user's that nothing more will come."""
        self.queue.put((DONE,))


_NOTHING: AbstractContextManager[None] = nullcontext()


class NetQueueWrapMode(WriterMode[NetQueueSender]):
    """Workers on any host send what they store to one process, and go on when it has that.

    Everything is encrypted with a key that is made for the experiment. It reaches workers with
    their tasks, or by a file if others can read these. Without an address in ``port`` only this
    machine reaches the writer, unless the scheduler has workers on other hosts.
    """

    name: ClassVar[str] = "NETQUEUE"
    requires: ClassVar[tuple[str, ...]] = ("zmq",)
    extra: ClassVar[str | None] = "net"
    options: ClassVar[tuple[Option, ...]] = (*WriterMode.options, *established("port"))
    works_across_hosts: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._url: str | None = None
        self._key: ServerKey | None = None

    @classmethod
    def fixed_url(cls, options: Mapping[str, Any]) -> str | None:
        """Return the address if ``port`` says all of it."""
        return fixed_address(options.get("port"), reachable=bool(options.get("across_hosts")))

    @property
    def url(self) -> str | None:
        """Where the writer listens, between `start` and `stop`."""
        return self._url

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Start the writer process.

        Raises
        ------
        OSError
            The port is in use, or the key cannot be written into a file that workers need.
        """
        self._service = service
        queue = self._options.get("queue")
        if queue is not None:
            self._writer = GivenQueueWriter(self.name, queue, service, mp_context, self._options)
            self._sender = NetQueueSender(queue, service)
            return
        zmq = require("zmq", plugin=self.name, extra=self.extra)
        key = self._key = ServerKey.make_for(zmq, service, self._options)
        address_pipe, theirs = mp_context.Pipe(duplex=False)
        reachable = bool(self._options.get("across_hosts"))
        source = NetworkListener(self.name, key, self._options.get("port"), reachable, theirs)
        writer = WriterProcess(self.name, source, service, mp_context, self._options)
        theirs.close()
        try:
            with address_pipe:
                self._url = self._address(writer, address_pipe)
        except BaseException:
            self._withdraw_key()
            raise
        self._writer = writer
        self._sender = NetQueueSender(Channel(self._url, key.for_workers()), service)

    def _address(self, writer: WriterProcess, address_pipe: Any) -> str:
        """Return where the writer listens, once it does."""
        wait([address_pipe, writer.sentinel])
        try:
            answer = address_pipe.recv()
        except EOFError:
            answer = writer.give_up()
        if isinstance(answer, Exception):
            writer.give_up()
            raise answer
        return str(answer)

    def accept(self, outcome: Outcome) -> None:
        """Send what its worker would have sent later; see `WrapMode.accept`.

        Raises
        ------
        NotStoredError
            The writer is gone, or it is known already that it could not store the run.
        """
        if outcome.payload and self._sender is not None:
            for copy in outcome.payload:
                self._sender.deliver(load(copy))
        super().accept(outcome)

    def stop(self) -> None:
        """Have the writer store the rest; see `WrapMode.stop`."""
        sender, self._sender = self._sender, None
        self._url = None
        self._withdraw_key()
        if sender is not None and isinstance(sender.queue, Channel):
            sender.queue.close()
        self.stop_writer()

    def _withdraw_key(self) -> None:
        key, self._key = self._key, None
        if key is not None:
            key.withdraw()
