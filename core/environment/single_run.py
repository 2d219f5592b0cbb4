"""One run: set the trajectory to it, call the run function, store, and record the times."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import time
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.environment.job import Job
from pypet.environment.signals import sigterm_handling
from pypet.errors import NotStoredError
from pypet.interfaces import Outcome, Task
from pypet.records import CommitRun
from pypet.runs import run_table_of
from pypet.services.piecewise import store_run_in_parts
from pypet.support import run_banners
from pypet.trajectory.run_control import (
    abandon_run,
    begin_run,
    end_run,
    enter_added_run,
    enter_run,
)
from pypet.tree.typed_groups import attached_service

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory


class SingleRun:
    """Executes tasks of one job on one trajectory, in the process that the trajectory is in."""

    __slots__ = (
        "_clean_up",
        "_encode",
        "_hexsha",
        "_is_sent",
        "_job",
        "_stores",
        "_storing",
        "_trajectory",
    )

    def __init__(
        self,
        trajectory: Trajectory,
        job: Job,
        hexsha: str,
        *,
        automatic_storing: bool,
        clean_up: bool,
        storing: AbstractContextManager[Any] | None = None,
        encode: Callable[[Any], bytes] | None = None,
        is_sent: bool = False,
    ) -> None:
        """``hexsha`` is that of the environment, for the records of the runs.

        ``storing`` surrounds the storing at the end of each run. With ``encode`` runs are
        committed to a journal, which keeps what they return in this form; so do the outcomes if
        these are sent to another process, for all that can be committed has to arrive there.
        """
        self._trajectory = trajectory
        self._job = job
        self._stores = automatic_storing
        self._storing = storing or nullcontext()
        self._clean_up = clean_up
        self._hexsha = hexsha
        self._encode = encode
        self._is_sent = is_sent

    def __call__(self, task: Task) -> Outcome:
        """Execute a task; an exception of the run becomes the error of the outcome.

        Afterwards the trajectory is in no run. After an error the run is incomplete, and the nodes
        that it added are removed from memory.

        Raises
        ------
        BaseException
            Only what is not an `Exception`: KeyboardInterrupt, SystemExit.
        """
        trajectory: Any = self._trajectory
        index = task.index
        shows_banners = run_banners.is_wanted()
        if shows_banners:
            run_banners.tell_starting(index, len(trajectory))
        started = time()
        stores = False
        raises = sigterm_handling.raises
        try:
            if task.point:
                enter_added_run(trajectory, index, task.point)
            else:
                enter_run(trajectory, index)
            begin_run(trajectory, started)
            value = self._call(trajectory, task)
            sigterm_handling.hold()  # a run that has returned is stored and counts
            if self._stores:
                stores = True
                with self._storing:
                    if self._encode is None:
                        _store(trajectory)
                    else:
                        commit = CommitRun(time(), self._hexsha, self._encode(value))
                        _store_and_commit(trajectory, commit)
                        if self._is_sent:
                            value = commit.value
                stores = False
            finished = time()
            run_table_of(trajectory).finish(index, finished, self._hexsha)
            end_run(trajectory, clean_up=self._clean_up)
        except BaseException as error:
            if self._encode is not None:
                _abandon(trajectory, index, started)
            abandon_run(trajectory)
            if not isinstance(error, Exception):
                raise
            sigterm_handling.release(raises)
            refused = stores or isinstance(error, NotStoredError)
            return Outcome(index, None, started, time(), error, is_refused=refused)
        sigterm_handling.release(raises)
        if shows_banners:
            run_banners.tell_finished(index, len(trajectory))
        return Outcome(index, value, started, finished)

    def _call(self, trajectory: Trajectory, task: Task) -> Any:
        job = self._job
        if task.args or task.kwargs:
            return job.function(trajectory, *job.args, *task.args, **job.kwargs, **task.kwargs)
        return job.function(trajectory, *job.args, **job.kwargs)


def _store_and_commit(trajectory: Trajectory, commit: CommitRun) -> None:
    """Store what the run has added and commit it, in one message and so atomically."""
    trajectory.v_storage_service.store(
        constants.SINGLE_RUN, trajectory, trajectory_name=trajectory.v_name, commit=commit
    )


def _abandon(trajectory: Trajectory, index: int, started: float) -> None:
    """Have the journal drop what the run has stored, if this process writes to it."""
    service = attached_service(trajectory)
    if service is not None:
        service.abandon_run(index, started)


def _store(trajectory: Trajectory) -> None:
    """Store what the run has added; data that cannot be stored is left out and raised as error."""
    try:
        trajectory.f_store()
        return
    except Exception as error:
        failure = error
    store_run_in_parts(trajectory, failure)
