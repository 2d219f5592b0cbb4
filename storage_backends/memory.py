"""A storage service that keeps everything in the memory of the main process.

For notebooks, tests and installations without a file format. The data lives as long as the
service object: load it again through the same object, for example
``load_trajectory('name', storage_service=env.traj.v_storage_service)``.
"""

from __future__ import annotations

from typing import ClassVar

from pypet.interfaces.storage import StorageService
from pypet.markers import hookimpl
from pypet.records import MetaRecord, RunRows, merged_rows
from pypet.services import KeyValueStorageService, TrajectoryStore
from pypet.services.record_tree import RecordTree


class _MemoryTrajectory(RecordTree, TrajectoryStore):
    """A tree of records, the data about it and its run table."""

    __slots__ = ("_meta", "_runs")

    def __init__(self) -> None:
        super().__init__()
        self._meta: MetaRecord | None = None
        self._runs: RunRows | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it was not only created."""
        return self._runs is not None

    def get_meta(self) -> MetaRecord:
        assert self._meta is not None
        return self._meta._replace(settings=dict(self._meta.settings))

    def put_meta(self, meta: MetaRecord) -> None:
        self._meta = meta

    def get_runs(self) -> RunRows:
        assert self._runs is not None
        return self._runs

    def put_runs(self, rows: RunRows) -> None:
        self._runs = rows if self._runs is None else merged_rows(self._runs, rows)


class MemoryStorageService(KeyValueStorageService):
    """Keeps records in dictionaries; what goes in and what comes out are copies."""

    name: ClassVar[str] = "memory"
    main_process_only: ClassVar[bool] = True

    def __init__(self) -> None:
        self._trajectories: dict[str, _MemoryTrajectory] = {}
        self.backups: dict[str, MemoryStorageService] = {}
        """Backups by their names, by default ``backup_<trajectory name>``."""

    def __repr__(self) -> str:
        return f"<MemoryStorageService ({len(self._trajectories)} trajectories)>"

    def for_preparing(self) -> MemoryStorageService:
        """Return an empty service: the data stays where it is."""
        return MemoryStorageService()

    def backup_service(self, trajectory: str, filename: str | None) -> MemoryStorageService:
        """Return the service that keeps a backup of this name; see `backups`."""
        name = f"backup_{trajectory}" if filename is None else filename
        return self.backups.setdefault(name, MemoryStorageService())

    def trajectory_names(self) -> list[str]:
        """Return all names in alphabetical order."""
        return sorted(name for name, each in self._trajectories.items() if each.is_complete)

    def find_trajectory(self, name: str) -> TrajectoryStore | None:
        """Return a trajectory; None if there is none of this name."""
        stored = self._trajectories.get(name)
        return stored if stored is not None and stored.is_complete else None

    def create_trajectory(self, name: str) -> TrajectoryStore:
        """Create an empty trajectory."""
        stored = self._trajectories[name] = _MemoryTrajectory()
        return stored

    def remove_trajectory(self, name: str) -> None:
        """Remove everything about a trajectory."""
        del self._trajectories[name]


@hookimpl
def pypet_register_storage_services() -> list[type[StorageService]]:
    """Give the memory service."""
    return [MemoryStorageService]
