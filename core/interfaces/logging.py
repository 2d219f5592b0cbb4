"""The contracts of logging set-up and of progress reporting."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pypet.interfaces.environment import TrajectoryLike
from pypet.interfaces.feature import Feature
from pypet.interfaces.scheduling import Activity

SHOWN_LIVE = "pypet_shown_live"
"""Name of an attribute that is true on log records whose message a progress reporter shows live
on the terminal: handlers that write to that terminal should leave these records out."""

LEAVES_OUT_SHOWN_LIVE = "leaves_out_shown_live"
"""Name of an attribute that is true on handlers that do so, and that do not garble a live bar.
A reporter shows nothing live while some other handler writes its records to the terminal."""

WIPE_LINE = "\r\033[K"
"""Wipes the line of a live bar off the terminal. For processes forked while one is shown, on
platforms whose terminals know it; they cannot ask the bar to go."""

WORKER_PREFIX = "multiproc_"
"""Begins names in a logging configuration, of sections or keys, that are for workers."""


class LiveDisplay:
    """Where a progress reporter draws at the moment; there is one in a process, `live_display`.

    A process that was forked meanwhile inherits it, and knows by `is_elsewhere` that its parent
    is the one who draws.
    """

    def __init__(self) -> None:
        self.stream: Any = None
        self._pid = 0

    def begin(self, stream: Any) -> None:
        """Tell that drawing on ``stream`` begins in this process."""
        self.stream, self._pid = stream, os.getpid()

    def end(self) -> None:
        """Tell that nothing is drawn any more."""
        self.stream = None

    @property
    def is_elsewhere(self) -> bool:
        """Whether the parent of this process draws."""
        return self.stream is not None and self._pid != os.getpid()

    def covers(self, stream: Any) -> bool:
        """Return whether what is written to ``stream`` appears where something is drawn."""
        drawn = self.stream
        return drawn is not None and (
            stream is drawn or (is_terminal(drawn) and is_terminal(stream))
        )


live_display = LiveDisplay()


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is an open terminal; None and objects of any kind are not."""
    isatty = getattr(stream, "isatty", None)
    try:
        return isatty is not None and bool(isatty())
    except ValueError:  # the stream was closed
        return False


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
    """Configures Python's logging for an experiment and takes the configuration down again.

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
        """Configure logging in a worker process; called there, once per process or run."""

    @abstractmethod
    def stop(self, *, remove_all_handlers: bool = True) -> None:
        """Detach and close what `start` made. Safe to call twice."""


class ProgressReporter(Feature, ABC):
    """Shows how far the runs are; lives in the main process.

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
        """Take the function that tells what the workers do, until `stop`; called after `start`."""

    def refresh(self) -> None:
        """Show the present state again; called about twice a second while schedulers wait.

        Workers have been given their next runs then. At other times, when one has just ended, the
        next may be under way.
        """

    @abstractmethod
    def stop(self) -> None:
        """End reporting and leave the terminal tidy. Safe to call twice."""
