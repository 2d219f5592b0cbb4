"""The contract of versioning: which code an experiment ran with, and a record of the experiment."""

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
        """Pin down the code; return a new revision's SHA-1 if one was made, else None.

        Called while the environment is created, before it has a name and log files and before it
        stores anything: what is wrong is raised here.
        """
        return None

    def environment_named(self, environment: EnvironmentLike) -> None:
        """Note what `snapshot` found; the environment has its name and its log files."""

    def experiment_started(self, environment: EnvironmentLike) -> None:
        """Note the start; parameters are complete and locked."""

    def experiment_finished(self, environment: EnvironmentLike) -> None:
        """Record the experiment; called only if all runs succeeded and are stored."""
