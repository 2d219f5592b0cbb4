"""What the HDF5 service does with pickles in a file, by its option ``unpickle``."""

import os
import pickle

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import h5py
import pandas

from pypet import PickleParameter, PickleResult, Trajectory, load_trajectory
from pypet.errors import RefusedPickleError


class MakesFolder:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Mine:
    """A harmless class of somebody's project."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "made"


@pytest.fixture
def stored(tmp_path):
    """Return a function that stores a trajectory, and one that loads it again."""
    filename = str(tmp_path / "file.hdf5")

    def store(fill):
        traj = Trajectory("traj", add_time=False, filename=filename)
        fill(traj)
        traj.f_store()

    def load(mode, **kwargs):
        return load_trajectory(
            "traj", filename=filename, load_data=2, unpickle=mode, dynamic_imports=None, **kwargs
        )

    return store, load


def pickled_result(traj, value):
    traj.f_add_result(PickleResult, "group.bad", value)


def pickled_parameter(traj, value):
    traj.f_add_parameter(PickleParameter, "group.bad", value)


def annotated_leaf(traj, value):
    traj.f_add_result("group.bad", 1).v_annotations.note = value


def annotated_group(traj, value):
    traj.f_add_result_group("group.bad").v_annotations.note = value


def annotated_root(traj, value):
    traj.v_annotations.bad = value


def frame(traj, value):
    cells = np.empty(2, dtype=object)
    cells[:] = ["text", value]
    traj.f_add_result("group.bad", pandas.DataFrame({"x": cells}))


PLACES = [
    pickled_result,
    pickled_parameter,
    annotated_leaf,
    annotated_group,
    annotated_root,
    frame,
]


@pytest.mark.parametrize("place", PLACES)
def test_a_malicious_pickle_is_refused_and_not_run(stored, folder, place):
    store, load = stored
    store(lambda traj: place(traj, MakesFolder(folder)))
    with pytest.raises(RefusedPickleError, match=r"bad.*posix\.mkdir.*unpickle='safe'"):
        load("safe")
    with pytest.raises(RefusedPickleError, match=r"bad.*unpickle='never'"):
        load("never")
    assert not folder.exists()


@pytest.mark.parametrize("place", PLACES)
def test_trust_is_the_default_and_runs_what_the_file_says(stored, folder, place):
    store, load = stored
    store(lambda traj: place(traj, MakesFolder(folder)))
    load("trust")
    assert folder.exists()


@pytest.mark.parametrize("place", PLACES[:-1])
def test_classes_that_nobody_declared_are_refused_by_name(stored, place):
    store, load = stored
    store(lambda traj: place(traj, Mine()))
    with pytest.raises(RefusedPickleError, match=r"bad.*\.Mine"):
        load("safe")


def test_declared_classes_are_loaded(stored, tmp_path):
    store, _ = stored
    store(lambda traj: pickled_result(traj, Mine()))
    traj = Trajectory(
        "traj", add_time=False, filename=str(tmp_path / "file.hdf5"), dynamic_imports=Mine
    )
    traj.v_storage_service.unpickle = "safe"
    traj.f_load(load_data=2)
    assert type(traj.f_get("group.bad").f_get()) is Mine


def test_plain_data_is_loaded_safely(stored):
    store, load = stored
    values = {
        "a": [1, None, {"x": np.arange(3)}],
        "f": pandas.DataFrame({"x": ["a", "b"], "y": [1.0, 2.0]}),
    }

    def fill(traj):
        traj.f_add_result(PickleResult, "r", **values).v_annotations.note = ["a", None]
        traj.f_add_result("frames", f=values["f"], s=values["f"]["x"], n=values["f"]["y"])
        traj.v_annotations.list = [1, 2]

    store(fill)
    traj = load("safe")
    assert traj.r.a[:2] == [1, None]
    assert traj.r.a[2]["x"].tolist() == [0, 1, 2]
    pandas.testing.assert_frame_equal(traj.r.f, values["f"])
    pandas.testing.assert_frame_equal(traj.frames.f, values["f"])
    assert traj.results.r.v_annotations.note == ["a", None]
    assert traj.v_annotations.list == [1, 2]


@pytest.mark.parametrize("pandas_format", ["fixed", "table"])
def test_frames_of_numbers_load_without_any_pickle_that_names_something(stored, pandas_format):
    store, load = stored
    numbers = pandas.DataFrame({"y": [1.0, 2.0]})

    def fill(traj):
        traj.v_storage_service.pandas_format = pandas_format
        traj.f_add_result("frame", numbers)
        traj.f_add_result("plain", 3)

    store(fill)
    traj = load("never")
    pandas.testing.assert_frame_equal(traj.frame, numbers)
    assert traj.plain == 3


def test_bytes_that_end_like_a_pickle_are_annotations_in_every_mode(stored):
    store, load = stored
    store(lambda traj: setattr(traj.v_annotations, "note", b"text"))
    for mode in ("trust", "safe", "never"):
        assert load(mode).v_annotations.note == b"text"


def test_modes_that_do_not_exist_are_refused(tmp_path):
    with pytest.raises(ValueError, match="unpickle"):
        Trajectory("traj", filename=str(tmp_path / "f.hdf5"), unpickle="maybe")


def test_storing_frames_into_a_untrusted_file_runs_nothing_either(stored, tmp_path, folder):
    store, load = stored
    store(lambda traj: traj.f_add_result("plain", 3))
    with h5py.File(tmp_path / "file.hdf5", "r+") as file:
        file.attrs["note"] = np.bytes_(pickle.dumps(MakesFolder(folder), 0))
    traj = load("safe")
    traj.f_add_result("frame", pandas.DataFrame({"x": [1]}))
    traj.f_add_result("more", 4)
    traj.f_store()
    assert not folder.exists()
    with h5py.File(tmp_path / "file.hdf5", "r+") as file:
        del file.attrs["note"]
    again = load("safe")
    assert (again.plain, again.more) == (3, 4)
    assert again.frame.equals(pandas.DataFrame({"x": [1]}))
