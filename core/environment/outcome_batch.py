"""Gathering outcomes, so that plugins are told about them in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pypet.interfaces import Outcome

if TYPE_CHECKING:
    from pypet.environment.environment import Environment

BATCH_SECONDS = 0.2
"""How long outcomes are gathered before plugins are told about them."""


class OutcomeBatch:
    """Gathers outcomes for listeners; does nothing without any."""

    def __init__(
        self,
        environment: Environment,
        listener: Callable[[Environment, Sequence[Outcome]], Any] | None,
    ) -> None:
        self._environment = environment
        self._listener = listener
        self._outcomes: list[Outcome] = []
        self._due = 0.0

    def add(self, outcome: Outcome) -> None:
        """Take an outcome, and tell if the first one has waited long enough."""
        if self._listener is None:
            return
        now = time.monotonic()
        if not self._outcomes:
            self._due = now + BATCH_SECONDS
        self._outcomes.append(outcome)
        if now >= self._due:
            self.tell()

    def tell(self) -> None:
        """Tell about what was gathered."""
        if self._outcomes and self._listener is not None:
            outcomes, self._outcomes = self._outcomes, []
            self._listener(self._environment, outcomes)
