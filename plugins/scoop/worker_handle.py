"""A worker of SCOOP and its batch, seen from the main process."""

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
"""Time between two probes of a worker that is executing something."""
UNREACHABLE_SECONDS = 60.0
"""A worker is given up if its host does not answer for so long; a pulled cable takes less."""
DOUBT_SECONDS = 5.0
"""Time until a worker is asked whether it still has its batch; doubled each time."""
MAX_DOUBT_SECONDS = 300.0


@dataclass(eq=False)
class Batch:
    """Tasks that a worker has, or gets by ``message``."""

    number: int
    tasks: Sequence[Task]
    function: str
    """Name of the task function."""
    message: bytes | None
    """None once it was sent."""
    began: float = 0.0
    """When it was sent, in seconds by `time.monotonic`."""
    started: float = 0.0
    """The same in seconds since the epoch."""
    question: int | None = None
    """Number of a call that the worker answers after it has executed the batch."""
    asked: float = 0.0
    """When the latest question was sent."""
    doubt: float = field(default_factory=lambda: DOUBT_SECONDS)
    """Seconds until the next question."""
    answered: float | None = None
    """When the question was answered, although the batch has not come back."""

    def note_sent(self) -> None:
        """Take note that the batch was sent."""
        self.message = None
        self.began, self.started = monotonic(), time()
        self.asked = self.began

    def note_asked(self, question: int) -> None:
        """Take note of a question, and wait twice as long until the next one."""
        self.question, self.asked = question, monotonic()
        self.doubt = min(2 * self.doubt, MAX_DOUBT_SECONDS)


@dataclass(eq=False)
class WorkerHandle:
    """A worker; ``process`` is that of the local worker, None for those that SCOOP has started."""

    name: bytes
    host: str
    pid: int
    process: subprocess.Popen[bytes] | None = None
    function: str = ""
    """Name of the latest task function that it was sent."""
    batch: Batch | None = None
    probe: PortProbe | None = field(init=False)
    rests_until: float = 0.0
    """It gets no batch before this time, in seconds by `time.monotonic`."""

    def __post_init__(self) -> None:
        self.probe = PortProbe(self.name) if self.process is None else None

    def __str__(self) -> str:
        return f"worker {self.pid} on host {self.host}"

    @property
    def is_gone(self) -> bool:
        """Whether its process has ended, or cannot be reached any more."""
        if self.process is not None:
            return self.process.poll() is not None
        return self.probe is not None and self.probe.is_dead()

    def describe_exit(self) -> str:
        """Return how it ended, as part of a sentence."""
        return describe_exit(None if self.process is None else self.process.returncode)

    def begin(self, batch: Batch) -> None:
        """Assign a batch to the worker."""
        self.batch = batch
        self.note_alive()  # idle workers are not probed

    def note_alive(self) -> None:
        """Take note that the worker or its host has just shown a sign of life."""
        if self.probe is not None:
            self.probe.reset()

    def close(self) -> None:
        """Free the resources of the handle."""
        if self.probe is not None:
            self.probe.close()


class PortProbe:
    """Connects to the port of a worker now and then; a worker that is gone does not accept.

    ZeroMQ accepts connections in a thread of its own, also while the worker is executing a run.
    A worker that has never accepted one may be behind a firewall: see `was_accepted`.
    """

    def __init__(self, name: bytes) -> None:
        host, _, port = name.decode().rpartition(":")
        self._address = (host, int(port))
        self._socket: socket.socket | None = None
        self._next = 0.0
        self._unanswered_since: float | None = None
        """Time of the first attempt since the latest success; None without one."""
        self.was_accepted = False
        """Whether the worker has ever accepted a connection."""

    def is_dead(self) -> bool:
        """Return whether the worker is gone: its host refuses, or has long been silent.

        Never waits: connections are made and checked by one call after the other. Silence counts
        after `UNREACHABLE_SECONDS`.
        """
        now = monotonic()
        if self._socket is None:
            if now < self._next:
                return False
            self._next = now + PROBE_SECONDS
            if self._unanswered_since is None:
                self._unanswered_since = now
            self._connect()
        answer = self._answer()
        if answer is None:  # not yet
            if now > self._next + PROBE_SECONDS:
                self.close()
                self._next = now
        elif answer == 0:
            self.was_accepted = True
            self.reset()
        elif answer == errno.ECONNREFUSED:
            self.close()
            return True
        else:
            self.close()
        since = self._unanswered_since
        return since is not None and now - since > UNREACHABLE_SECONDS

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def reset(self) -> None:
        """Restart the time of silence."""
        self.close()
        self._unanswered_since = None

    def _connect(self) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                *self._address, type=socket.SOCK_STREAM
            )[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            self._socket.connect_ex(address)
        except OSError:  # no address for the name, or no more sockets
            self.close()

    def _answer(self) -> int | None:
        """Return 0 if the port has accepted, else an error number; None if that is unknown yet."""
        if self._socket is None:
            return errno.EHOSTUNREACH
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_WRITE)
            if not selector.select(0):
                return None
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
