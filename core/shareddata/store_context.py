"""`StorageContextManager`: keep the storage of a trajectory open for many accesses."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any
from weakref import WeakSet

from pypet import pypetconstants as constants
from pypet.support.decorators import prefix_naming
from pypet.tree.typed_groups import RootGroup, storage_service_of

logger = logging.getLogger(__name__)

_in_use: WeakSet[Any] = WeakSet()
"""Services that a context has open: contexts do not nest."""


@prefix_naming
class StorageContextManager:
    """Keeps the storage open within a ``with`` block.

    A wrapper that shares the storage under a lock holds the lock for the whole block. While a
    run executes in the main process its storage may be open already; the block then leaves it so.

    All methods can be called with the prefix ``f_``, too.
    """

    def __init__(self, trajectory: Any) -> None:
        self._traj = trajectory
        self._joined = False

    def __enter__(self) -> Any:
        self.open_store()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close_store()
        except Exception as err:
            logger.error("The store could not be closed: %s", err)
            if error is None:
                raise

    def open_store(self) -> None:
        """Open the storage.

        Raises
        ------
        RuntimeError
            It is open already, perhaps by an outer context.
        NoSuchServiceError
            The trajectory has no storage service.
        TypeError
            There is no trajectory.
        """
        traj = self._traj
        if not isinstance(traj, RootGroup):
            raise TypeError(f"The store to open is that of a trajectory, not {self._traj!r:.80}.")
        service = storage_service_of(traj)
        self._joined = service.is_kept_open
        if service.is_open and (not self._joined or service in _in_use):
            raise RuntimeError(
                f"The store of trajectory {self._traj.v_name!r} is open already; contexts do not "
                "nest. Close it first, or use the open one."
            )
        service.store(constants.OPEN_FILE, None, trajectory_name=self._traj.v_name)
        _in_use.add(service)

    def close_store(self) -> None:
        """Write everything and close the storage.

        Raises
        ------
        RuntimeError
            It is not open.
        """
        service = self._open_service("close")
        _in_use.discard(service)
        message = constants.FLUSH if self._joined else constants.CLOSE_FILE
        self._joined = False
        service.store(message, None, trajectory_name=self._traj.v_name)

    def flush_store(self) -> None:
        """Write everything that is still in memory.

        Raises
        ------
        RuntimeError
            It is not open.
        """
        service = self._open_service("flush")
        service.store(constants.FLUSH, None, trajectory_name=self._traj.v_name)

    def _open_service(self, verb: str) -> Any:
        service = self._traj.v_storage_service
        if not service.is_open:
            raise RuntimeError(
                f"There is no open store of trajectory {self._traj.v_name!r} to {verb}."
            )
        return service
