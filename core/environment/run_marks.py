"""Keeping the stored run table up to date while runs finish."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.environment.termination import sigterm_handling
from pypet.errors import NotStoredError
from pypet.services.backend import RecordBackend
from pypet.support.interrupts import without_interrupts

if TYPE_CHECKING:
    from pypet.environment.shared_storage import SharedStorage
    from pypet.trajectory import Trajectory

MARK_SECONDS = 0.5
"""Time between two updates: as much of the work may count as not done after a crash."""
COST_FACTOR, MOST_SECONDS = 50, 5.0
"""An update that takes long is not repeated before this many times as long has passed, or these
seconds."""

_logger = logging.getLogger("pypet")


class RunMarks:
    """Stores which runs are completed or failed, in batches; made for the runs of one round.

    Only what changed is stored each time. Services that users wrote are left alone: they get the
    whole table in the end.
    """

    def __init__(self, trajectory: Trajectory, storage: SharedStorage | None) -> None:
        """``storage`` is what runs in other processes store with, None if there are none."""
        self._trajectory: Any = trajectory
        self._storage = storage
        self._sent: list[Any] = []
        self._new = 0
        self._due = monotonic() + MARK_SECONDS
        self._has_warned = False

    def note(self) -> None:
        """Count a run that has completed or failed, and store the table if that is due."""
        self._new += 1
        self.store_if_due()

    def store_if_due(self) -> None:
        """Store the rows that changed, unless that was done a moment ago.

        Raises
        ------
        NotStoredError
            Nothing can be stored any more.
        """
        if not self._new:
            return
        began = monotonic()
        if began < self._due:
            return
        try:
            # CTRL+C in the middle of it would leave the file open, and others locked out.
            with sigterm_handling.deferred(), without_interrupts():
                self._store()
        except NotStoredError as error:
            if error.is_final:
                raise
            self._warn(error)
        except Exception as error:
            self._warn(error)
        now = monotonic()
        self._due = now + max(MARK_SECONDS, min(MOST_SECONDS, COST_FACTOR * (now - began)))

    def end(self) -> None:
        """Have rows stored again that may not have arrived; once the storage is stopped."""
        sent, self._sent = self._sent, []
        if sent and self._storage is not None and not self._storage.has_stored_run_table:
            self._trajectory._runs.mark_changed(np.concatenate(sent))

    def _store(self) -> None:
        trajectory = self._trajectory
        changed = trajectory._runs.changed_rows()
        if self._storage is None:
            is_stored = _store_here(trajectory)
        else:
            is_stored = self._storage.store_run_table(trajectory)
        if is_stored:
            self._new = 0
            self._sent.append(changed)

    def _warn(self, error: Exception) -> None:
        level = logging.DEBUG if self._has_warned else logging.WARNING
        self._has_warned = True
        _logger.log(
            level,
            "Which runs of trajectory %r are completed could not be stored now, it is tried again "
            "and at the end: %r",
            self._trajectory.v_name,
            error,
        )


def _store_here(trajectory: Any) -> bool:
    """Store the rows that changed in the main process, where runs are executed one by one."""
    service = trajectory.v_storage_service
    if not isinstance(service, RecordBackend):
        return False
    trajectory.f_store(only_init=True)
    if service.is_open:
        service.try_flush(durable=False)
    return True
