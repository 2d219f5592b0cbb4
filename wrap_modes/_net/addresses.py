"""Where a server listens, and which address workers connect to."""

from __future__ import annotations

import random
import socket
from typing import Any

from pypet.support.network import convert_ipv6, is_ipv6, port_to_tcp

LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("*", "0.0.0.0", "[::]", "[::0]")
_MAX_ATTEMPTS = 200

Port = int | str | tuple[int, int] | None
"""A port, a range ``low <= port < high``, a complete address, or None for any free port."""


def bind(server: Any, port: Port, *, reachable: bool) -> str:
    """Bind a ZeroMQ socket, and return the address that workers connect to.

    Without an address it listens on the loopback device, where only this machine reaches it; with
    ``reachable`` on the address under which other hosts know this one.

    Raises
    ------
    OSError
        The port, or each one of the range, is in use, or this host has no such address.
    """
    import zmq

    if isinstance(port, str):
        url = port if not port.startswith("tcp://") or _has_port(port) else f"{port}:*"
        candidates = [url]
    else:
        host = own_host() if reachable else LOOPBACK
        candidates = [f"tcp://{host}:{each}" for each in _ports(port)]
    server.setsockopt(zmq.IPV6, int(is_ipv6(candidates[0])))
    refusal: Exception | None = None
    for url in candidates:
        try:
            server.bind(url)
        except zmq.ZMQError as error:
            refusal = error
            continue
        bound = server.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()
        return _as_seen_by_workers(bound)
    raise OSError(
        f"port={port!r}: nothing can listen at {_listed(candidates)} ({refusal}). Give another "
        "port, a range like (7777, 9999), or leave it out for any free port."
    )


def fixed_address(port: Port, *, reachable: bool) -> str | None:
    """Return what `bind` will return if it listens at all; None as long as the port is open."""
    if isinstance(port, str):
        if port.startswith("tcp://") and not (
            _has_port(port) and port.rpartition(":")[2].isdigit()
        ):
            return None
        return _as_seen_by_workers(port)
    first, *others = _ports(port)
    if others or first == "*":
        return None
    return f"tcp://{own_host() if reachable else LOOPBACK}:{first}"


def own_host() -> str:
    """Return the address under which other hosts reach this one, as URLs have it.

    That is the address of this host's name. Where that is the loopback device, as on
    Debian, it is the address from which fragments leave for elsewhere.
    """
    host = port_to_tcp(0)[len("tcp://") :].rpartition(":")[0]
    if not host.startswith("127.") and host != "[::1]":
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent by this; the address is reserved for documentation (RFC 5737).
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return host
        return convert_ipv6(str(probe.getsockname()[0]))


def _ports(port: int | tuple[int, int] | None) -> list[int | str]:
    if port is None:
        return ["*"]
    if isinstance(port, tuple):
        low, high = port
        count = max(1, high - low)
        return [low + each for each in random.sample(range(count), min(count, _MAX_ATTEMPTS))]
    return [port]


def _has_port(url: str) -> bool:
    host = url[len("tcp://") :]
    return ":" in host.rpartition("]")[2]


def _as_seen_by_workers(bound: str) -> str:
    if not bound.startswith("tcp://"):
        return bound
    host, _, port = bound[len("tcp://") :].rpartition(":")
    if host in _EVERYWHERE:
        host = own_host()
    return f"tcp://{host}:{port}"


def _listed(candidates: list[str]) -> str:
    if len(candidates) == 1:
        return candidates[0]
    return f"any of {len(candidates)} ports at {candidates[0].rpartition(':')[0]}"
