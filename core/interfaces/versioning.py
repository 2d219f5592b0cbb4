"""The interface of versioning: records with which code an experiment ran."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from pypet.interfaces.environment import EnvironmentLike
from pypet.interfaces.feature import Feature


class Versioning(Feature, ABC):
    """Takes a snapshot of the code before an experiment and records the experiment after it.

    Made once per environment, in the main process. Does nothing unless its options ask for it.
    """

    @abstractmethod
    def __init__(self, options: Mapping[str, Any]) -> None:
        """Check the options.

        Raises
        ------
        ValueError
            An option is wrong, or a package that it needs is missing.
        """

    def snapshot(self, environment: EnvironmentLike) -> str | None:
        """Record the state of the code; return the SHA-1 of a new revision, None without one.

        Called while the environment is created, before it has a name and log files and before it
        stores anything, so that errors are raised early.
        """
        return None

    def environment_named(self, environment: EnvironmentLike) -> None:
        """Log and store the result of `snapshot`: the environment now has name and log files."""

    def experiment_started(self, environment: EnvironmentLike) -> None:
        """Called when an experiment begins; parameters are complete and locked."""

    def experiment_finished(self, environment: EnvironmentLike) -> None:
        """Record the experiment; called only if all runs succeeded and are stored."""
