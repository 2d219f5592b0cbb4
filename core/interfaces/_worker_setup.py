"""Set-up of workers for schedulers of pypet itself.

Schedulers of third parties only need `pypet.interfaces.TaskFunction`: these optional steps save
time, or give log files to each run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class ForkAware(ABC):
    """An object that a fork server sets up once for all processes that it forks.

    A fork server is a process that executes no runs and stores nothing: it forks a process for
    each run, one after the other. Task functions and storage services may be fork aware.
    """

    @abstractmethod
    def prepare_fork(self) -> None:
        """Set up, in the fork server, the state that forked processes inherit.

        `TaskFunction.start_worker` in those processes need not set it up again.
        """

    def reset_after_crash(self) -> None:
        """Replace state that a dead forked process may have left undefined."""
        self.prepare_fork()


class RunAware(ABC):
    """A task function that can announce each run to its worker, for log files of its own."""

    @abstractmethod
    def start_run(self, index: int) -> None:
        """Get ready for the run ``index``, in a worker that was started for another run."""
