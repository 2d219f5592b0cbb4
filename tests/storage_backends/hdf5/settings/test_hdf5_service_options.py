"""Options of the service and of single storing calls, through the public interface."""

import logging

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import pandas
import tables

from pypet import HDF5StorageService, Result, Trajectory, load_trajectory
from tests.storage_backends.hdf5.pytables_layout import layout


def new(path, name="traj", **kwargs):
    return Trajectory(name, add_time=False, filename=str(path), **kwargs)


def load(path, name="traj", **kwargs):
    return load_trajectory(name, filename=str(path), load_data=2, **kwargs)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data.hdf5"


# ----- flags -----------------------------------------------------------------------------------

FLAGS = {"ar": "ARRAY", "ca": "CARRAY", "ea": "EARRAY", "vl": "VLARRAY", "li": "CARRAY"}


@pytest.fixture
def flagged(path):
    """A stored trajectory with one result whose items were stored by explicit flags."""
    traj = new(path)
    traj.f_store(only_init=True)
    matrix = np.arange(6.0).reshape(2, 3)
    leaf = traj.f_add_result("r", ar=matrix, ca=matrix, ea=matrix, vl=np.arange(3), li=[1, 2])
    traj.f_store_item(leaf, store_flags=FLAGS)
    return traj


def test_items_are_stored_as_their_flags_say(flagged, path):
    found = layout(path, "traj/results/r")
    kinds = {name: found[f"/traj/results/r/{name}"] for name in FLAGS}
    assert {name: kind["k"] for name, kind in kinds.items()} == FLAGS
    assert {name: kind["attrs"]["SRVC_STORE"] for name, kind in kinds.items()} == FLAGS
    with tables.open_file(str(path)) as file:
        assert file.get_node("/traj/results/r/ea").extdim == 0
        assert file.get_node("/traj/results/r/vl")[0].tolist() == [0, 1, 2]


def test_items_with_flags_come_back(flagged, path):
    result = load(path).r
    for name in ("ar", "ca", "ea"):
        assert result[name].tolist() == [[0, 1, 2], [3, 4, 5]]
    (row,) = result.vl
    assert row.tolist() == [0, 1, 2]
    assert result.li == [1, 2]


def test_unknown_flags_and_flags_for_other_types_are_refused(path):
    traj = new(path)
    traj.f_store(only_init=True)
    leaf = traj.f_add_result("r", x=3)
    with pytest.raises(RuntimeError, match="unknown flag 'NONE'"):
        traj.f_store_item(leaf, store_flags={"x": "NONE"})
    with pytest.raises(TypeError, match="EARRAY"):
        traj.f_store_item(leaf, store_flags={"x": "EARRAY"})


def test_a_leaf_may_name_the_flags_of_its_items(path):
    class Extendable(Result):
        def _store_flags(self):
            return {"x": "EARRAY"}

    traj = new(path)
    traj.f_add_result(Extendable, "r", x=np.arange(3.0))
    traj.f_store()
    assert layout(path, "traj/results/r")["/traj/results/r/x"]["k"] == "EARRAY"
    assert load(path, dynamic_imports=Extendable).r.x.tolist() == [0, 1, 2]


def test_flags_for_loading_win_over_the_stored_ones(path):
    traj = new(path)
    traj.f_add_result("r", d={"a": 1, "b": "x"}, n=3)
    traj.f_store()
    again = load_trajectory("traj", filename=str(path))
    again.f_load_item("results.r", load_flags={"d": "TABLE"})
    assert type(again.r.d).__name__ == "ObjectTable"
    assert again.r.d.loc[0].to_dict() == {"a": 1, "b": "x"}
    assert again.r.n == 3
    other = load_trajectory("traj", filename=str(path))
    with pytest.raises(TypeError, match="FRAME"):
        other.f_load_item("results.r", load_flags={"d": "FRAME"})


def test_compression_of_one_call(path):
    traj = new(path, complevel=9)
    traj.f_store(only_init=True)
    leaf = traj.f_add_result("r", np.zeros(1000))
    other = traj.f_add_result("other", np.zeros(1000))
    traj.f_store_item(leaf, complevel=1, shuffle=False)
    traj.f_store_item(other)
    assert layout(path, "traj/results/r")["/traj/results/r/r"]["filters"] == [
        "zlib", 1, False, False
    ]  # fmt: skip
    assert layout(path, "traj/results/other")["/traj/results/other/other"]["filters"] == [
        "zlib", 9, True, False
    ]  # fmt: skip


# ----- failing pandas items --------------------------------------------------------------------


def test_a_failing_frame_takes_nothing_but_its_own_leaf_with_it(path):
    traj = new(path)
    traj.f_add_result("old", pandas.DataFrame({"x": [1]}))
    traj.f_store()
    bad = pandas.Series([1, 2], index=[1j, 2])  # no format has a place for it
    traj.f_add_result("before", 1)
    traj.f_add_result("framed", pandas.DataFrame({"y": [2]}))
    traj.f_add_result("group.bad", number=3, series=bad)
    traj.f_add_result("group.other", pandas.DataFrame({"z": [3]}))
    traj.f_add_result("zz.after", 4)
    with pytest.raises(TypeError, match="'series'") as error:
        traj.f_store()
    assert any("results.group.bad" in note for note in error.value.__notes__)
    found = load(path)
    assert found.old.x.tolist() == [1]
    assert (found.before, found.after) == (1, 4)
    assert (found.framed.y.tolist(), found.other.z.tolist()) == ([2], [3])
    assert not found.f_contains("results.group.bad", shortcuts=False)


def test_a_failing_frame_leaves_what_its_leaf_had(path):
    traj = new(path)
    leaf = traj.f_add_result("leaf", number=1, frame=pandas.DataFrame({"x": [1]}))
    traj.f_store()
    leaf.number, leaf.text = 2, "new"
    leaf.frame = pandas.Series([1, 2], index=[1j, 2])
    with pytest.raises(TypeError, match="'frame'"):
        traj.f_store_item(leaf, overwrite=["frame"])
    found = load(path).leaf
    assert sorted(found.f_to_dict()) == ["frame", "number"]
    assert (found.number, found.frame.x.tolist()) == (1, [1])
    leaf.frame = pandas.DataFrame({"x": [2]})
    traj.f_store_item(leaf, overwrite=["frame", "number"])
    found = load(path).leaf
    assert (found.number, found.text, found.frame.x.tolist()) == (2, "new", [2])


# ----- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "kind"), [("table", "frame_table"), ("fixed", "frame")])
def test_pandas_formats(path, given, kind):
    traj = new(path, pandas_format=given)
    frame = pandas.DataFrame({"x": [1, 2], "s": ["a", "ü"]})
    traj.f_add_result("frame", frame)
    traj.f_store()
    with tables.open_file(str(path)) as file:
        assert file.get_node_attr("/traj/results/frame/frame", "pandas_type") == kind
    again = load(path)
    pandas.testing.assert_frame_equal(again.frame, frame)
    assert again.v_storage_service.pandas_format == given


def test_another_encoding_holds_text_and_is_found_again(path):
    traj = new(path, encoding="latin1")
    traj.f_add_parameter("p", "äöü")
    traj.f_add_result("r", text="ß", texts=["ä", "b"], d={"k": "ü"}, array=np.array(["ö", "é"]))
    traj.f_store()
    with tables.open_file(str(path)) as file:
        assert file.get_node("/traj/results/r/text").read() == "ß".encode("latin1")
    again = load(path)
    assert again.v_storage_service.encoding == "latin1"
    assert again.p == "äöü"
    assert (again.r.text, again.r.texts, again.r.d) == ("ß", ["ä", "b"], {"k": "ü"})
    assert again.r.array.tolist() == ["ö", "é"]
    again.f_add_result("later", "ÿ")
    again.f_store()
    assert load(path).later == "ÿ"


def test_text_that_the_encoding_lacks_is_refused_by_name(path):
    traj = new(path, encoding="latin1")
    traj.f_store(only_init=True)
    leaf = traj.f_add_result("r", snow="☃")
    with pytest.raises(UnicodeEncodeError) as error:
        traj.f_store_item(leaf)
    assert any("results.r" in note for note in error.value.__notes__)


def test_hints_about_numbers_of_nodes_are_kept_with_the_trajectory(path):
    traj = new(path, results_per_run=3, derived_parameters_per_run=2)
    traj.f_store()
    again = load(path)
    assert again.f_get("config.hdf5.results_per_run").f_get() == 3
    assert again.f_get("config.hdf5.derived_parameters_per_run").f_get() == 2


# ----- one file, several trajectories ----------------------------------------------------------


def title_of(path):
    with tables.open_file(str(path)) as file:
        return file.title


def test_trajectories_of_one_file_have_their_own_settings_and_order(path):
    for name, level in (("b", 1), ("c", 5), ("a", 0)):
        traj = new(path, name, complevel=level)
        traj.f_add_result("name", name)
        traj.f_store()
    for index, name, level in ((0, "a", 0), (1, "b", 1), (-1, "c", 5)):
        traj = load_trajectory(index=index, filename=str(path), load_data=2)
        assert traj.v_name == name
        assert traj.f_get("results.name").f_get() == name
        assert traj.v_storage_service.complevel == level


def test_the_title_is_that_of_who_writes_last(path):
    new(path, "first", file_title="Mine").f_store()
    assert title_of(path) == "Mine"
    second = new(path, "second")
    second.f_store()
    assert title_of(path) == "second"
    load(path, "first")
    assert title_of(path) == "second"
    second.v_storage_service.store("TRAJECTORY", second, trajectory_name="second", file_title="X")
    assert title_of(path) == "X"


def test_without_a_trajectory_file_and_title_are_named_experiments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    service = HDF5StorageService()
    assert service.filename == str(tmp_path / "Experiments.hdf5")
    Trajectory("traj", add_time=False, storage_service=service).f_store()
    assert title_of(tmp_path / "Experiments.hdf5") == "Experiments"


def test_names_of_items_that_are_not_there_are_only_reported(path, caplog):
    traj = new(path)
    leaf = traj.f_add_result("r", x=1)
    traj.f_store()
    with caplog.at_level(logging.WARNING):
        traj.f_store_item(leaf, overwrite="y")
    assert "results.r has no items named y" in caplog.text
