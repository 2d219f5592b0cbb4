"""Wrap mode QUEUE: one process keeps the storage open and stores what workers send."""

from __future__ import annotations

from pypet.interfaces import WrapMode
from pypet.markers import hookimpl
from pypet.wrap_modes._local.user_queue import QueueStorageServiceWriter
from pypet.wrap_modes.queue.mode import QueueStorageServiceSender, QueueWrapMode

__all__ = ["QueueStorageServiceSender", "QueueStorageServiceWriter", "QueueWrapMode"]


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that stores in a process of its own."""
    return [QueueWrapMode]
