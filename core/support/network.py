"""Addresses of this host in ``tcp://`` URLs."""

from __future__ import annotations

import random
import socket


def is_ipv6(url: str) -> bool:
    """Return whether a URL contains an IPv6 address, which is written in brackets."""
    return "[" in url


def convert_ipv6(host: str) -> str:
    """Return a host as written in URLs: IPv6 addresses in brackets, without zone."""
    address = host.partition("%")[0]
    return f"[{address}]" if ":" in address else address


def port_to_tcp(port: int | str | tuple[int, int] | None = None) -> str:
    """Return ``tcp://<this host>:<port>``.

    None selects any free port, ``(min, max)`` a free one with ``min <= port < max``.

    Raises
    ------
    OSError
        No port of the range is free.
    """
    family, address = _own_address()
    if port is None or isinstance(port, tuple):
        port = _free_port(family, address, port)
    return f"tcp://{convert_ipv6(address)}:{port}"


def _own_address() -> tuple[int, str]:
    """Return family and address by which other hosts reach this one; loopback if there is none."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM)
    except OSError:  # the host name does not resolve
        return socket.AF_INET, "127.0.0.1"
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, str(address[0])


def _free_port(family: int, address: str, limits: tuple[int, int] | None) -> int:
    candidates = [0] if limits is None else random.sample(range(*limits), limits[1] - limits[0])
    for candidate in candidates:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((address, candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"No port is free on {address} in the range {limits}.")
