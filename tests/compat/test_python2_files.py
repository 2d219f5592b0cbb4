"""Files of Python 2 times open without further ado: types as they were meant, text as text."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("h5py")

from pypet import load_trajectory
from tests.compat.sidecar import SAMPLES

OLD, NEWER = "old_0_1b_6", "old_0_3_0"
VALUES = {
    OLD: {
        "parameters.x": 1,
        "parameters.grp.s": "text",
        "parameters.grp.u": "ü",
        "parameters.grp.f": 2.5,
        "parameters.grp.b": True,
        "parameters.grp.n": np.int16(7),
        "results.runs.run_00000000.z": 0,
        "results.runs.run_00000001.z": 10,
        "results.runs.run_00000002.z": 20,
    },
    NEWER: {
        "parameters.x": 1,
        "parameters.ap": np.array([0.0, 1.0]),
        "parameters.u": "ü",
        "parameters.s": "text",
        "parameters.l": ("a", "b"),
    },
}


def load(name):
    return load_trajectory(name, filename=str(SAMPLES / "legacy_py2.hdf5"), load_data=2)


@pytest.fixture(params=[OLD, NEWER])
def sample(request):
    content = json.loads((SAMPLES / "legacy_py2.json").read_text(encoding="utf8"))
    return load(request.param), content["trajectories"][request.param]


def test_meta_data_and_explored_ranges_are_those_of_the_file(sample):
    traj, content = sample
    assert traj.v_comment == content["comment"]
    assert len(traj) == content["length"]
    assert set(traj.f_get_explored_parameters()) == set(content["explored"])
    for name, values in content["explored"].items():
        found = [np.asarray(value).tolist() for value in traj.f_get(name).f_get_range()]
        assert found == values
    for name, comment in content.get("comments", {}).items():
        assert traj.f_get(name).v_comment == comment


@pytest.mark.parametrize("name", [OLD, NEWER])
def test_leaves_hold_values_of_the_types_that_were_meant(name):
    traj = load(name)
    for path, value in VALUES[name].items():
        found = traj.f_get(path).f_get()
        assert type(found) is type(value), path
        np.testing.assert_array_equal(found, value)


def test_items_of_a_result_have_the_types_that_were_meant():
    result = load(NEWER).f_get("results.r")
    assert result.tup == (1, 2)
    assert [type(element) for element in result.tup] == [int, int]
    assert result.txt == "bytes text"
    assert type(result.lng) is int
    assert result.lng == 2**40
    assert result.nd.dtype == np.int64
    assert result.nd.tolist() == [0, 1, 2]


def test_byte_strings_in_annotations_are_text():
    note = load(NEWER).f_get("results.r").v_annotations.note
    assert type(note) is np.str_
    assert note == "my note"
