"""What a backend does for backups and merging: copying trajectories and nodes."""

from __future__ import annotations

from typing import Self

from pypet.errors import NoSuchServiceError
from pypet.services.backend import RecordBackend
from pypet.services.transfer import NodeCopy, copy_trajectory


class CopyingBackend(RecordBackend):
    """A backend that copies record by record, unless it knows a faster way."""

    def beside(self, filename: str | None) -> Self:
        """Return the service of the same kind for another file; self for None.

        Raises
        ------
        NoSuchServiceError
            The service has no files.
        """
        if filename is None:
            return self
        raise NoSuchServiceError(
            f"{type(self).__name__} has no files, so there is no {filename!r} beside it."
        )

    def backup_service(self, trajectory: str, filename: str | None) -> Self:
        """Return the service that a backup goes to; ``filename`` None is the default place.

        Raises
        ------
        NoSuchServiceError
            The service makes no backups.
        """
        raise NoSuchServiceError(f"{type(self).__name__} makes no backups.")

    def node_copy(self, trajectory: str) -> NodeCopy:
        """Return what copies nodes into a stored trajectory."""
        return NodeCopy(self, trajectory)

    def copy_to(self, target: RecordBackend, trajectory: str) -> None:
        """Copy a whole trajectory into another service of the same kind.

        Raises
        ------
        ValueError
            There is a trajectory of this name in the other service.
        """
        copy_trajectory(self, target, trajectory)
