"""The name of a file survives a loss of power as its content does."""

import errno
import os

import pytest

pytest.importorskip("h5py")

from pypet.storage_backends.hdf5.files.opening import IS_TRANSACTIONAL
from pypet.support.filesystem import make_durable_folders, sync_folder
from tests.storage_backends.hdf5.record_makers import apply, leaf, new_service, number

pytestmark = [
    pytest.mark.skipif(not IS_TRANSACTIONAL, reason="the system has no transactions"),
    pytest.mark.skipif(not hasattr(os, "O_DIRECTORY"), reason="folders cannot be opened"),
]


@pytest.fixture
def synced(monkeypatch):
    """Return the inodes of what is synchronized, in the order of that."""
    found = []
    fsync = os.fsync

    def noting(descriptor):
        found.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    return found


def test_a_durable_commit_saves_the_name_of_the_file_after_its_content(tmp_path, synced):
    service = new_service(tmp_path)
    apply(service, leaf("results.x", number("x", 1)))
    folder, file = (os.stat(path).st_ino for path in (tmp_path, service.filename))
    synced.clear()
    service.open()
    service.flush()
    assert synced[-1] == folder
    assert file in synced[:-1]
    synced.clear()
    apply(service, leaf("results.y", number("y", 2)))
    service.close()
    assert file in synced
    assert folder not in synced  # once is enough


def test_names_of_new_folders_are_saved(tmp_path, synced):
    make_durable_folders(str(tmp_path / "a" / "b"))
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [os.stat(path).st_ino for path in (tmp_path, tmp_path / "a")]
    synced.clear()
    make_durable_folders(str(tmp_path / "a" / "b"))
    assert synced == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EACCES])
def test_a_file_system_that_cannot_save_names_is_used_all_the_same(tmp_path, monkeypatch, number):
    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    sync_folder(str(tmp_path))


def test_a_disk_that_cannot_save_a_name_is_an_error(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        sync_folder(str(tmp_path))
