"""Keys of one experiment: whoever has no key can neither say nor learn anything."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pypet.interfaces import StorageService
from pypet.wrap_modes._net import key_files

TOKEN_BYTES = 32
_PUBLIC_BYTES = 40
"""Of a CURVE key as text, see ZeroMQ's RFC 32."""


class WorkerKey:
    """The keys that a worker needs to talk to a server; only workers get them, with their tasks.

    ``server`` is the public CURVE key by which a server proves who it is, and without which nobody
    can even begin to talk to it. ``token`` proves in each message that it comes from a worker; it
    only travels encrypted. If ``places`` names files that have both, a pickle has these names only.
    """

    __slots__ = ("places", "server", "token")

    def __init__(self, server: bytes, token: bytes, places: tuple[str, ...] = ()) -> None:
        self.server = server
        self.token = token
        self.places = places

    def __reduce__(self) -> tuple[Any, ...]:
        if self.places:
            return _from_files, (self.places,)
        return WorkerKey, (self.server, self.token)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WorkerKey):
            return NotImplemented
        return (self.server, self.token) == (other.server, other.token)

    def __hash__(self) -> int:
        return hash(self.server)

    def __repr__(self) -> str:
        return "<WorkerKey>"  # it must not get into logs

    def secure(self, zmq: Any, socket: Any) -> None:
        """Make a socket, before it connects, encrypt everything and talk to this server only."""
        public, secret = zmq.curve_keypair()
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.server)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, secret)


class ServerKey:
    """What a server needs; it stays in the process of the server and the one that made it."""

    __slots__ = ("places", "public", "secret", "token")

    def __init__(
        self, public: bytes, secret: bytes, token: bytes, places: tuple[str, ...] = ()
    ) -> None:
        self.public = public
        self.secret = secret
        self.token = token
        self.places = places
        """Files by which workers get their key; without any it travels with their tasks."""

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

    @classmethod
    def make_for(cls, zmq: Any, service: Any, options: Mapping[str, Any]) -> ServerKey:
        """Return a new key, and write that of workers into files if tasks travel in the open.

        These are beside the file of the storage service, and in the current folder: where hosts
        share anything, it is most likely one of them. ``options`` are those of a wrap mode.

        Raises
        ------
        OSError
            No file can be written, or it cannot be kept from others.
        RuntimeError
            As for `make`.
        """
        key = cls.make(zmq)
        if not options.get("is_private", True):
            key.places = key_files.write(_folders(service), key.public + key.token)
        return key

    def secure(self, zmq: Any, socket: Any) -> None:
        """Make a socket, before it is bound, encrypt everything and reject other clients."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.public)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.secret)

    def for_workers(self) -> WorkerKey:
        """Return what workers get."""
        return WorkerKey(self.public, self.token, self.places)

    def withdraw(self) -> None:
        """Remove its files, if there are any. Safe to call twice, and in several processes."""
        key_files.remove(self.places)


@lru_cache(maxsize=4)  # workers unpickle it often, and maybe once more when the files are gone
def _from_files(places: tuple[str, ...]) -> WorkerKey:
    data = key_files.read(places)
    if len(data) != _PUBLIC_BYTES + TOKEN_BYTES:
        raise ValueError(f"{' or '.join(places)} is not a key file of pypet.")
    return WorkerKey(data[:_PUBLIC_BYTES], data[_PUBLIC_BYTES:], places)


def _folders(service: StorageService) -> list[Path]:
    """Return where workers may see a file, the most likely place first."""
    current = Path.cwd()
    filename = service.filename
    if not isinstance(filename, str | os.PathLike) or not filename:
        return [current]
    return list(dict.fromkeys((current.joinpath(filename).parent, current)))
