"""Telling the file of an experiment from others."""

from __future__ import annotations

import os
import pickle
import shutil

import h5py
import numpy as np
import pytest

from pypet import Trajectory, load_trajectory
from pypet.errors import StorageLostError
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.hdf5.objects.file_structures import find_in_header

pytestmark = pytest.mark.skipif(not hasattr(os, "pread"), reason="reads past the HDF5 library")
LOST = "was deleted, moved or replaced, or its content overwritten"


@pytest.fixture
def traj(tmp_path):
    traj = Trajectory("t", filename=tmp_path / "x.hdf5", add_time=False)
    traj.f_add_parameter("x", 1)
    traj.f_store()
    return traj


@pytest.fixture
def service(traj):
    return traj.v_storage_service


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.hdf5"


def other_file(folder, name="t"):
    other = Trajectory(name, filename=folder / "other.hdf5", add_time=False)
    other.f_store()
    return folder / "other.hdf5"


# ----- generations -------------------------------------------------------------------------------


def test_each_experiment_has_a_generation_of_its_own(traj, service):
    assert service.generation("t") is None
    found = []
    for _ in range(2):
        with service.watched("t"):
            found.append(service.generation("t"))
        assert service.generation("t") == found[-1]
    assert len(set(found)) == 2
    assert all(len(generation) == 32 for generation in found)


def test_a_generation_is_no_annotation(traj, service, path):
    with service.watched("t"):
        pass
    assert load_trajectory("t", filename=path).v_annotations.f_is_empty()


def test_copies_keep_the_generation(traj, service, path, tmp_path):
    with service.watched("t"):
        shutil.copy(path, tmp_path / "copy.hdf5")
        assert HDF5StorageService(filename=tmp_path / "copy.hdf5").generation("t") == (
            service.generation("t")
        )


def test_what_is_not_stored_has_no_generation(service, tmp_path):
    with pytest.raises(ValueError, match="no trajectory 'u'"):
        service.generation("u")
    with pytest.raises(ValueError, match="There is no file"):
        HDF5StorageService(filename=tmp_path / "nowhere.hdf5").generation("t")


# ----- opening -----------------------------------------------------------------------------------


@pytest.mark.parametrize("is_copied", [False, True], ids=["own", "of_a_worker"])
@pytest.mark.parametrize("loss", ["deleted", "emptied", "replaced", "overwritten", "garbled"])
def test_another_file_is_not_used_in_place_of_that_of_the_experiment(
    traj, service, path, tmp_path, loss, is_copied
):
    other = other_file(tmp_path)
    with service.watched("t"):
        using = pickle.loads(pickle.dumps(service)) if is_copied else service
        if loss == "deleted":
            path.unlink()
        elif loss == "emptied":
            os.truncate(path, 0)
        elif loss == "replaced":
            os.replace(other, path)
        elif loss == "overwritten":
            shutil.copyfile(other, path)
        else:
            path.write_bytes(b"nothing that HDF5 knows")
        traj.v_storage_service = using
        content = path.read_bytes() if path.exists() else None
        with pytest.raises(StorageLostError, match=LOST) as caught:
            traj.f_store()
        assert caught.value.filename == str(path)
        with pytest.raises(StorageLostError):
            traj.f_load(load_data=2)
        with pytest.raises(StorageLostError):
            using.open()
        with pytest.raises(StorageLostError):
            using.check_in_place("t")
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_file_that_turns_up_again_is_not_trusted(traj, service, path):
    with service.watched("t"):
        path.rename(f"{path}.moved")
        with pytest.raises(StorageLostError):
            service.check_in_place("t")
        os.rename(f"{path}.moved", path)
        with pytest.raises(StorageLostError):
            service.check_in_place("t")
    with service.watched("t"):
        assert service.check_in_place("t")


def test_a_copy_in_place_of_the_file_is_reported(traj, service, path, tmp_path):
    with service.watched("t"):
        os.replace(shutil.copy(path, tmp_path / "copy"), path)
        assert service.check_in_place("t") is False
        traj.f_store()


def test_the_title_of_a_file_follows_after_an_experiment(traj, service, path):
    with service.watched("t"):
        service.store("TRAJECTORY", traj, trajectory_name="t", file_title="other title")
    traj.f_store(only_init=True)
    with h5py.File(path) as file:
        assert file.attrs["TITLE"].decode() == "other title"


def test_after_an_experiment_any_file_will_do(traj, service, path):
    with service.watched("t"):
        pass
    path.unlink()
    traj.f_store()
    assert load_trajectory("t", filename=path).f_get("x")


# ----- files that are open -----------------------------------------------------------------------


@pytest.mark.parametrize("end", ["close", "close_on_exit", "flush"])
def test_nothing_is_written_into_a_file_that_was_overwritten(traj, service, path, tmp_path, end):
    other = other_file(tmp_path, "foreign")
    with service.watched("t"):
        service.open()
        for number in range(50):
            traj.f_add_result(f"r{number}", number)
        shutil.copyfile(other, path)
        size = path.stat().st_size
        with pytest.raises(StorageLostError, match=LOST):
            getattr(service, end)()
        with pytest.raises(StorageLostError, match=LOST):
            service.close() if service.is_open else service.open()
    assert path.stat().st_size == size
    assert path.read_bytes() == other.read_bytes()
    assert HDF5StorageService(filename=path).trajectory_names() == ["foreign"]


@pytest.mark.parametrize("loss", ["moved", "replaced"])
def test_what_was_collected_goes_with_a_file_that_was_moved(traj, service, path, tmp_path, loss):
    moved = tmp_path / "moved.hdf5"
    with service.watched("t"):
        service.open()
        traj.f_add_result("r", 1)
        traj.f_store()
        path.rename(moved)
        if loss == "replaced":
            shutil.copy(other_file(tmp_path), path)
        with pytest.raises(StorageLostError):
            service.close()
    assert load_trajectory("t", filename=moved, load_data=2).f_get("r").r == 1


def test_attributes_of_the_trajectory_may_change_while_its_file_is_open(traj, service):
    with service.watched("t"):
        service.open()
        for number in range(60):
            traj.v_annotations.f_set(**{f"note{number}": "a text " * number})
            traj.v_comment = "x" * number
            traj.f_store(only_init=True, store_data=3 if number % 7 == 0 else 2)
            service.flush()
            assert service.check_in_place("t")
        service.close()


# ----- headers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("libver", ["earliest", "latest"])
@pytest.mark.parametrize("attributes", [0, 1, 5])
def test_bytes_are_found_in_headers_of_every_version(tmp_path, libver, attributes):
    path = tmp_path / "x.hdf5"
    with h5py.File(path, "w", libver=libver) as file:
        group = file.create_group("g")
        for number in range(attributes):
            group.attrs[f"a{number}"] = "x" * 500
        file.create_group("other")
        group.attrs["wanted"] = np.bytes_("WANTED BYTES")
        address = h5py.h5o.get_info(group.id).addr
    descriptor = os.open(path, os.O_RDONLY)
    try:
        place = find_in_header(descriptor, address, b"WANTED BYTES")
        assert place is not None
        assert os.pread(descriptor, 12, place) == b"WANTED BYTES"
        assert find_in_header(descriptor, address, b"NOT THERE") is None
        assert find_in_header(descriptor, 5, b"WANTED BYTES") is None
        assert find_in_header(descriptor, 1 << 40, b"WANTED BYTES") is None
    finally:
        os.close(descriptor)
