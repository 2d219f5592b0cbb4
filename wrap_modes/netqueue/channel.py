"""The workers' way to the writer process, from wherever they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from pypet.errors import NotStoredError
from pypet.records import StoreRequest
from pypet.services.messages import StoreMessage, dump, dump_copy
from pypet.wrap_modes._local.framing import encode_batch
from pypet.wrap_modes._net.client_socket import ClientSocket, OnePerProcess, in_frames
from pypet.wrap_modes._net.keys import WorkerKey

RESEND_SECONDS = 5.0
"""The first time after which an answer is overdue; it doubles as long as none comes."""
MAX_RESEND_SECONDS = 60.0
RECONNECT_SECONDS = 30.0
"""How long the writer's machine may be out of reach."""
_MAX_UNANSWERED = 4
_MAX_UNANSWERED_BYTES = 32 << 20
"""Bytes that a worker keeps to send them again while it executes its next runs."""
_BATCH_BYTES = 1 << 18
_MAX_PARCELS = 256


class _Message(NamedTuple):
    number: int
    frames: list[Any]
    size: int
    runs: list[int]


class Channel(AbstractContextManager[None]):
    """Sends messages and waits until the writer says that it has them.

    Unacknowledged messages are sent again over a new connection, and the writer accepts each once.
    In the context of the channel small messages are gathered, to be sent together by `flush`, and
    large ones are encrypted and sent while the next run is executed: a worker that executes many
    runs waits for an answer when it reports them, not after each.
    """

    def __init__(self, url: str, key: WorkerKey) -> None:
        self._socket = ClientSocket(url, key)
        self._gathers = False
        self._lost: dict[int, Exception] = {}
        """Runs whose data the writer did not get, and why; some had returned from `put` before."""
        self._forget()

    def __reduce__(self) -> tuple[Any, ...]:
        return _in_this_process, (self._socket.url, self._socket.key)

    @property
    def url(self) -> str:
        """Where the writer listens."""
        return self._socket.url

    def __enter__(self) -> None:
        self._gathers = True

    def __exit__(self, *error: object) -> None:
        self._gathers = False

    def put(self, message: StoreMessage) -> None:
        """Send a message; returns when the writer has it, in the context of the channel earlier.

        Raises
        ------
        NotStoredError
            The writer cannot be reached any more.
        """
        dumped: list[Any] = dump(message)
        self._begin()
        gathers = self._gathers and len(dumped) == 2
        if self._gathers and not gathers and isinstance(message.content, StoreRequest):
            size = sum(map(len, dumped))
            if size <= _BATCH_BYTES:
                dumped, gathers = list(dump_copy(message)), True
        self._gathered.append(dumped)
        self._runs.append(message.run)
        self._size += sum(map(len, dumped))
        try:
            if not gathers:
                self._send()
                self._wait(_MAX_UNANSWERED if self._gathers else 0)
            elif self._size >= _BATCH_BYTES or len(self._runs) >= _MAX_PARCELS:
                self._send()
                self._wait(_MAX_UNANSWERED)
        except ConnectionError as error:
            raise self._gone(message.what(), error) from error
        except BaseException as error:
            self._give_up(NotStoredError(f"Storing was interrupted: {error!r}."))
            raise

    def flush(self) -> Mapping[int, Exception]:
        """Send what was gathered and wait until the writer has all.

        Return the error of each run for which that failed, by index, also in `put` since the last
        time: that may have lost what other runs had handed over.
        """
        if self._socket.is_mine():
            try:
                self._send()
                self._wait(0)
            except ConnectionError as error:
                self._gone("data of runs", error)
            except BaseException:
                self.close()
                raise
        lost, self._lost = self._lost, {}
        return lost

    def copies_of(self, run: int) -> list[list[Any]] | None:
        """Return the messages gathered of the most recent run, once the others are answered.

        None if they are lost: then `flush` says why.
        """
        if run in self._lost:
            return None
        if not self._socket.is_mine():
            return []
        try:
            if self._unanswered and self._unanswered[-1].runs[-1] == run:
                self._wait(0)
        except ConnectionError as error:
            self._gone("data of runs", error)
            return None
        except BaseException as error:
            self._give_up(NotStoredError(f"Storing was interrupted: {error!r}."))
            raise
        first = len(self._runs)
        while first and self._runs[first - 1] == run:
            first -= 1
        return self._gathered[first:]

    def drop(self, runs: Collection[int]) -> None:
        """Forget what was gathered of these runs."""
        kept = [
            (run, dumped)
            for run, dumped in zip(self._runs, self._gathered, strict=True)
            if run not in runs
        ]
        self._runs[:] = [run for run, _ in kept]
        self._gathered[:] = [dumped for _, dumped in kept]
        self._size = sum(len(piece) for _, dumped in kept for piece in dumped)

    def close(self) -> None:
        """End the connection of this process; what was not sent is forgotten."""
        if self._socket.is_mine():
            self._socket.close()
        self._forget()

    def _begin(self) -> None:
        if not self._socket.is_mine():
            self._forget()  # it is what a parent process was about to send
            self._socket.begin()

    def _forget(self) -> None:
        self._number = 0
        self._gathered: list[list[Any]] = []
        self._runs: list[int] = []
        self._size = 0
        self._unanswered: deque[_Message] = deque()

    def _send(self) -> None:
        if not self._gathered:
            return
        self._number += 1
        # What a run has stored may change before the writer has it.
        frames = in_frames(encode_batch(self._gathered), copies=self._gathers)
        message = _Message(self._number, frames, self._size, self._runs)
        self._gathered, self._runs, self._size = [], [], 0
        self._unanswered.append(message)
        self._socket.send(message.number, message.frames)

    def _wait(self, most: int) -> None:
        """Wait until at most ``most`` messages are unanswered, and those are not too large."""
        patience = RESEND_SECONDS
        unanswered = self._unanswered
        while len(unanswered) > most or self._unanswered_bytes() > _MAX_UNANSWERED_BYTES:
            answer = self._socket.receive(patience)
            if answer is not None:
                while unanswered and unanswered[0].number <= answer[0]:
                    unanswered.popleft()
                continue
            if not self._socket.reconnect(RECONNECT_SECONDS):
                raise ConnectionError(
                    f"the writer at {self._socket.url} has been out of reach for "
                    f"{RECONNECT_SECONDS:g} seconds"
                )
            for message in unanswered:
                self._socket.send(message.number, message.frames)
            patience = min(2 * patience, MAX_RESEND_SECONDS)

    def _unanswered_bytes(self) -> int:
        return sum(message.size for message in self._unanswered)

    def _gone(self, what: str, error: ConnectionError) -> NotStoredError:
        failure = NotStoredError(
            f"{what} cannot be stored: the process that stores data for wrap_mode='NETQUEUE' is "
            f"gone ({error}).",
        )
        self._give_up(failure)
        return failure

    def _give_up(self, failure: NotStoredError) -> None:
        """End the connection. What the writer does not have is lost, also of earlier runs."""
        runs = {*self._runs, *(run for each in self._unanswered for run in each.runs)}
        failure.runs = tuple(sorted(runs))
        self._lost.update(dict.fromkeys(runs, failure))
        self.close()


def _in_this_process(url: str, key: WorkerKey) -> Channel:
    channel: Channel = _channels.get(url, key)
    return channel


_channels = OnePerProcess(Channel)
