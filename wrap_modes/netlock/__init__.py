"""Wrap mode NETLOCK: workers on any host store by themselves, one at a time.

Needs ``pip install "pypet[net]"`` and a file system that all of them see.
"""

from __future__ import annotations

from pypet.interfaces import WrapMode
from pypet.markers import hookimpl
from pypet.wrap_modes._net.plaintext import ForkDetector, ReliableClient, ZMQServer
from pypet.wrap_modes.netlock.mode import NetLockWrapMode
from pypet.wrap_modes.netlock.network_lock import NetworkLock
from pypet.wrap_modes.netlock.plaintext import (
    ForkAwareLockerClient,
    LockerClient,
    LockerServer,
    TimeOutLockerServer,
)

__all__ = [
    "ForkAwareLockerClient",
    "ForkDetector",
    "LockerClient",
    "LockerServer",
    "NetLockWrapMode",
    "NetworkLock",
    "ReliableClient",
    "TimeOutLockerServer",
    "ZMQServer",
]


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that locks over the network."""
    return [NetLockWrapMode]
