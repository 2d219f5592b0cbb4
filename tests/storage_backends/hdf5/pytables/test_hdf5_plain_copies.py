"""Frames that are read from copies in memory: what they hold, and what is refused."""

from __future__ import annotations

import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import h5py
import numpy as np
import pandas
from h5py import h5a, h5s, h5t

from pypet import Trajectory, load_trajectory
from pypet.errors import StorageFormatError
from pypet.support.comparisons import nested_equal


def frames():
    dates = pandas.date_range("2020", periods=3, freq="D", tz="Europe/Berlin")
    pairs = pandas.MultiIndex.from_tuples([("a", 1), ("b", 2), ("a", 3)], names=["t", None])
    frame = pandas.DataFrame({"n": [1, 2, 3], "f": [1.5, None, 2.5], "t": ["a", None, "ü"]})
    return {
        "plain": frame,
        "dates": frame.set_index(dates),
        "pairs": frame.set_index(pairs),
        "categories": frame.set_index(pandas.CategoricalIndex(["x", "y", "x"])),
        "series": frame["t"],
        "times": pandas.DataFrame({"d": dates, "s": dates - dates[0]}),
        "empty": frame.iloc[:0],
        "named": pandas.DataFrame({("a", 1): [1], ("a", 2): [2]}),
        "text_dtype": pandas.DataFrame({"t": pandas.array(["a", None], dtype="string")}),
    }


ROWS = pandas.DataFrame(
    {"c": pandas.Categorical(["u", "v", "u"]), "z": [1, 2, 3], "t": list("abc")}
)


@pytest.fixture
def filename(tmp_path):
    filename = str(tmp_path / "frames.hdf5")
    # Who forges a file can make checksums fit.
    traj = Trajectory("traj", add_time=False, filename=filename, checksums=False)
    traj.f_store(only_init=True)
    traj.f_store_item(traj.f_add_result("rows", table=ROWS), format="table")
    traj.f_add_result("fixed", **frames())
    traj.f_store()
    return filename


def loaded(filename, mode, name):
    traj = load_trajectory("traj", filename=filename, load_data=0, unpickle=mode)
    traj.f_load_skeleton()
    traj.f_load_item(f"results.{name}")
    return traj.f_get(f"results.{name}").f_to_dict()


def test_copies_are_read_as_the_file_itself(filename):
    for name in ("fixed", "rows"):
        trusted, safe = (loaded(filename, mode, name) for mode in ("trust", "safe"))
        assert trusted.keys() == safe.keys()
        for item, value in trusted.items():
            assert repr(safe[item]) == repr(value), item
            assert nested_equal(safe[item], value), item


def test_rows_that_hold_no_pickle_of_a_class_are_loaded_by_never(filename):
    pandas.testing.assert_frame_equal(loaded(filename, "never", "rows")["table"], ROWS)


@pytest.mark.parametrize("mode", ["safe", "never"])
def test_categories_that_are_not_there_are_an_error(filename, mode):
    with h5py.File(filename, "r+") as file:
        table = file["traj/results/rows/table/table"]
        rows = table[:]
        (column,) = (name for name in rows.dtype.names if rows.dtype[name].base == np.int8)
        rows[column][0] = 99
        table[:] = rows
    with pytest.raises(StorageFormatError, match="/traj/results/rows/table"):
        loaded(filename, mode, "rows")


def test_categories_of_an_index_that_are_not_there_are_an_error(filename):
    with h5py.File(filename, "r+") as file:
        file["traj/results/fixed/categories/axis1"][0] = 100
    with pytest.raises(StorageFormatError, match="categories/axis1"):
        loaded(filename, "safe", "fixed")


@pytest.mark.parametrize("name", ["encoding", "errors", "tz"])
def test_names_of_codecs_and_files_are_checked(filename, name):
    with h5py.File(filename, "r+") as file:
        node = file["traj/results/fixed/dates" + ("/axis1" if name == "tz" else "")]
        del node.attrs[name]
        node.attrs.create(name, np.bytes_(b"dateutil//dev/zero"))
    with pytest.raises(StorageFormatError, match="dateutil//dev/zero"):
        loaded(filename, "safe", "fixed")


@pytest.mark.parametrize("kind", ["soft", "external", "twice"])
def test_links_within_frames_are_refused(filename, kind):
    with h5py.File(filename, "r+") as file:
        frame = file["traj/results/fixed/plain"]
        frame["other"] = {
            "soft": h5py.SoftLink("/traj"),
            "external": h5py.ExternalLink("/dev/zero", "/"),
            "twice": frame["block0_values"],
        }[kind]
    with pytest.raises(StorageFormatError, match=r"plain/|a link to"):
        loaded(filename, "safe", "fixed")


def test_values_of_another_file_are_refused(filename, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(24))
    with h5py.File(filename, "r+") as file:
        frame = file["traj/results/fixed/plain"]
        old = frame["block0_values"]
        shape, dtype = old.shape, old.dtype
        del frame["block0_values"]
        secret = [(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)]
        frame.create_dataset("block0_values", shape, dtype, external=secret)
    with pytest.raises(StorageFormatError, match=r"another file|nothing is read from other files"):
        loaded(filename, "safe", "fixed")


def test_types_that_pytables_would_misread_are_refused(filename):
    with h5py.File(filename, "r+") as file:
        frame = file["traj/results/fixed/plain"]
        odd = h5t.STD_I32LE.copy()
        odd.set_precision(20)
        del frame["block0_values"]
        h5py.h5d.create(frame.id, b"block0_values", odd, h5s.create_simple((3, 1)))
    with pytest.raises(StorageFormatError, match="block0_values"):
        loaded(filename, "safe", "fixed")


def test_system_attributes_that_are_no_text_reach_no_library(filename):
    with h5py.File(filename, "r+") as file:
        node = file["traj/results/rows/table/table"]
        h5a.delete(node.id, b"TITLE")
        attribute = h5a.create(node.id, b"TITLE", h5t.STD_U8LE, h5s.create_simple((100,)))
        attribute.write(np.full(100, 46, dtype="u1"))
    pandas.testing.assert_frame_equal(loaded(filename, "safe", "rows")["table"], ROWS)
