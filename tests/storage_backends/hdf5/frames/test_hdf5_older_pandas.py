"""Frames and pickles are written so that older versions of pandas and numpy read them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("pandas")
pytest.importorskip("tables")

import pandas as pd
import tables

from pypet import SharedPandasFrame, SharedResult, Trajectory, load_trajectory

TIMES = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[ns]")
DURATIONS = np.array([1, 2], dtype="timedelta64[ns]")


def stored(tmp_path, value, **options):
    """Return the path of a file with ``value`` as only item of a result."""
    path = str(tmp_path / "data.hdf5")
    traj = Trajectory("traj", filename=path)
    traj.f_add_result("x", value)
    traj.f_store(only_init=True)
    traj.f_store_item("x", **options)
    return path


def node_attribute(path, node, name):
    with tables.open_file(path, "r") as file:
        return file.get_node_attr(f"/traj/results/x/x{node}", name)


@pytest.mark.parametrize("resolution", ["datetime64", "timedelta64"])
def test_times_in_nanoseconds_have_the_name_that_all_versions_know(tmp_path, resolution):
    values = TIMES if resolution == "datetime64" else DURATIONS
    frame = pd.DataFrame({"t": values}, index=values)
    path = stored(tmp_path, frame)
    assert node_attribute(path, "/axis1", "kind") == resolution
    assert node_attribute(path, "/block0_values", "value_type") == resolution
    found = load_trajectory("traj", filename=path, load_data=2).results.f_get("x").f_get()
    pd.testing.assert_frame_equal(found, frame, check_freq=False)


def test_other_resolutions_are_kept(tmp_path):
    frame = pd.DataFrame({"t": TIMES.astype("datetime64[s]")})
    path = stored(tmp_path, frame)
    assert node_attribute(path, "/block0_values", "value_type") == "datetime64[s]"
    found = load_trajectory("traj", filename=path, load_data=2).results.f_get("x").f_get()
    pd.testing.assert_frame_equal(found, frame)


def test_tables_say_their_version(tmp_path):
    path = stored(tmp_path, pd.DataFrame({"a": [1, 2]}), format="table")
    assert node_attribute(path, "", "pandas_version") == "0.15.2"


def test_text_does_not_name_modules_of_new_versions(tmp_path):
    path = stored(tmp_path, pd.DataFrame({"text": ["a", "b"]}))
    with open(path, "rb") as stream:
        assert b"numpy._core" not in stream.read()


def test_shared_frames_with_times_can_grow(tmp_path):
    traj = Trajectory("traj", filename=str(tmp_path / "data.hdf5"))
    traj.f_store(only_init=True)
    result = traj.f_add_result(SharedResult, "x", SharedPandasFrame())
    frame = pd.DataFrame({"t": TIMES}, index=TIMES)
    result.create_shared_data(obj=frame)
    result.x.append(frame)
    assert node_attribute(traj.v_storage_service.filename, "", "pandas_version") == "0.15.2"
    pd.testing.assert_frame_equal(result.x.read(), pd.concat([frame, frame]))
