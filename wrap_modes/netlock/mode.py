"""The wrap mode."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from multiprocessing.util import Finalize
from typing import Any, ClassVar

from pypet.errors import NotStoredError
from pypet.interfaces import Option, StorageService
from pypet.options.established import established
from pypet.support.optional import require
from pypet.support.processes import describe_exit
from pypet.wrap_modes._local.helper_process import start_helper
from pypet.wrap_modes._local.locking import LockMode
from pypet.wrap_modes._net.addresses import fixed_address
from pypet.wrap_modes._net.keys import ServerKey
from pypet.wrap_modes.netlock.network_lock import NetworkLock
from pypet.wrap_modes.netlock.server import LockServerSetup, serve


class NetLockWrapMode(LockMode):
    """Workers on any host open the storage directly, each under a lock that a server gives.

    All of them need to see the same file, by a file system that the hosts share. Everything is
    encrypted with a key that is made for the experiment. It reaches workers with their tasks, or
    by a file if others can read these. With ``timeout``, in seconds, the lock passes to the next
    one if its owner has it for longer.
    """

    name: ClassVar[str] = "NETLOCK"
    requires: ClassVar[tuple[str, ...]] = ("zmq",)
    extra: ClassVar[str | None] = "net"
    options: ClassVar[tuple[Option, ...]] = established("port", "timeout")
    works_across_hosts: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._options = options
        self._lock: NetworkLock | None = None
        self._key: ServerKey | None = None
        self._control: Any = None
        self._process: Any = None
        self._at_exit: Finalize | None = None

    @classmethod
    def fixed_url(cls, options: Mapping[str, Any]) -> str | None:
        """Return the address if ``port`` says all of it."""
        return fixed_address(options.get("port"), reachable=bool(options.get("across_hosts")))

    @property
    def url(self) -> str | None:
        """Where the server listens, between `start` and `stop`."""
        return None if self._lock is None else self._lock.url

    def check(self) -> None:
        """Raise if the server is gone; see `WrapMode.check`."""
        if self._process is not None and self._process.exitcode is not None:
            raise NotStoredError(f"{self._death()}.", is_final=True)

    def end_lock(self) -> None:
        """End the server; see `LockMode.end_lock`."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.close()
        self._end()

    def wait_closed(self) -> None:
        """Wait until the server is gone; see `WrapMode.wait_closed`."""
        process, self._process = self._process, None
        if process is not None:
            process.join()

    def make_lock(self, service: StorageService, mp_context: BaseContext) -> NetworkLock:
        """Start the server, wait until it listens, and return the lock.

        Raises
        ------
        OSError
            The port is in use, or the key cannot be written into a file that workers need.
        """
        options = self._options
        zmq = require("zmq", plugin=self.name, extra=self.extra)
        key = self._key = ServerKey.make_for(zmq, service, options)
        self._control, theirs = mp_context.Pipe()
        setup = LockServerSetup(
            self.name,
            key,
            options.get("port"),
            bool(options.get("across_hosts")),
            options.get("timeout"),
            theirs,
            options.get("helper_setup"),
        )
        self._process = start_helper(self.name, mp_context, serve, (setup,))
        theirs.close()
        # Without a call of `stop`, it has to end with this process, which waits for its children.
        self._at_exit = Finalize(self, _finish, (self._control,), exitpriority=10)
        wait([self._control, self._process.sentinel])
        try:
            answer = self._control.recv()
        except (EOFError, OSError):
            self._process.join()
            answer = RuntimeError(f"{self._death()} before it could listen.")
        if isinstance(answer, Exception):
            self._end()
            self.wait_closed()
            raise answer
        self._lock = NetworkLock(str(answer), key.for_workers())
        return self._lock

    def _end(self) -> None:
        key, self._key = self._key, None
        if key is not None:
            key.withdraw()
        if self._at_exit is not None:
            self._at_exit()
            self._at_exit = None

    def _death(self) -> str:
        end = describe_exit(self._process.exitcode)
        return f"The process that gives the lock of wrap_mode='NETLOCK' {end}"


def _finish(control: Any) -> None:
    with suppress(OSError):
        control.send("finish")  # a forked server has this end of the pipe, too: it sees no end
    control.close()
