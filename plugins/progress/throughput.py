"""Estimates the throughput of runs from the times at which they ended."""

from __future__ import annotations

from time import monotonic
from typing import NamedTuple

MIN_BATCH_SECONDS = 0.1
"""Outcomes arrive in bursts, so that shorter batches are not representative."""
MAX_BATCHES = 32
MIN_BATCHES = 5


class _Batch(NamedTuple):
    runs: int
    seconds: float


class ThroughputEstimate:
    """Estimates the time between the ends of two successive runs, in any order.

    Notes
    -----
    Batches of successive runs are timed, and the estimate is the median of their means, weighted
    by runs: a few exceptional runs or pauses spoil their batches only (median of means; Lugosi
    and Mendelson, "Mean estimation and regression under heavy-tailed distributions", 2019).
    Two neighbours become one batch when there are many, so that batches are long compared with
    single runs; the older half of them is not used then, as the pace may change.
    """

    def __init__(self) -> None:
        self._batches: list[_Batch] = []
        self._size = 1
        self._runs = 0
        self._begun = monotonic()
        self._first = self._begun
        self._all = 0

    def record(self, runs: int, at_once: int = 1) -> None:
        """Record that ``runs`` have just ended, of ``at_once`` that are active together."""
        self._runs += runs
        self._all += runs
        if self._runs < max(self._size, at_once):
            return
        now = monotonic()
        seconds = now - self._begun
        if seconds < MIN_BATCH_SECONDS:
            return
        self._batches.append(_Batch(self._runs, seconds))
        self._runs, self._begun = 0, now
        if len(self._batches) == MAX_BATCHES:
            pairs = zip(self._batches[::2], self._batches[1::2], strict=True)
            self._batches = [_Batch(a.runs + b.runs, a.seconds + b.seconds) for a, b in pairs]
            self._size = max(2 * self._size, min(batch.runs for batch in self._batches))

    def seconds_per_run(self) -> float | None:
        """Return the seconds from the end of one run to the next; None without any data."""
        recent = self._batches[-MAX_BATCHES // 2 :]
        if len(recent) < MIN_BATCHES:
            return (monotonic() - self._first) / self._all if self._all else None
        recent.sort(key=lambda batch: batch.seconds / batch.runs)
        middle = sum(batch.runs for batch in recent) / 2
        for batch in recent:
            middle -= batch.runs
            if middle <= 0:
                break
        return batch.seconds / batch.runs
