"""Queues and pipes that users made themselves, and a process that stores what comes through."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any

from pypet.errors import NotStoredError
from pypet.interfaces import Outcome, StorageService
from pypet.services.messages import (
    NO_RUN,
    Failure,
    ServiceCall,
    StoreMessage,
    Unreadable,
    dump_copy,
    load,
    not_stored,
)
from pypet.wrap_modes._local.helper_process import describe_death, start_helper
from pypet.wrap_modes._local.sink import StorageSink

STORE, DONE = "STORE", "DONE"


class GivenPipe:
    """A pair of connections as a queue: the first one sends, and waits for the second one."""

    def __init__(self, connections: tuple[Connection, Connection], lock: Any) -> None:
        self.connections = connections
        self.lock = lock

    def put(self, command: tuple[Any, ...]) -> None:
        """Send a command; returns when it was received."""
        with self.lock:
            self.connections[0].send_bytes(pickle.dumps(command, 5))
            self.connections[0].recv_bytes()

    def get(self) -> Any:
        """Wait for a command and return it."""
        command = pickle.loads(self.connections[1].recv_bytes())
        self.connections[1].send_bytes(b"received")
        return command

    @staticmethod
    def empty() -> bool:
        """Say that one cannot know."""
        return False


def put_message(queue: Any, message: StoreMessage) -> None:
    """Put a message into a queue."""
    queue.put((STORE, dump_copy(message)))


class QueueStorageServiceWriter:
    """Stores what comes through a queue until the command that ends it.

    The storage stays open in the meantime. `run` may be called in a process or a thread.
    """

    def __init__(
        self, storage_service: StorageService, queue: Any, gc_interval: int | None = None
    ) -> None:
        self.queue = queue
        self._store = StorageSink(storage_service, gc_interval)

    def run(self) -> None:
        """Store everything, until the command that ends it.

        Raises
        ------
        NotStoredError
            Something could not be stored; everything else is.
        """
        failures = self.serve()
        if failures:
            raise not_stored("QUEUE", failures)

    def serve(self) -> list[Failure]:
        """Store everything, until the command that ends it; return what failed."""
        store = self._store
        while True:
            command, *content = self.queue.get()
            if command == DONE:
                break
            store.store(_message_from(content))
            store.flush_if_due(idle=self.queue.empty())
        store.close()
        return store.failures


def _message_from(content: list[Any]) -> StoreMessage:
    """Return what was put into a queue: by `put_message`, or as arguments of ``store``."""
    if len(content) == 1:
        return load(content[0])
    try:
        (message, stuff, *args), kwargs = content
        return StoreMessage(NO_RUN, ServiceCall(message, stuff, tuple(args), kwargs))
    except (TypeError, ValueError) as error:
        return StoreMessage(NO_RUN, Unreadable(error))


def _serve(
    storage_service: StorageService,
    queue: Any,
    gc_interval: int | None,
    helper_setup: Callable[[], Any] | None,
    report: Connection,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if helper_setup is not None:
        helper_setup()
    report.send(QueueStorageServiceWriter(storage_service, queue, gc_interval).serve())


class GivenQueueWriter:
    """The main process's side of a process that stores what comes through a given queue."""

    def __init__(
        self,
        mode: str,
        queue: Any,
        service: StorageService,
        mp_context: BaseContext,
        options: Mapping[str, Any],
    ) -> None:
        self._mode = mode
        self._queue = queue
        self._report, theirs = mp_context.Pipe(duplex=False)
        setup = (service, queue, options.get("gc_interval"), options.get("helper_setup"), theirs)
        self._process = start_helper(mode, mp_context, _serve, setup)
        theirs.close()

    def accept(self, outcome: Outcome) -> None:
        """Do nothing: what failed is known at the end."""

    def check(self) -> None:
        """Raise NotStoredError if the process is gone."""
        if self._process.exitcode is not None:
            raise self._death()

    def stop(self) -> None:
        """Wait until everything is stored; raises NotStoredError if that fails."""
        try:
            self.check()
            self._queue.put((DONE,))
            wait([self._report, self._process.sentinel])
            failures = self._report.recv()
        except (EOFError, OSError):
            raise self._death() from None
        finally:
            self._report.close()
        if failures:
            raise not_stored(self._mode, failures)

    def wait_closed(self) -> None:
        """Wait until the process is gone."""
        self._process.join()

    def _death(self) -> NotStoredError:
        return NotStoredError(f"{describe_death(self._mode, self._process)}.")
