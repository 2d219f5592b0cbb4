"""The interfaces of logging set-up and of progress reporting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pypet.interfaces.environment import TrajectoryLike
from pypet.interfaces.feature import Feature
from pypet.interfaces.scheduling import Activity
from pypet.moved import former_names

SHOWN_LIVE = "pypet_shown_live"
"""Attribute of log records. True if a progress reporter shows the message live on the terminal:
handlers that write to that terminal should skip the record."""

LEAVES_OUT_SHOWN_LIVE = "leaves_out_shown_live"
"""Attribute of handlers. True if a handler skips such records and does not garble a live bar. While
any other handler writes to the terminal, a reporter shows nothing live."""

WORKER_PREFIX = "multiproc_"
"""Prefix of the sections or keys of a logging configuration that are for workers."""


class LogContext(NamedTuple):
    """Names that log files may carry; ``run_name`` and ``set_name`` are dummies outside runs."""

    environment_name: str
    trajectory_name: str
    run_name: str
    set_name: str

    @classmethod
    def of(
        cls, trajectory: TrajectoryLike, environment_name: str, run_index: int = -1
    ) -> LogContext:
        """Return the names for a run, by default for no run."""
        return cls(
            environment_name,
            trajectory.v_name,
            run_name=trajectory.f_wildcard("$", run_index),
            set_name=trajectory.f_wildcard("$set", run_index),
        )


class LoggingSetup(Feature, ABC):
    """Configures Python's logging for an experiment and restores it afterwards.

    Made once per environment, in the main process, with the values of its options.
    """

    @abstractmethod
    def __init__(self, options: Mapping[str, Any]) -> None:
        """Check the options and read configuration files; nothing is created yet.

        Raises
        ------
        ValueError
            An option contradicts another, or a configuration file is missing or malformed.
        """

    @abstractmethod
    def start(self, context: LogContext) -> None:
        """Create folders, files and handlers in the main process."""

    @property
    def concerns_workers(self) -> bool:
        """Whether `start_worker` would do anything; asked when runs are about to start."""
        return True

    @property
    def configures_workers(self) -> bool:
        """Whether `start_worker` gives workers log files of their own.

        Otherwise they log with the handlers that they inherit, if any.
        """
        return False

    @property
    def folders(self) -> Sequence[str]:
        """Full paths of the folders in which the main process has log files now."""
        return ()

    @abstractmethod
    def start_worker(self, context: LogContext) -> None:
        """Configure logging in a worker; called there, once per process or run."""

    @abstractmethod
    def stop(self, *, remove_all_handlers: bool = True) -> None:
        """Detach and close what `start` made. Safe to call twice."""


class ProgressReporter(Feature, ABC):
    """Shows the progress of runs; lives in the main process.

    ``start`` may be called again when the trajectory grew: ``done`` of ``total`` are finished.
    """

    @abstractmethod
    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options; reporting may be switched off by them."""

    @abstractmethod
    def start(self, total: int, done: int = 0) -> None:
        """Begin reporting."""

    @abstractmethod
    def advance(self, finished: int = 1, failed: int = 0) -> None:
        """Count runs that have ended since the last call."""

    def watch(self, activity: Callable[[], Activity | None]) -> None:
        """Set the function that returns the activity of workers; called after `start`."""

    def refresh(self) -> None:
        """Redraw the current state; called about twice a second while schedulers wait.

        Workers have received their next runs then. At other times, a worker that has just finished
        a run may not have the next one yet.
        """

    @abstractmethod
    def stop(self) -> None:
        """End reporting and leave the terminal tidy. Safe to call twice."""


__getattr__ = former_names(__name__)
