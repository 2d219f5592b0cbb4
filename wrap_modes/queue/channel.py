"""The workers' way to the writer process."""

from __future__ import annotations

import os
import socket
from typing import Any

from pypet.errors import NotStoredError
from pypet.services.messages import StoreMessage, dump
from pypet.wrap_modes._local import framing


class Channel:
    """The way to the writer: each process that uses it has a connection of its own.

    Thus workers do not wait for each other, and a process that dies while sending breaks its own
    connection only. Can be inherited and pickled; the connection is made when it is first used.
    """

    def __init__(self, family: int, address: Any, secret: bytes) -> None:
        self._family = family
        self._address = address
        self._secret = secret
        self._connection: socket.socket | None = None
        self._number = 0
        self._pid = -1
        self._is_inheritable = False

    def __getstate__(self) -> dict[str, Any]:
        own = {"_connection": None, "_pid": -1, "_is_inheritable": False}
        return {**self.__dict__, **own}

    def prepare_fork(self) -> None:
        """Make a new connection, for processes forked from here that use it one by one."""
        self._connect()
        self._is_inheritable = True

    def put(self, message: StoreMessage) -> None:
        """Send a message; waits while the writer is behind.

        Raises
        ------
        NotStoredError
            There is no writer any more.
        """
        pieces = dump(message)
        try:
            connection = self._connection
            if connection is None or (self._pid != os.getpid() and not self._inherit()):
                connection = self._connect()
            self._number += 1
            framing.send(connection, self._number, pieces)
        except OSError as error:
            self.close()
            raise NotStoredError(
                f"{message.what()} cannot be stored: the process that stores data for "
                f"wrap_mode='QUEUE' is gone ({error}).",
                [message.run],
            ) from error
        except BaseException:
            self.close()  # half a frame may have been sent; the next one needs a new connection
            raise

    def close(self) -> None:
        """Close the connection of this process; it is made again when it is needed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _inherit(self) -> bool:
        """Take over the connection of the parent process, if that does not use it itself."""
        if not self._is_inheritable or self._pid != os.getppid():
            return False
        self._pid, self._is_inheritable = os.getpid(), False
        return True

    def _connect(self) -> socket.socket:
        self.close()
        self._is_inheritable = False
        connection = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            connection.connect(self._address)
            connection.sendall(self._secret)
        except BaseException:
            connection.close()
            raise
        self._connection, self._pid, self._number = connection, os.getpid(), 0
        return connection
