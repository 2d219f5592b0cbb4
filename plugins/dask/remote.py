"""What happens in workers of Dask; they import this module."""

from __future__ import annotations

import signal
from typing import Any

from pypet.plugins._workers import guest


def perform_batch(name: str, data: bytes | None, tasks: bytes, main: str | None, host: int) -> Any:
    """Execute a batch; see `guest.perform_batch`. Replies without outcomes say whence they come."""
    from distributed import get_worker

    reply = guest.perform_batch(name, data, tasks, main, host)
    return reply if reply.outcomes is not None else reply._replace(worker=get_worker().address)


def pass_on(data: bytes) -> bytes:
    """Return what is given: a task that can be done again when workers that had it are gone."""
    return data


def dask_setup(worker: Any) -> None:
    """Ignore CTRL+C, which reaches all processes of a terminal; the main process decides.

    Dask calls this function in new workers of clusters that name this module as a preload.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
