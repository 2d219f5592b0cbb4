"""Keys of one experiment: whoever has no key can neither say nor learn anything."""

from __future__ import annotations

import secrets
from typing import Any

TOKEN_BYTES = 32


class WorkerKey:
    """What a worker needs to talk to a server: it gets that with its task, and nobody else does.

    ``server`` is the public CURVE key by which a server proves who it is, and without which nobody
    can even begin to talk to it. ``token`` proves in each message that it comes from a worker; it
    only travels encrypted.
    """

    __slots__ = ("server", "token")

    def __init__(self, server: bytes, token: bytes) -> None:
        self.server = server
        self.token = token

    def __repr__(self) -> str:
        return "<WorkerKey>"  # it must not get into logs

    def secure(self, zmq: Any, socket: Any) -> None:
        """Let a socket, before it connects, encrypt everything and talk to no other server."""
        public, secret = zmq.curve_keypair()
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.server)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, secret)


class ServerKey:
    """What a server needs; it stays in the process of the server and the one that made it."""

    __slots__ = ("public", "secret", "token")

    def __init__(self, public: bytes, secret: bytes, token: bytes) -> None:
        self.public = public
        self.secret = secret
        self.token = token

    def __repr__(self) -> str:
        return "<ServerKey>"

    @classmethod
    def make(cls, zmq: Any) -> ServerKey:
        """Return a new key; ``zmq`` is the module.

        Raises
        ------
        RuntimeError
            The ZeroMQ library was built without encryption.
        """
        if not zmq.has("curve"):
            raise RuntimeError(
                "The ZeroMQ library that pyzmq uses was built without CURVE encryption, and pypet "
                "does not send data without: pip install --force-reinstall pyzmq"
            )
        public, secret = zmq.curve_keypair()
        return cls(public, secret, secrets.token_bytes(TOKEN_BYTES))

    def secure(self, zmq: Any, socket: Any) -> None:
        """Let a socket, before it listens, encrypt everything and accept nobody without the key."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.secret)

    def for_workers(self) -> WorkerKey:
        """Return what workers get."""
        return WorkerKey(self.public, self.token)
