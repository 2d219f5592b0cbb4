"""Storing changes of the run table while runs are executed."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.environment.signals import sigterm_handling
from pypet.errors import NotStoredError
from pypet.runs import run_table_of
from pypet.services.backend import RecordBackend
from pypet.support.processes import deferred_interrupts

if TYPE_CHECKING:
    from pypet.environment.shared_storage import SharedStorage
    from pypet.trajectory import Trajectory

FLUSH_SECONDS = 0.5
"""Time between two flushes, and so the work that may count as not done after a crash."""
COST_FACTOR, MAX_FLUSH_SECONDS = 50, 5.0
"""After a slow flush the next one waits this many times as long as it took, but at most these
seconds."""

_logger = logging.getLogger("pypet")


class RunTableFlusher:
    """Stores in batches which runs completed or failed; made for the runs of one pass.

    Each flush stores the rows that changed. Users' own storage services get the whole table at the
    end only.
    """

    def __init__(self, trajectory: Trajectory, storage: SharedStorage | None) -> None:
        """``storage`` shares the storage with other processes, None if there are none."""
        self._trajectory: Any = trajectory
        self._storage = storage
        self._unconfirmed: list[Any] = []
        self._changes = 0
        self._due = monotonic() + FLUSH_SECONDS
        self._has_warned = False

    def run_ended(self) -> None:
        """Count a run that completed or failed, and flush if that is due."""
        self._changes += 1
        self.flush_if_due()

    def flush_if_due(self) -> None:
        """Store the rows that changed, unless the last flush was a moment ago.

        Raises
        ------
        NotStoredError
            Nothing can be stored anymore.
        """
        if not self._changes:
            return
        began = monotonic()
        if began < self._due:
            return
        try:
            # CTRL+C in the middle of it would leave the file open, and others locked out.
            with sigterm_handling.deferred(), deferred_interrupts():
                self._flush()
        except NotStoredError as error:
            if error.is_final:
                raise
            self._warn(error)
        except Exception as error:
            self._warn(error)
        now = monotonic()
        self._due = now + max(FLUSH_SECONDS, min(MAX_FLUSH_SECONDS, COST_FACTOR * (now - began)))

    def mark_unconfirmed(self) -> None:
        """Mark rows as changed that may not have been stored; call it when the storage stopped."""
        unconfirmed, self._unconfirmed = self._unconfirmed, []
        if unconfirmed and self._storage is not None and not self._storage.has_stored_run_table:
            run_table_of(self._trajectory).mark_changed(np.concatenate(unconfirmed))

    def _flush(self) -> None:
        trajectory = self._trajectory
        changed = run_table_of(trajectory).changed_rows()
        if self._storage is None:
            is_stored = _store_here(trajectory)
        else:
            is_stored = self._storage.store_run_table(trajectory)
        if is_stored:
            self._changes = 0
            self._unconfirmed.append(changed)

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


def _store_here(trajectory: Trajectory) -> bool:
    """Store the rows that changed in the main process, where runs are executed one by one."""
    service = trajectory.v_storage_service
    if not isinstance(service, RecordBackend):
        return False
    trajectory.f_store(only_init=True)
    if service.is_open:
        service.try_flush(durable=False)
    return True
