"""A cable that delays and loses packets: copies what arrives at one interface to another one.

    bad_cable.py INTERFACE OTHER DELAY LOSS

DELAY is in seconds, each way; LOSS is the part of packets that are lost. Both interfaces are to be
in a network namespace without addresses, so that nothing else answers there. Says "ready" on
standard output, and goes on until it is killed. Kernels without `tc netem` have no other way to
do that to real packets.
"""

from __future__ import annotations

import random
import selectors
import socket
import sys
import time
from collections import deque

ALL_PROTOCOLS = 3
SOL_PACKET, PACKET_VNET_HDR = 263, 15
"""The latter gives each packet a header with what is left to the network card: checksum, cuts."""
OUTGOING = 4
MOST_BYTES = 1 << 17


def opened(interface: str) -> socket.socket:
    """Return a socket that receives and sends whole packets."""
    plug = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    plug.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    plug.bind((interface, ALL_PROTOCOLS))
    plug.setblocking(False)
    return plug


def main(first: str, second: str, delay: float, loss: float) -> None:
    """Copy for ever."""
    plugs = opened(first), opened(second)
    selector = selectors.DefaultSelector()
    for plug, other in (plugs, plugs[::-1]):
        selector.register(plug, selectors.EVENT_READ, other)
    chance = random.Random(1)
    under_way: deque[tuple[float, socket.socket, bytes]] = deque()
    print("ready", flush=True)
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        for key, _ in selector.select(wait):
            packet, (_, _, kind, *_) = key.fileobj.recvfrom(MOST_BYTES)
            if kind != OUTGOING and chance.random() >= loss:
                under_way.append((time.monotonic() + delay, key.data, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, plug, packet = under_way.popleft()
            try:
                plug.send(packet)
            except BlockingIOError:
                pass  # a full buffer loses packets, as cables do
            except OSError as error:
                if error.errno not in (100, 105):  # network down, no buffer
                    raise


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
