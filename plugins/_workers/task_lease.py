"""Leases on tasks: who may execute a task that was sent to a worker.

Batches save messages, but a long run would keep those behind it waiting while other workers are
idle. So a worker acquires each task right before it begins it, and the main process can revoke the
leases on tasks that were not acquired yet, to give them to others. A revoked task is still in a
message on its way to the worker, which skips it there.

To acquire a task costs 1 to 3 us, a message for each task about 20 us.
"""

from __future__ import annotations

import os
from contextlib import suppress
from multiprocessing import reduction
from typing import Any, NamedTuple

from pypet.plugins._workers.outbox import Outbox

HAS_EVENTS = hasattr(os, "eventfd")
"""Whether there are anonymous counters (Linux). Semaphores of multiprocessing have a name by which
other processes open them, and are left behind in the system if all these are killed at once."""


class EventTokens:
    """A counter that processes share by inheriting it, or as an argument of a process."""

    def __init__(self) -> None:
        # EFD_SEMAPHORE: each read takes 1. It fails instead of waiting when the counter is 0.
        self._descriptor = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):  # never made, or at the end of the interpreter
            os.close(self._descriptor)

    def __getstate__(self) -> Any:
        return reduction.DupFd(self._descriptor)

    def __setstate__(self, duplicate: Any) -> None:
        self._descriptor = duplicate.detach()
        os.set_inheritable(self._descriptor, False)

    def put(self, count: int) -> None:
        """Add ``count`` tokens."""
        os.eventfd_write(self._descriptor, count)

    def take(self) -> bool:
        """Take a token; False if there is none."""
        try:
            os.eventfd_read(self._descriptor)
        except BlockingIOError:
            return False
        return True


class SemaphoreTokens:
    """The same counter as a semaphore, for platforms without events."""

    def __init__(self, context: Any) -> None:
        self._semaphore = context.Semaphore(0)

    def put(self, count: int) -> None:
        """Add ``count`` tokens."""
        for _ in range(count):
            self._semaphore.release()

    def take(self) -> bool:
        """Take a token; False if there is none."""
        return bool(self._semaphore.acquire(block=False))


class TaskLeases:
    """The leases of one worker on tasks, numbered as they are sent to it.

    The worker acquires tasks from the front, the main process revokes from the end, and there is
    one token for each task in between; taking a token is atomic, so no lock is needed. The
    main process may revoke again only after the worker has reported a task that it got later, and
    so has passed the revoked ones: there is only one range of these.

    Can be inherited, and pickled as an argument of a process.
    """

    def __init__(self, context: Any) -> None:
        """Make leases without tasks; ``context`` is the multiprocessing context of the worker."""
        self._tokens = EventTokens() if HAS_EVENTS else SemaphoreTokens(context)
        self._revoked = context.RawArray("q", 2)

    # ----- in the main process --------------------------------------------------------------

    def reset(self) -> None:
        """Drop all leases, for another worker."""
        while self._tokens.take():
            pass
        self._revoked[:] = (0, 0)

    def grant(self, count: int) -> None:
        """Allow the worker to acquire ``count`` more tasks; call this before they are sent."""
        self._tokens.put(count)

    def revoke(self, sent: int) -> int:
        """Revoke the leases on all tasks not acquired yet of the ``sent`` ones; return how many."""
        count = 0
        while self._tokens.take():
            count += 1
        if count:
            # Written before tokens of later tasks can exist: otherwise the worker could take one of
            # these for a revoked task.
            self._revoked[:] = (sent - count, sent)
        return count

    # ----- in the worker --------------------------------------------------------------------

    def acquire(self, number: int) -> bool:
        """Return whether the worker may execute the task of this number; it has to ask in order."""
        if not self._tokens.take():
            return False
        first, end = self._revoked
        if first <= number < end:
            self._tokens.put(1)  # it was for a later task
            return False
        return True


class WorkerSlot(NamedTuple):
    """The memory that the main process shares with a worker, and then with its successor.

    Can be inherited, and pickled as an argument of a process.
    """

    running: Any
    """A shared integer: the index of the run that is being executed. The main process reads it when
    the worker has been killed, to know which run died with it."""
    leases: TaskLeases
    outbox: Outbox
    """What the worker has not reported yet."""
