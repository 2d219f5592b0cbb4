"""Wrap mode NETQUEUE: one process stores what workers on any host send.

Needs ``pip install "pypet[net]"``.
"""

from __future__ import annotations

from pypet.interfaces import WrapMode
from pypet.markers import hookimpl
from pypet.wrap_modes.netqueue.mode import NetQueueSender, NetQueueWrapMode
from pypet.wrap_modes.netqueue.plaintext import (
    ForkAwareQueuingClient,
    QueuingClient,
    QueuingServer,
    QueuingServerMessageListener,
)

__all__ = [
    "ForkAwareQueuingClient",
    "NetQueueSender",
    "NetQueueWrapMode",
    "QueuingClient",
    "QueuingServer",
    "QueuingServerMessageListener",
]


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that stores in a process of its own, over the network."""
    return [NetQueueWrapMode]
