"""Functions that workers of Dask call; a module of its own because they import it."""

from __future__ import annotations

import signal
from typing import Any

from pypet.plugins._workers import executor_worker


def execute_batch(name: str, data: bytes | None, tasks: bytes, main: str | None, owner: int) -> Any:
    """Execute a batch; replies without outcomes have the address of the worker.

    See `executor_worker.execute_batch`.
    """
    from distributed import get_worker

    reply = executor_worker.execute_batch(name, data, tasks, main, owner)
    return reply if reply.outcomes is not None else reply._replace(worker=get_worker().address)


def pass_on(data: bytes) -> bytes:
    """Return ``data``.

    As the result of a task, Dask can compute it again when all workers that had it are gone.
    """
    return data


def dask_setup(worker: Any) -> None:
    """Ignore CTRL+C, which reaches all processes of a terminal; the main process decides.

    Dask calls this function in new workers of clusters that name this module as a preload.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
