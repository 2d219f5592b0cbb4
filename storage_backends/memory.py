"""A storage service that keeps everything in the memory of the main process.

For notebooks, tests and installations without a file format. The data lives as long as the
service object: load it again through the same object, for example
``load_trajectory('name', storage_service=env.traj.v_storage_service)``.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from pypet.interfaces.storage import StorageService
from pypet.markers import hookimpl
from pypet.records import (
    GROUP,
    Info,
    MetaRecord,
    NodeRecord,
    PutMeta,
    RunRows,
    StoreRequest,
)
from pypet.records.run_rows import merged
from pypet.services.record_service import RecordStorageService
from pypet.services.record_tree import Node, RecordTree, below, record


@dataclasses.dataclass(slots=True)
class _Stored:
    """One trajectory: what is known about it, its run table and its tree."""

    info: Info
    tree: RecordTree
    explorations: tuple[str, ...]
    settings: Mapping[str, Any]
    runs: RunRows


class MemoryStorageService(RecordStorageService):
    """Keeps records in dictionaries; what goes in and what comes out are copies."""

    name: ClassVar[str] = "memory"
    main_process_only: ClassVar[bool] = True

    def __init__(self) -> None:
        self._trajectories: dict[str, _Stored] = {}
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

    def delete_trajectory(self, trajectory: str) -> None:
        """Delete everything about a trajectory; ValueError if it is not there."""
        self._stored(trajectory)
        del self._trajectories[trajectory]

    # ----- writing -------------------------------------------------------------------------

    def apply(self, request: StoreRequest) -> None:
        """Carry out the operations of a request; see `RecordBackend.apply`."""
        for operation in request.operations:
            if isinstance(operation, PutMeta):
                self._put_meta(request.trajectory, operation)
            else:
                tree = self._stored(request.trajectory).tree
                tree.apply_operations((operation,), replayed=request.replayed)

    def _put_meta(self, trajectory: str, meta: PutMeta) -> None:
        stored = self._trajectories.get(trajectory)
        if stored is None:
            root = Node(GROUP, comment=meta.info.comment)
            root.annotations = copy.deepcopy(dict(meta.annotations))
            self._trajectories[trajectory] = _Stored(
                meta.info, RecordTree(root), meta.explorations, dict(meta.settings), meta.runs
            )
            return
        if meta.is_new and stored.info.timestamp != meta.info.timestamp:
            raise RuntimeError(
                f"There is already a trajectory {trajectory!r} in memory. Give the new one "
                "another name, for example with `add_time=True`. With `on_existing='extend'` an "
                "environment goes on with the one that is there."
            )
        stored.tree.apply(meta)
        stored.info = meta.info
        stored.explorations = meta.explorations
        stored.settings = dict(meta.settings)
        stored.runs = merged(stored.runs, meta.runs)

    def _stored(self, trajectory: str) -> _Stored:
        try:
            return self._trajectories[trajectory]
        except KeyError:
            names = ", ".join(sorted(self._trajectories)) or "none"
            raise ValueError(
                f"There is no trajectory {trajectory!r} in memory; there are: {names}. Store it "
                "first, at least with `f_store(only_init=True)`."
            ) from None

    # ----- reading -------------------------------------------------------------------------

    def trajectory_names(self) -> list[str]:
        """Return all names in alphabetical order."""
        return sorted(self._trajectories)

    def read_meta(self, trajectory: str, *, with_runs: bool) -> MetaRecord:
        """Return the data about a trajectory; see `RecordBackend.read_meta`."""
        stored = self._stored(trajectory)
        root = stored.tree.root
        return MetaRecord(
            stored.info._replace(comment=root.comment),
            copy.deepcopy(root.annotations),
            stored.explorations,
            dict(stored.settings),
            stored.runs if with_runs else None,
        )

    def read_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Callable[[str], bool],
        item_filter: Callable[[str], bool] | None = None,
    ) -> Iterator[NodeRecord]:
        """Yield records; see `RecordBackend.read_nodes`."""
        node = self._stored(trajectory).tree.find(path, trajectory)
        yield record(path, node, wants, item_filter)
        if recursive:
            yield from below(path, node, max_depth, wants, item_filter)


@hookimpl
def pypet_register_storage_services() -> list[type[StorageService]]:
    """Give the memory service."""
    return [MemoryStorageService]
