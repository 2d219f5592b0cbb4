"""Counting what a server does not take, without letting strangers fill the log."""

from __future__ import annotations

import logging
from collections import Counter

_logger = logging.getLogger("pypet.wrap_modes")


class RefusalCounter:
    """Counts refused connections and messages by reason, and logs the 1st, 10th, 100th, ..."""

    def __init__(self, mode: str) -> None:
        self._mode = mode
        self.counts: Counter[str] = Counter()

    def count(self, reason: str) -> None:
        """Count one more for a reason, which is a short text."""
        self.counts[reason] += 1
        number = self.counts[reason]
        if _is_power_of_ten(number):
            _logger.warning(
                "The server of wrap_mode=%r refused %s (%d so far); the experiment goes on.",
                self._mode,
                reason,
                number,
            )

    def summarize(self) -> None:
        """Log how many there were."""
        for reason, number in self.counts.items():
            _logger.warning(
                "The server of wrap_mode=%r refused %s: %d in all.", self._mode, reason, number
            )


def _is_power_of_ten(number: int) -> bool:
    while number >= 10 and number % 10 == 0:
        number //= 10
    return number == 1
