"""The connection of the main process to the workers, over the sockets that SCOOP has opened.

Everything that depends on the inner structure of SCOOP 0.7.2 on this side is here. Its broker is
used to find workers, and for nothing else: it knows nothing of workers that are gone, and ends
as soon as it has something for one. Batches go straight to a worker, over the connection on
which workers return results anyway, so that it is known who has what.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from pypet.errors import WorkerDiedError
from pypet.plugins.scoop import guest, member, remedies

TASK = b"T"
"""What SCOOP calls messages with a future to execute."""
STATUS_ANSWER, STATUS_GIVEN = b"SA", b"G"
"""What it calls the answer that somebody has a future, of which workers take no notice."""


class Answer(NamedTuple):
    """What came back of a call: its ``number``, and what it returned or raised."""

    number: int
    value: Any
    error: BaseException | None


_ended: deque[Any] = deque()
"""Futures that have ended; a name of this module, so that callbacks can be pickled."""


def note_end(future: Any) -> None:
    """Take note of a future that has ended; SCOOP calls it."""
    _ended.append(future)


class Link:
    """Calls functions in workers; one in a process, for SCOOP has one connection.

    May be used by the thread that executes the main script.
    """

    def __init__(self) -> None:
        from scoop import _control, _types, futures

        self._futures = futures
        self._control: Any = _control
        self._make_future: Callable[..., Any] = _types.Future
        self._numbers: dict[Any, int] = {}
        self._last = 0
        remedies.stop_status_reports()
        remedies.know_worker_names()
        remedies.end_silent_connections(self.address[1], member.UNREACHABLE_SECONDS)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where workers reach this process."""
        import scoop

        host, _, port = scoop.worker.decode().rpartition(":")
        return host, int(port)

    def invite(self) -> int:
        """Let the broker ask some worker to introduce itself; return the number of the call."""
        future = self._futures.submit(guest.introduce)
        future.add_done_callback(note_end)
        self._queue.flush()
        return self._note(future)

    def prepare(self, function: Callable[..., Any], *arguments: Any) -> tuple[int, bytes]:
        """Return number and message of a call, for `send`."""
        future = self._make_future(self._control.current.id, function, *arguments)
        message = pickle.dumps(future, pickle.HIGHEST_PROTOCOL)
        future.add_done_callback(note_end)
        future.args = ()  # they may be large
        return self._note(future), message

    def send(self, worker: bytes, message: bytes) -> bool:
        """Send a message to a worker; return False if there is no connection to it now."""
        import zmq

        try:
            self._queue.socket.direct_socket.send_multipart([worker, TASK, message], zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def reaches(self, worker: bytes) -> bool:
        """Return whether there is a connection to a worker, by a message that means nothing."""
        import zmq

        message = [worker, STATUS_ANSWER, pickle.dumps(None), STATUS_GIVEN]
        try:
            self._queue.socket.direct_socket.send_multipart(message, zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def receive(self, seconds: float) -> list[Answer]:
        """Return what came back, after waiting for it up to ``seconds``.

        Raises
        ------
        WorkerDiedError
            SCOOP has shut down.
        """
        from scoop._comm import Shutdown

        queue = self._queue
        try:
            queue.socket._poll(int(1000 * seconds))
            queue.updateQueue()
            queue.flush()  # what came back unfinished, and futures that the script submitted
        except Shutdown as error:
            raise WorkerDiedError(
                "SCOOP has shut down all workers because one of them ended by an error of its own. "
                "Its message is above; most often the worker could not import the main script or "
                "something that a run needs. Completed runs are stored; run the others again."
            ) from error
        answers = []
        while _ended:
            future = _ended.popleft()
            number = self._numbers.pop(future.id, None)
            future._delete()
            if number is not None:
                answers.append(Answer(number, future.resultValue, future.exceptionValue))
        return answers

    def forget(self, number: int) -> None:
        """Ignore what comes back of a call from now on; most likely nothing will."""
        future = self._control.futureDict.get(self.ignore(number))
        if future is not None:
            future._delete()

    def ignore(self, number: int) -> Any:
        """Ignore what will come back of a call; return the name of its future, None if it has."""
        found = next((key for key, each in self._numbers.items() if each == number), None)
        if found is not None:
            del self._numbers[found]
        return found

    @property
    def _queue(self) -> Any:
        return self._control.execQueue

    def _note(self, future: Any) -> int:
        self._last += 1
        self._numbers[future.id] = self._last
        return self._last
