"""The suite of storage services that derive from `pypet.services.FileStorageService`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from pypet.environment import Environment
from pypet.services import FileStorageService
from pypet.testing.storage_suite import NAME, StorageSuite
from pypet.trajectory import Trajectory, load_trajectory


class FileStorageConformance(StorageSuite):
    """Which file is chosen, and when it is made; derive beside `StorageConformance`."""

    service_class: ClassVar[type[FileStorageService]]
    """The class under test, which a plugin registers."""

    @property
    def ending(self) -> str:
        """That of files which are named by the service."""
        return self.service_class.file_extensions[0]

    def test_the_ending_of_a_file_chooses_the_service(self, tmp_path: Path) -> None:
        path = str(tmp_path / f"data{self.ending}")
        with Environment(NAME, add_time=False, filename=path, log_config=None) as env:
            env.traj.f_add_parameter("x", 1.0)
            env.run(lambda traj: None)
        assert type(env.traj.v_storage_service) is self.service_class
        assert load_trajectory(NAME, filename=path, load_data=2).x == 1.0

    def test_a_folder_as_filename_holds_a_file_for_each_trajectory(self, tmp_path: Path) -> None:
        service = self.service_class(tmp_path, trajectory=Trajectory("named"))
        assert Path(service.filename) == tmp_path / f"named{self.ending}"

    def test_reading_creates_nothing(self, tmp_path: Path) -> None:
        service = self.service_class(tmp_path / f"none{self.ending}")
        for attempt in (
            service.trajectory_names,
            lambda: load_trajectory(NAME, storage_service=service),
        ):
            with pytest.raises(ValueError, match=rf"none\{self.ending}"):
                attempt()
        service.flush()
        assert not list(tmp_path.iterdir())

    def test_a_failed_request_changes_nothing(self, stored: Trajectory, tmp_path: Path) -> None:
        def refuse() -> None:
            raise OSError("the journal is full")

        stored.v_storage_service.before_commit = refuse
        with pytest.raises(OSError, match="journal"):
            stored.f_store_item(stored.f_add_result("late", 1))
        assert "late" not in self.load(stored, tmp_path).results
