"""Items of several types, and None, in HDF5: exact for us, plain for readers of the layout."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
tables = pytest.importorskip("tables")

from pypet import (  # noqa: E402 - needs h5py
    Environment,
    SharedArray,
    SharedResult,
    Trajectory,
    load_trajectory,
    make_ordinary_result,
)
from pypet.pypetconstants import PARAMETERTYPEDICT  # noqa: E402
from tests.encoding.exactly import same  # noqa: E402

ITEMS = {
    "floats": [0.0, np.float64(1.5)],
    "ints": [0, np.int64(3)],
    "ints_first": [0, 1.5],
    "texts": ["a", np.str_("b")],
    "anything": (1, "a", None, 2.5, b"\xff", True),
    "long": [0] * 5000 + [0.5],
    "changing": [0, 0.5] * 9000,
    "none": None,
    "not_none": "None",
    "dictionary": {"a": None, "b": [1, None], "c": (None, 1.5)},
    "wide": {f"k{number:03d}": None if number % 2 else number for number in range(600)},
}


@pytest.fixture
def stored(tmp_path):
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", add_time=False, filename=filename)
    traj.f_add_result("r", **ITEMS)
    for name, value in ITEMS.items():
        traj.f_add_result(f"alone.{name}", value)
    traj.f_store()
    return filename


@pytest.mark.parametrize("unpickle", ["trust", "never"])
def test_items_come_back_exactly(stored, unpickle):
    traj = load_trajectory("t", filename=stored, load_data=2, unpickle=unpickle)

    for name, value in ITEMS.items():
        assert same(traj.results.r[name], value), name
        assert same(traj.results.alone.f_get(name).f_get(), value), name
    assert traj.results.alone.none is None
    assert not traj.results.alone.f_get("none").f_is_empty()


def test_the_established_attributes_are_those_of_plain_sequences(stored):
    with tables.open_file(stored) as file:
        for name, value in ITEMS.items():
            node = file.get_node(f"/t/results/r/{name}")
            if isinstance(value, dict):
                continue
            attributes = node._v_attrs
            kind = PARAMETERTYPEDICT[str(attributes["SRVC_DATA_SCALAR_TYPE"])]
            found = node.read()
            elements = found if isinstance(found, list) else [found]
            assert len(elements) == (len(value) if isinstance(value, list | tuple) else 1)
            assert {type(element) for element in elements} == {bytes if kind is str else kind}
        assert "SRVC_DATA_ELEMENT_TYPES" not in file.get_node("/t/results/r/not_none")._v_attrs


def test_runs_may_have_results_of_none(tmp_path):
    def run(traj):
        traj.f_add_result("runs.$.r", None if traj.x % 2 else traj.x)
        traj.f_add_result("runs.$.mixed", x=[traj.x, None, "a"])

    filename = str(tmp_path / "data.hdf5")
    with Environment("t", add_time=False, filename=filename, log_config=None) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [0, 1, 2]})
        env.run(run)
    traj = load_trajectory("t", filename=filename, load_data=2)

    assert [traj.f_get(f"runs.run_{idx:08d}").r for idx in range(3)] == [0, None, 2]
    assert traj.f_get("runs.run_00000001").mixed.x == [1, None, "a"]


def test_none_in_annotations_comes_back(tmp_path):
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", add_time=False, filename=filename)
    notes = {"none": None, "list": [None, 1], "tuple": (None,), "dict": {"a": None}}
    traj.f_add_result("r", 1).v_annotations.f_set(**notes)
    traj.f_store()

    found = load_trajectory("t", filename=filename, load_data=2, unpickle="safe")

    assert found.f_get("r").v_annotations.f_to_dict() == notes


def test_shared_mixtures_become_ordinary_ones(tmp_path):
    traj = Trajectory("t", add_time=False, filename=str(tmp_path / "data.hdf5"))
    traj.f_store(only_init=True)
    shared = traj.f_add_result(SharedResult, "shared", SharedArray())
    shared.create_shared_data(obj=[1, None, 2.5])
    make_ordinary_result(shared, "shared", trajectory=traj)
    traj.f_load_item(shared, load_data=3)

    assert shared.f_get() == [1, None, 2.5]
