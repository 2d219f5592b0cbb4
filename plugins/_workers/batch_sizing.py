"""How many short runs make a batch, learnt from how long runs take; and for how long it holds."""

from __future__ import annotations

from collections.abc import Sequence

from pypet.interfaces import Outcome

BATCH_SECONDS = 0.02
MAX_BATCH = 512
PATIENCE_SECONDS = 0.2
"""After so long a worker gives back the rest of a batch: its runs take longer than expected."""


class BatchSizing:
    """Knows about how long a run takes; batches are single runs until that is known.

    ``seconds`` is how long a batch should take.
    """

    def __init__(self, seconds: float = BATCH_SECONDS) -> None:
        self._batch_seconds = seconds
        self._seconds_per_run: float | None = None

    @property
    def batch_size(self) -> int:
        """How many runs take about as long as a batch should, from 1 to `MAX_BATCH`."""
        if self._seconds_per_run is None:
            return 1
        return max(1, min(MAX_BATCH, int(self._batch_seconds / max(self._seconds_per_run, 1e-9))))

    def is_faster_than(self, seconds: float) -> bool:
        """Return whether a run is known to take less time."""
        return self._seconds_per_run is not None and self._seconds_per_run < seconds

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Take outcomes of one batch, in order, into account."""
        mean = (outcomes[-1].finished - outcomes[0].started) / len(outcomes)
        if mean < 0:
            return  # the clock was set
        former = self._seconds_per_run
        self._seconds_per_run = mean if former is None else (former + mean) / 2
