"""Compaction: less space for the same content, and never less than one whole file."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

import tables

import pypet
from pypet import Trajectory, compact_hdf5_file, load_trajectory
from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.nodes import copying
from pypet.utils import hdf5compression
from tests.storage_backends.hdf5.pytables_layout import layout, raw_attributes


@pytest.fixture
def path(tmp_path):
    """A file with two trajectories, of which one had a large result that was deleted."""
    path = str(tmp_path / "data.hdf5")
    for name in ("first", "second"):
        traj = Trajectory(name, add_time=False, filename=path, file_title="My title", complevel=4)
        traj.f_add_parameter("group.x", 3, comment="a number")
        traj.f_explore({"group.x": [1, 2, 3]})
        traj.f_add_result("group.array", np.arange(1000.0)).v_annotations.note = [1, None]
        traj.f_add_result("text", "ü", comment="some text")
        traj.results.f_add_link("link", traj.f_get("results.group.array"))
        if name == "second":
            traj.f_add_result("large", np.random.default_rng(1).random(300_000))
        traj.f_store()
    traj.f_delete_item("results.large", remove_from_trajectory=True)
    return path


def content(path):
    with tables.open_file(path) as file:
        title = file.title
    return title, *(repr(layout(path, name)) for name in ("first", "second"))


def test_space_is_given_back_and_the_content_stays(path):
    before, size = content(path), os.path.getsize(path)
    root = raw_attributes(path, "/")
    assert compact_hdf5_file(path) == 0
    assert content(path) == before
    assert repr(raw_attributes(path, "/")) == repr(root)
    assert before[0] == "My title"
    assert os.path.getsize(path) < size - 2_000_000
    traj = load_trajectory("second", filename=path, load_data=2)
    assert traj.f_get("results.link") is traj.f_get("results.group.array")
    assert traj.f_get("results.group.array").f_get().tolist() == list(range(1000))
    assert traj.f_get("parameters.group.x").f_get_range() == [1, 2, 3]


def test_the_old_file_is_kept_as_it_was(path, tmp_path):
    before = Path(path).read_bytes()
    compact_hdf5_file(path)
    assert (tmp_path / "data_backup.hdf5").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["data.hdf5", "data_backup.hdf5"]


def test_an_older_backup_is_replaced(path, tmp_path):
    (tmp_path / "data_backup.hdf5").write_bytes(b"older")
    before = Path(path).read_bytes()
    compact_hdf5_file(path)
    assert (tmp_path / "data_backup.hdf5").read_bytes() == before


def test_without_backup_only_the_new_file_is_left(path, tmp_path):
    compact_hdf5_file(path, keep_backup=False)
    assert os.listdir(tmp_path) == ["data.hdf5"]


def test_a_service_that_keeps_the_file_open_goes_on_with_the_new_one(path):
    traj = load_trajectory("first", filename=path, load_data=2)
    service = traj.v_storage_service
    service.store("OPEN_FILE", None, trajectory_name="first")
    traj.f_add_result("before", 1)
    traj.f_store_item("before")
    compact_hdf5_file(path)
    traj.f_add_result("after", 2)
    traj.f_store_item("after")
    service.store("CLOSE_FILE", None, trajectory_name="first")
    again = load_trajectory("first", filename=path, load_data=2)
    assert (again.results.before, again.results.after) == (1, 2)


@pytest.mark.parametrize("arguments", [{"name": "second"}, {"index": 0}, {"index": -2}])
def test_the_trajectory_may_be_named(path, arguments):
    assert compact_hdf5_file(path, **arguments) == 0


@pytest.mark.parametrize(
    "arguments", [{"name": "third"}, {"index": 2}, {"name": "first", "index": 0}]
)
def test_a_wrong_trajectory_is_refused_and_nothing_is_touched(path, tmp_path, arguments):
    before = Path(path).read_bytes()
    with pytest.raises(ValueError, match=r"first|both"):
        compact_hdf5_file(path, **arguments)
    assert Path(path).read_bytes() == before
    assert os.listdir(tmp_path) == ["data.hdf5"]


def test_a_missing_file_is_a_value_error(tmp_path):
    with pytest.raises(ValueError, match=r"missing\.hdf5"):
        compact_hdf5_file(tmp_path / "missing.hdf5")


def test_something_else_is_left_alone(tmp_path):
    other = tmp_path / "other.hdf5"
    other.write_text("no HDF5")
    with pytest.raises(StorageFormatError, match="not an HDF5 file"):
        compact_hdf5_file(other)
    assert other.read_text() == "no HDF5"
    assert os.listdir(tmp_path) == ["other.hdf5"]


def test_a_failing_copy_leaves_the_file_untouched(path, tmp_path, monkeypatch):
    before = Path(path).read_bytes()

    def fail(source, target):
        raise OSError("no space left")

    monkeypatch.setattr(copying, "_copy_children", fail)
    with pytest.raises(OSError, match="no space left"):
        compact_hdf5_file(path)
    assert Path(path).read_bytes() == before
    assert os.listdir(tmp_path) == ["data.hdf5"]


def test_it_is_found_at_its_established_place():
    assert hdf5compression.compact_hdf5_file is compact_hdf5_file
    assert pypet.compact_hdf5_file is compact_hdf5_file
