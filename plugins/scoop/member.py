"""One worker as the main process knows it, and the batch that it has."""

from __future__ import annotations

import errno
import selectors
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import monotonic, time

from pypet.interfaces import Task
from pypet.support.processes import describe_exit

PROBE_SECONDS = 2.0
"""So often somebody knocks at a worker that is executing something."""
UNREACHABLE_SECONDS = 60.0
"""A worker whose host does not answer for so long is given up; cables are out for less."""
DOUBT_SECONDS = 5.0
"""After so long a worker is asked whether it still has its batch, and again after twice as long."""
MOST_DOUBT_SECONDS = 300.0


@dataclass(eq=False)
class Batch:
    """Tasks that a worker has, and the message with which it got them."""

    number: int
    tasks: Sequence[Task]
    round: str
    """Name of the work."""
    message: bytes | None
    """None once it was sent."""
    began: float = 0.0
    """When it was sent, by the clock of `time.monotonic`."""
    started: float = 0.0
    """The same in seconds since the epoch."""
    question: int | None = None
    """Number of a call that the worker answers after it has executed the batch."""
    asked: float = 0.0
    """When it was asked that for the last time."""
    doubt: float = field(default_factory=lambda: DOUBT_SECONDS)
    """Seconds after which it is to be asked, again if it did not answer."""
    answered: float | None = None
    """When it answered, although the batch has not come back."""

    def note_sent(self) -> None:
        """Note that the worker has it from now on."""
        self.message = None
        self.began, self.started = monotonic(), time()
        self.asked = self.began

    def note_asked(self, question: int) -> None:
        """Note that the worker was asked; it is not to be asked again soon."""
        self.question, self.asked = question, monotonic()
        self.doubt = min(2 * self.doubt, MOST_DOUBT_SECONDS)


@dataclass(eq=False)
class Member:
    """A worker; ``process`` is the stand-in of the main process, None for those of SCOOP."""

    name: bytes
    host: str
    pid: int
    process: subprocess.Popen[bytes] | None = None
    knows: str = ""
    """Name of the latest work that it was sent."""
    batch: Batch | None = None
    door: Door | None = field(init=False)
    rests_until: float = 0.0
    """Nothing is to be given to it before, by the clock of `time.monotonic`."""

    def __post_init__(self) -> None:
        self.door = Door(self.name) if self.process is None else None

    def __str__(self) -> str:
        return f"worker {self.pid} on host {self.host}"

    @property
    def is_gone(self) -> bool:
        """Whether it is certain, or given up, that its process is there."""
        if self.process is not None:
            return self.process.poll() is not None
        return self.door is not None and self.door.is_shut()

    def describe_exit(self) -> str:
        """Return how it ended, as part of a sentence."""
        return describe_exit(None if self.process is None else self.process.returncode)

    def begin(self, batch: Batch) -> None:
        """Have a batch from now on."""
        self.batch = batch
        self.note_heard()  # nobody has knocked while it had none

    def note_heard(self) -> None:
        """Note that it has just been heard of, or that its host is known to be there."""
        if self.door is not None:
            self.door.rest()

    def leave(self) -> None:
        """Give up what is kept for it."""
        if self.door is not None:
            self.door.leave()


class Door:
    """Knocks at the port of a worker: who is gone does not open any more.

    Connections are accepted by ZeroMQ's own thread, also while the worker is executing a run. A
    worker that has never opened may be behind a firewall: see `has_opened`.
    """

    def __init__(self, name: bytes) -> None:
        host, _, port = name.decode().rpartition(":")
        self._address = (host, int(port))
        self._socket: socket.socket | None = None
        self._next = 0.0
        self._in_vain_since: float | None = None
        """When somebody knocked first of all those to whom it was not opened."""
        self.has_opened = False
        """Whether it ever has."""

    def is_shut(self) -> bool:
        """Return whether nobody opens any more; to be asked often, it knocks now and then.

        That is so if the host says that nobody is there, or nothing for `UNREACHABLE_SECONDS`.
        """
        now = monotonic()
        if self._socket is None:
            if now < self._next:
                return False
            self._next = now + PROBE_SECONDS
            if self._in_vain_since is None:
                self._in_vain_since = now
            self._knock()
        answer = self._answer()
        if answer is None:  # not yet
            if now > self._next + PROBE_SECONDS:
                self.leave()
                self._next = now
        elif answer == 0:
            self.has_opened = True
            self.rest()
        elif answer == errno.ECONNREFUSED:
            self.leave()
            return True
        else:
            self.leave()
        since = self._in_vain_since
        return since is not None and now - since > UNREACHABLE_SECONDS

    def leave(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def rest(self) -> None:
        """Forget how long nobody has opened."""
        self.leave()
        self._in_vain_since = None

    def _knock(self) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                *self._address, type=socket.SOCK_STREAM
            )[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            self._socket.connect_ex(address)
        except OSError:  # no address for the name, or no more sockets
            self.leave()

    def _answer(self) -> int | None:
        """Return 0 if the door was opened, else an error number, None if that is not known yet."""
        if self._socket is None:
            return errno.EHOSTUNREACH
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_WRITE)
            if not selector.select(0):
                return None
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
