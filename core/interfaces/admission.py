"""The contract of admission gates: may another worker process start now?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from pypet.interfaces.feature import Feature


class AdmissionGate(Feature, ABC):
    """Delays new worker processes, for example while memory is short.

    Asked in the main process before each start of a process while at least one is active. With
    none active a process always starts, so that no gate can stop an experiment. There is one
    instance for each environment, made with the values of its options.
    """

    @property
    def admits_all(self) -> bool:
        """Whether the gate admits every process; then it is not asked, and tasks go in batches."""
        return False

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options."""

    def start(self) -> None:
        """Get ready; called before the first process of each pass of runs."""

    @abstractmethod
    def admits(self, active: int) -> bool:
        """Return whether a process may start in addition to the ``active`` ones; must not block."""
