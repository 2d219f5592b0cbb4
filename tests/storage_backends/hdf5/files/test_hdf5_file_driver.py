"""The driver that gathers small writes, and h5py's own where there is none."""

import h5py
import numpy as np
import pytest
from h5py import h5fd

from pypet.storage_backends.hdf5.files import file_driver as module
from pypet.storage_backends.hdf5.files.file_driver import file_driver
from pypet.storage_backends.hdf5.files.opening import IS_TRANSACTIONAL, create_file, open_file
from pypet.storage_backends.hdf5.files.transactional_file import TransactionalFile
from pypet.storage_backends.hdf5.settings.settings import Filters

GROUPS = 300


@pytest.fixture
def writes(monkeypatch):
    """Return what counts the calls of HDF5 that write."""
    counted = []
    write = TransactionalFile.write

    def counting(self, data):
        counted.append(len(data))
        return write(self, data)

    monkeypatch.setattr(TransactionalFile, "write", counting)
    return counted


@pytest.fixture
def any_driver(request, monkeypatch):
    """Let the library offer the driver or, as another version of HDF5 would, not."""
    file_driver.cache_clear()
    if request.param == "plain":
        monkeypatch.setattr(module, "_OLDEST_HDF5", (99, 0))
    yield request.param
    file_driver.cache_clear()


def fill(path):
    handle = create_file(str(path), "title", Filters())
    root = h5py.Group(handle.id)
    for number in range(GROUPS):
        group = root.create_group(f"group_{number}")
        group.attrs["number"] = number
        group["values"] = np.arange(number)
    handle.close()


def check(path):
    with h5py.File(path) as file:
        assert len(file) == GROUPS
        for number in range(GROUPS):
            group = file[f"group_{number}"]
            assert group.attrs["number"] == number
            np.testing.assert_array_equal(group["values"], np.arange(number))


needs_transactions = pytest.mark.skipif(
    not IS_TRANSACTIONAL, reason="the system has no transactions"
)


@needs_transactions
@pytest.mark.parametrize("any_driver", ["gathering", "plain"], indirect=True)
def test_files_are_whole_with_either_driver(tmp_path, any_driver):
    path = tmp_path / "file.hdf5"
    fill(path)
    check(path)
    handle = open_file(str(path), writable=True)
    h5py.Group(handle.id)["group_7"].attrs["number"] = 7
    h5py.Group(handle.id).attrs["more"] = np.arange(50)
    handle.close()
    check(path)


@needs_transactions
@pytest.mark.skipif(
    h5py.version.hdf5_version_tuple < (1, 14), reason="this HDF5 describes drivers differently"
)
def test_headers_are_not_written_one_by_one(tmp_path, writes):
    handle = create_file(str(tmp_path / "file.hdf5"), "title", Filters())
    root = h5py.Group(handle.id)
    for number in range(GROUPS):
        root.create_group(f"group_{number}")
    handle.close()
    assert 0 < len(writes) < GROUPS // 2


def test_h5py_has_its_own_driver_left_as_it_was(tmp_path):
    assert file_driver() != h5fd.fileobj_driver or h5py.version.hdf5_version_tuple < (1, 14)
    with (
        open(tmp_path / "file.hdf5", "w+b") as stream,
        h5py.File(stream, "w") as file,
    ):
        file["x"] = 42
    with h5py.File(tmp_path / "file.hdf5") as file:
        assert file["x"][()] == 42


@pytest.mark.parametrize("wrong", [{"_CLASS_VERSION": 7}, {"_NAME": b"other"}])
def test_a_driver_that_reads_otherwise_is_not_believed(monkeypatch, wrong):
    file_driver.cache_clear()
    for name, value in wrong.items():
        monkeypatch.setattr(module, name, value)
    try:
        assert file_driver() == h5fd.fileobj_driver
    finally:
        file_driver.cache_clear()
