"""Who has a task that was sent to a worker: the worker, or again the main process.

Batches save messages, but a long run would keep those behind it waiting while other workers are
idle. So a worker claims each task right before it begins it, and the main process can take back
those that are not claimed yet. What was taken back is still on its way in a message, and skipped.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Claims:
    """The tasks of one worker, numbered as they are sent to it; can be inherited and pickled.

    The worker claims from the front, the main process takes back from the end, and there is one
    token for each task in between. The main process may take back again only when the worker has
    reported about a task that it got later, and so has passed those it does not have any more.
    """

    def __init__(self, context: Any) -> None:
        """``context`` is that of the processes."""
        self._tokens = context.Semaphore(0)
        self._taken_back = context.RawArray("q", 2)

    # ----- in the main process --------------------------------------------------------------

    def reset(self) -> None:
        """Begin anew, for another worker."""
        while self._tokens.acquire(block=False):
            pass
        self._taken_back[:] = (0, 0)

    def grant(self, count: int) -> None:
        """Let the worker claim so many further tasks; to be called before they are sent."""
        for _ in range(count):
            self._tokens.release()

    def take_back(self, sent: int) -> int:
        """Take back all tasks that nobody claimed yet of the ``sent`` ones; return how many."""
        count = 0
        while self._tokens.acquire(block=False):
            count += 1
        if count:
            # Before tokens of later tasks can be there, so that none is taken for one of these.
            self._taken_back[:] = (sent - count, sent)
        return count

    # ----- in the worker --------------------------------------------------------------------

    def claim(self, number: int) -> bool:
        """Return whether the task of this number is the worker's to execute."""
        if not self._tokens.acquire(block=False):
            return False
        first, end = self._taken_back
        if first <= number < end:
            self._tokens.release()
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
