"""Who has a task that was sent to a worker: the worker, or again the main process.

Batches save messages, but a long run would keep those behind it waiting while other workers are
idle. So a worker claims each task right before it begins it, and the main process can take back
those that are not claimed yet. What was taken back is still on its way in a message, and skipped.
"""

from __future__ import annotations

import os
from contextlib import suppress
from multiprocessing import reduction
from typing import Any, NamedTuple

HAS_EVENTS = hasattr(os, "eventfd")
"""Whether there are counters without a name. A semaphore that other processes open by its name
is left behind if all that know about it are killed at once."""


class EventTokens:
    """A counter that processes share by inheriting it, or as an argument of a process."""

    def __init__(self) -> None:
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
        """Add so many tokens."""
        os.eventfd_write(self._descriptor, count)

    def take(self) -> bool:
        """Take a token; False if there is none."""
        try:
            os.eventfd_read(self._descriptor)
        except BlockingIOError:
            return False
        return True


class SemaphoreTokens:
    """The same with a semaphore, where there is nothing else."""

    def __init__(self, context: Any) -> None:
        self._semaphore = context.Semaphore(0)

    def put(self, count: int) -> None:
        """Add so many tokens."""
        for _ in range(count):
            self._semaphore.release()

    def take(self) -> bool:
        """Take a token; False if there is none."""
        return bool(self._semaphore.acquire(block=False))


class Claims:
    """The tasks of one worker, numbered as they are sent to it; can be inherited and pickled.

    The worker claims from the front, the main process takes back from the end, and there is one
    token for each task in between. The main process may take back again only when the worker has
    reported about a task that it got later, and so has passed those it does not have any more.
    """

    def __init__(self, context: Any) -> None:
        """``context`` is that of the processes."""
        self._tokens = EventTokens() if HAS_EVENTS else SemaphoreTokens(context)
        self._taken_back = context.RawArray("q", 2)

    # ----- in the main process --------------------------------------------------------------

    def reset(self) -> None:
        """Begin anew, for another worker."""
        while self._tokens.take():
            pass
        self._taken_back[:] = (0, 0)

    def grant(self, count: int) -> None:
        """Let the worker claim so many further tasks; to be called before they are sent."""
        self._tokens.put(count)

    def take_back(self, sent: int) -> int:
        """Take back all tasks that nobody claimed yet of the ``sent`` ones; return how many."""
        count = 0
        while self._tokens.take():
            count += 1
        if count:
            # Before tokens of later tasks can be there, so that none is taken for one of these.
            self._taken_back[:] = (sent - count, sent)
        return count

    # ----- in the worker --------------------------------------------------------------------

    def claim(self, number: int) -> bool:
        """Return whether the task of this number is the worker's to execute."""
        if not self._tokens.take():
            return False
        first, end = self._taken_back
        if first <= number < end:
            self._tokens.put(1)
            return False
        return True


class Slot(NamedTuple):
    """What the main process shares with a worker; can be inherited and pickled.

    When the worker is gone, the next one gets it.
    """

    cell: Any
    """A shared value that always says which run is being executed, so that the main process
    knows it if the worker is killed."""
    claims: Claims
