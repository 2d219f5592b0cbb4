"""Wrap mode PIPE: one process stores what workers send through a shared pipe."""

from __future__ import annotations

from pypet.interfaces import WrapMode
from pypet.markers import hookimpl
from pypet.wrap_modes.pipe.mode import PipeStorageServiceSender, PipeWrapMode

__all__ = ["PipeStorageServiceSender", "PipeWrapMode"]


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that stores what comes through a pipe."""
    return [PipeWrapMode]
