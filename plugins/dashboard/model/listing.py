"""The list of experiments in a file or below a folder, kept up to date."""

from __future__ import annotations

import time

from pypet.catalog.listing import Entry, listed_trajectories
from pypet.plugins.dashboard.model.leaves import UNREADABLE, in_a_line
from pypet.plugins.dashboard.model.polling import Poller

_COST_FACTOR = 4.0
_LEAST_SECONDS = 2.0
"""A list is read again after so long, or after a few times as long as reading took."""


class ExperimentList:
    """The experiments below a path, read again from time to time; safe to use by threads."""

    def __init__(self, path: str) -> None:
        """Nothing is read before it is asked for."""
        self.path = path
        self.problem = ""
        """Why the latest attempt to read the list failed."""
        self.is_read = False
        """Whether it was read at all."""
        self._experiments: tuple[Entry, ...] = ()
        self._poller = Poller("pypet-lists-experiments", self._poll)

    @property
    def experiments(self) -> tuple[Entry, ...]:
        """The experiments as they were when they were read last."""
        return self._experiments

    def update(self) -> None:
        """Read the list now."""
        try:
            self._experiments = tuple(listed_trajectories(self.path))
            self.problem = ""
        except UNREADABLE as error:
            self.problem = in_a_line(error)
        self.is_read = True

    def watch(self) -> tuple[Entry, ...]:
        """Return the experiments, and go on reading in the background for a while."""
        self._poller.ask()
        return self._experiments

    def close(self) -> None:
        """End reading in the background, and wait until it has ended."""
        self._poller.close()

    def _poll(self) -> float:
        began = time.monotonic()
        self.update()
        return max(_LEAST_SECONDS, _COST_FACTOR * (time.monotonic() - began))
