"""A service whose requests all wait, and are read through an overlay, is a storage like others."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pypet.interfaces.storage import StorageService
from pypet.pypetconstants import LOAD_DATA
from pypet.records import MetaRecord, NodeRecord, PutMeta, StoreRequest
from pypet.services import RecordStorageService
from pypet.services.overlay import Overlay
from pypet.storage_backends.memory import MemoryStorageService
from pypet.testing.equality import assert_same_tree
from pypet.testing.storage import StorageConformance
from pypet.trajectory import Trajectory


class WaitingService(RecordStorageService):
    """Applies what it is given about trajectories themselves; everything else waits."""

    main_process_only = True

    def __init__(self, inner: RecordStorageService) -> None:
        self.inner = inner
        self.overlay = Overlay(inner)
        self.config_group = inner.config_group
        self.backups: dict[str | None, WaitingService] = {}

    def apply(self, request: StoreRequest) -> None:
        """Check a request, and keep it."""
        known = tuple(each for each in request.operations if isinstance(each, PutMeta))
        if known:
            self.inner.apply(request._replace(operations=known))
        others = tuple(each for each in request.operations if not isinstance(each, PutMeta))
        if not known:
            self.inner.read_meta(request.trajectory, with_runs=False)  # it has to be there
        request = self.inner.packed(copy.deepcopy(request._replace(operations=others)))
        self.overlay.check(request)
        self.overlay.add(request)

    def trajectory_names(self) -> list[str]:
        return self.inner.trajectory_names()

    def read_meta(self, trajectory: str, *, with_runs: bool) -> MetaRecord:
        return self.inner.read_meta(trajectory, with_runs=with_runs)

    def read_nodes(self, *args: Any, **options: Any) -> Iterator[NodeRecord]:
        return self.overlay.read_nodes(*args, **options)

    def read_intact_nodes(self, *args: Any, **options: Any) -> Iterator[NodeRecord]:
        return self.overlay.read_intact_nodes(*args, **options)

    def delete_trajectory(self, trajectory: str) -> None:
        self.inner.delete_trajectory(trajectory)
        self.overlay.clear()

    def backup_service(self, trajectory: str, filename: str | None) -> WaitingService:
        return self.backups.setdefault(filename, WaitingService(MemoryStorageService()))

    def adopt_settings(self, settings: Any) -> None:
        self.inner.adopt_settings(settings)

    def settings(self) -> Any:
        return self.inner.settings()


class TestWaitingInFrontOfMemory(StorageConformance):
    def make_service(self, folder: Path) -> StorageService:
        return WaitingService(MemoryStorageService())


class TestWaitingInFrontOfAFile(StorageConformance):
    def make_service(self, folder: Path) -> StorageService:
        pytest.importorskip("h5py")
        from pypet.storage_backends.hdf5 import HDF5StorageService

        return WaitingService(HDF5StorageService(filename=str(folder / "data.hdf5")))


def test_a_trajectory_is_the_same_with_half_of_it_waiting(tmp_path):
    pytest.importorskip("h5py")
    from pypet.storage_backends.hdf5 import HDF5StorageService

    inner = HDF5StorageService(filename=str(tmp_path / "data.hdf5"), purge_duplicate_comments=False)
    traj = Trajectory("t", storage_service=inner)
    for index in range(5):
        traj.f_add_result(f"g{index % 2}.r{index}", list(range(index)), comment="c")
    traj.f_store()
    traj.v_storage_service = service = WaitingService(inner)
    for index in range(5, 10):
        traj.f_store_item(traj.f_add_result(f"g{index % 3}.r{index}", list(range(index))))
    traj.f_delete_item("results.g0.r0", remove_from_trajectory=True)
    traj.f_get("g1.r1").f_set(2, more=[3.0])
    traj.f_store_item("g1.r1", overwrite=True)
    assert len([*inner.read_nodes("t", "results", recursive=True, max_depth=None, wants=bool)]) == 8
    loaded = Trajectory("t", storage_service=service)
    loaded.f_load(name="t", load_data=LOAD_DATA)
    assert_same_tree(traj, loaded)
