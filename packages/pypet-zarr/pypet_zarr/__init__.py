"""Trajectories as Zarr hierarchies (format 3), in folders and object stores."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.errors import StorageFormatError
from pypet.interfaces import Option, StorageService
from pypet.markers import hookimpl
from pypet.services import FileStorageService

if TYPE_CHECKING:
    from pypet_zarr.objects import Objects
    from pypet_zarr.trajectory import ZarrTrajectory

__all__ = ["ZarrStorageService"]

FORMAT, VERSION = "pypet_zarr", 1


class ZarrStorageService(FileStorageService):
    """Keeps trajectories in a Zarr hierarchy, a group for each.

    What is stored is visible to others, and survives a crash of the process, as soon as the call
    ends. Processes may store at once; if two store one node, the last wins. Can be pickled.
    """

    name: ClassVar[str] = "zarr"
    file_extensions: ClassVar[tuple[str, ...]] = (".zarr",)
    options: ClassVar[tuple[Option, ...]] = (
        Option("zarr_storage_options", None, (dict,), "Options of fsspec for URLs.", "storage"),
    )

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        trajectory: Any = None,
        *,
        unpickle: str = "trust",
        zarr_storage_options: dict[str, Any] | None = None,
    ) -> None:
        """Take the settings; the hierarchy is created when something is stored.

        ``filename`` is a URL that fsspec knows, such as ``s3://bucket/data.zarr``, or a folder; in
        one that has another ending, or the current one, it is ``<name of trajectory>.zarr``.
        """
        super().__init__(filename, trajectory, unpickle=unpickle)
        # The memory of fsspec is that of a process.
        self.multiproc_safe = self.multihost_safe = not self.filename.startswith("memory:")
        self.zarr_storage_options = zarr_storage_options
        self._changes: Objects | None = None
        self._checked = self._writer = ""
        self._process = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_changes": None, "_checked": "", "_process": 0}

    # ----- the store -------------------------------------------------------------------------

    def _objects(self) -> Objects:
        """Return the changes of the present transaction, or else a view that reads anew."""
        if self._changes is not None:
            return self._changes
        from zarr.storage import FsspecStore, LocalStore

        from pypet_zarr.objects import Objects

        if not self.is_remote:
            return Objects(LocalStore(self.filename))
        options = self.zarr_storage_options
        return Objects(FsspecStore.from_url(self.filename, storage_options=options))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep changes back within a ``with`` block, and write none if it raises."""
        self._changes = changes = self._objects()
        try:
            yield
            self.announce_commit()
            changes.commit(durable=self.durable)
        finally:
            self._changes = None

    # ----- trajectories ----------------------------------------------------------------------

    def _is_hierarchy(self, objects: Objects) -> bool:
        """Return whether there is a hierarchy; StorageFormatError for one of others."""
        if not self.is_remote and not os.path.exists(self.filename):
            return False
        if self.filename == self._checked:
            return True
        (root,) = objects.get("")
        if root is not None and root.get("attributes", {}).get(FORMAT) != VERSION:
            raise StorageFormatError(
                f"{self.filename!r} is no hierarchy of pypet-zarr {VERSION}.x."
            )
        if root is not None and self._changes is None:
            self._checked = self.filename
        return root is not None

    def _trajectory(self, objects: Objects, name: str) -> ZarrTrajectory:
        from pypet_zarr.trajectory import ZarrTrajectory

        if self._process != os.getpid():
            self._writer, self._process = uuid.uuid4().hex[:12], os.getpid()
        return ZarrTrajectory(objects, name, self._writer, self.unpickle)

    def trajectory_names(self) -> list[str]:
        """Return the names in the order in which trajectories were stored."""
        objects = self._objects()
        if not self._is_hierarchy(objects):
            raise ValueError(f"There is no hierarchy {self.filename!r}.")
        created = {name: self._trajectory(objects, name).created for name in objects.names("")}
        return sorted(filter(created.get, created), key=lambda name: (created[name], name))

    def find_trajectory(self, name: str) -> ZarrTrajectory | None:
        """Return a stored trajectory."""
        objects = self._objects()
        stored = self._trajectory(objects, name) if self._is_hierarchy(objects) else None
        return stored if stored is not None and stored.created else None

    def create_trajectory(self, name: str) -> ZarrTrajectory:
        """Create a trajectory."""
        objects = self._objects()
        if self._is_hierarchy(objects):
            objects.purge(name)  # what a process left that was killed
        else:
            objects.put("", {FORMAT: VERSION}, 0)
        return self._trajectory(objects, name)

    def remove_trajectory(self, name: str) -> None:
        """Remove a trajectory."""
        self._objects().remove(name)


@hookimpl
def pypet_register_storage_services() -> list[type[StorageService]]:
    """Register the Zarr storage service."""
    return [ZarrStorageService]
