"""The owner of the lock and the processes that wait for it: rules without a network."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

CONTACT_SECONDS = 3.0
"""An owner that has not talked to the server for so long asks before it writes."""
GRACE_SECONDS = 1.0
"""Margin of the server, because clocks of two machines do not run equally fast."""


class Claim(NamedTuple):
    """One attempt of one process to get the lock."""

    session: bytes
    number: int
    """Ascends for each session, so that what is repeated is known."""


class LockTable:
    """One lock, which waiting processes get in the order in which they came.

    Times are seconds of any clock that never goes back. With a ``timeout`` the lock passes on if
    its owner has had it for that long and another client waits.
    """

    def __init__(self, timeout: float | None = None) -> None:
        self._timeout = timeout
        self.owner: Claim | None = None
        self._waiting: OrderedDict[bytes, int] = OrderedDict()
        self._released: OrderedDict[bytes, int] = OrderedDict()
        self._granted = 0.0
        self._contact = 0.0

    @property
    def is_wanted(self) -> bool:
        """Whether a client is waiting."""
        return bool(self._waiting)

    def acquire(self, claim: Claim, now: float) -> bool:
        """Return whether the claimant has the lock; else it waits. To ask again is harmless."""
        if claim == self.owner:
            self._contact = now
            return True
        if claim.number <= self._released.get(claim.session, 0):
            return False  # an old message that comes late
        if self.owner is not None and self.owner.session == claim.session:
            self.owner = None  # it has forgotten that it has the lock, and would wait for itself
        self._waiting[claim.session] = claim.number
        return self.next_owner(now) == claim

    def next_owner(self, now: float) -> Claim | None:
        """Give a free lock to the client that waited longest; return the owner, if any."""
        if self.owner is None and self._waiting:
            self.owner = Claim(*self._waiting.popitem(last=False))
            self._granted = self._contact = now
        return self.owner

    def release(self, claim: Claim) -> bool:
        """Give the lock back; return False if it was the claimant's no more."""
        if claim == self.owner:
            self.owner = None
        elif self._released.get(claim.session) != claim.number:
            return False
        self._released[claim.session] = claim.number
        self._released.move_to_end(claim.session)
        if len(self._released) > 100_000:
            self._released.popitem(last=False)
        return True

    def renew(self, claim: Claim, now: float) -> bool:
        """Return whether the claimant owns the lock, and record that it is alive."""
        if claim != self.owner:
            return False
        self._contact = now
        if self._timeout is not None and not self._waiting and self.lease(now) <= 0:
            self._granted = now
        return True

    def lease(self, now: float) -> float:
        """Return for how many seconds the owner may write without asking."""
        if self._timeout is None:
            return CONTACT_SECONDS
        return min(CONTACT_SECONDS, self._granted + self._timeout - now)

    def take_away(self, now: float, *, is_reachable: bool) -> Claim | None:
        """Take the lock from an owner that had it too long or died; return it, None if it stays."""
        owner = self.owner
        if owner is None or not self._waiting:
            return None
        is_overdue = self._timeout is not None and now >= self._granted + self._timeout
        is_silent = now >= self._contact + CONTACT_SECONDS + GRACE_SECONDS
        if not is_overdue and (is_reachable or not is_silent):
            return None
        self.owner = None
        return owner

    def forget(self, claim: Claim) -> None:
        """Forget an owner that cannot be notified that it has the lock; it will ask again."""
        if claim == self.owner:
            self.owner = None

    def seconds_to_next_look(self, now: float) -> float | None:
        """Return when `take_away` may be worth a call; None if nothing can happen by itself."""
        if self.owner is None or not self._waiting:
            return None
        if self._timeout is None:
            return GRACE_SECONDS
        return max(0.0, min(GRACE_SECONDS, self._granted + self._timeout - now))
