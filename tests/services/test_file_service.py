from __future__ import annotations

import pickle
from typing import Any

import pytest

from pypet.services import FileStorageService
from pypet.trajectory import Trajectory


class Files(FileStorageService):
    file_extensions = (".some", ".other")
    released = 0

    def release(self) -> None:
        self.released += 1

    def trajectory_names(self) -> list[str]:
        return []

    def find_trajectory(self, name: str) -> Any:
        return None

    create_trajectory = remove_trajectory = find_trajectory


@pytest.mark.parametrize("given", ["data.some", "a/data.anything", "folder.some", "folder.other"])
def test_file_names_become_absolute(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    for name in ("folder.some", "folder.other"):
        (tmp_path / name).mkdir()
    assert Files(given).filename == str(tmp_path / given)


def test_in_a_folder_the_file_is_called_like_the_trajectory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert Files(trajectory=Trajectory("job")).filename == str(tmp_path / "job.some")
    assert Files("folder", Trajectory("job")).filename == str(tmp_path / "folder/job.some")
    assert Files("folder").filename == str(tmp_path / "folder/trajectories.some")


def test_urls_stay_as_they_are():
    service = Files("s3://bucket/data.some")
    assert service.is_remote
    assert service.filename == "s3://bucket/data.some"
    assert service.backup_service("job", None).filename == "s3://bucket/backup_job.some"
    assert service.beside("s3://other/x.some").filename == "s3://other/x.some"


def test_other_files_have_the_same_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    service = Files("data.some", unpickle="safe")
    assert service.beside(None) is service
    assert service.beside("x.some").filename == str(tmp_path / "x.some")
    backup = service.backup_service("job", None)
    assert (backup.filename, backup.unpickle) == (str(tmp_path / "backup_job.some"), "safe")
    assert service.backup_service("job", "mine.some").filename == str(tmp_path / "mine.some")


def test_copies_are_closed():
    service = Files("data.some")
    service.open()
    for copy in (pickle.loads(pickle.dumps(service)), service.beside("other.some")):
        assert not copy.is_open
    assert service.is_open
    service.close()
    assert (service.is_open, service.released) == (False, 1)
