"""The contract of admission gates: may another worker process start now?"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from pypet.interfaces.feature import Feature


class AdmissionGate(Feature, ABC):
    """Holds back new worker processes, for example while memory is short.

    Asked in the main process before each start of a process while at least one is active (with
    none active a process always starts, so that no gate can stop an experiment). Made once for
    each environment, with the values of its options.
    """

    @property
    def admits_all(self) -> bool:
        """Whether the gate admits every process, so that it need not be asked."""
        return False

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options."""

    def start(self) -> None:
        """Be told that processes will be started from now on."""

    @abstractmethod
    def admits(self, active: int) -> bool:
        """Return whether a process may start beside the ``active`` ones; must not block."""
