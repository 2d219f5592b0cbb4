"""Points are matched with runs one to one, by values that are equal."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet import ArrayParameter, Parameter, PickleParameter, Trajectory, load_trajectory
from pypet.support.comparisons import nested_equal
from pypet.trajectory.continuation.point_matching import match_points, value_key


class Plain:
    """Equal by its attributes, hashed by its identity."""

    def __init__(self, value):
        self.value = value


small = st.sampled_from([0, 1, 2])
floats = st.sampled_from([0.0, -0.0, 1.0, math.nan, -math.nan, math.inf])
arrays = st.lists(floats, min_size=1, max_size=2).map(np.array)
values = st.one_of(
    floats,
    small,
    st.booleans(),
    st.sampled_from(["", "a", b"a"]),
    st.sampled_from([0j, 1 + 0j, complex(0, math.nan)]),
    floats.map(np.float64),
    small.map(np.int8),
    arrays,
    st.lists(floats, max_size=2),
    st.lists(st.sampled_from([None, math.nan, "nan", ("nan",), ("none",)]), max_size=1),
    st.lists(arrays, max_size=2).map(tuple),
    st.dictionaries(small, floats, max_size=2),
    st.frozensets(small, max_size=2),
    small.map(Plain),
    st.lists(small.map(Plain), max_size=1),
)


@given(values, values)
def test_values_of_one_type_have_equal_keys_if_they_are_equal(one, other):
    keys = value_key(one), value_key(other)
    if type(one) is type(other) and None not in keys:
        assert (keys[0] == keys[1]) == nested_equal(one, other)


points = st.lists(st.tuples(small, st.one_of(floats, small.map(Plain))), max_size=8)


@given(points, points, st.sets(st.integers(0, 7)))
def test_as_many_points_as_possible_get_a_run_of_their_own(known, asked, completed):
    parameters = [PickleParameter("a"), PickleParameter("b")]
    matches = match_points(parameters, enumerate(known), asked, completed)
    found = [index for index in matches if index is not None]
    assert len(found) == len(set(found))
    for point, index in zip(asked, matches, strict=True):
        assert index is None or _equal(point, known[index])
    for point, index in zip(asked, matches, strict=True):
        if index is None:
            runs = {run for run, other in enumerate(known) if _equal(point, other)}
            assert runs <= set(found)


def _equal(one, other):
    return type(one[1]) is type(other[1]) and nested_equal(one, other)


@given(points, st.randoms(use_true_random=False))
def test_the_order_does_not_matter(known, random):
    shuffled = list(known)
    random.shuffle(shuffled)
    parameters = [PickleParameter("a"), PickleParameter("b")]
    matches = match_points(parameters, enumerate(known), shuffled, set())
    assert sorted(matches) == list(range(len(known)))


def match(known, asked, completed=()):
    parameter = Parameter("x", 0.0)
    known = [(index, (value,)) for index, value in enumerate(known)]
    return match_points([parameter], known, [(value,) for value in asked], set(completed))


def test_equal_points_keep_their_places():
    assert match([1.0, 1.0, 2.0, 1.0], [1.0, 1.0, 2.0, 1.0, 1.0], [3]) == [0, 1, 2, 3, None]


def test_completed_runs_come_first():
    assert match([1.0, 1.0, 1.0], [1.0], completed=[1]) == [1]
    assert match([1.0, 1.0, 1.0], [2.0, 1.0, 1.0], completed=[0]) == [None, 1, 0]


def test_without_explored_parameters_there_is_one_point():
    assert match_points([], [(0, ())], [()], set()) == [0]


RANGES = {
    "numbers": (Parameter, [1.5, math.nan, -0.0, 1e-300]),
    "integers": (Parameter, [2**62, -1, 3]),
    "truths": (Parameter, [True, False]),
    "texts": (Parameter, ["", "a", "ä b"]),
    "bytes": (Parameter, [b"", b"\x00a"]),
    "complex numbers": (Parameter, [1 + 2j, complex(math.nan, 0)]),
    "lists": (Parameter, [[1, 2], [3], [4, 5, 6]]),
    "tuples": (Parameter, [(1.0, math.nan), (2.0, 3.0)]),
    "arrays": (Parameter, [np.array([1.0, math.nan]), np.array([-0.0, 2.0])]),
    "ragged arrays": (ArrayParameter, [np.zeros(3), np.zeros((2, 2)), np.zeros(0)]),
    "arrays of texts": (ArrayParameter, [np.array(["abc", "d"]), np.array(["e", "f"])]),
    "big-endian arrays": (PickleParameter, [np.arange(3, dtype=">i4"), np.ones(2, ">i4")]),
    "numpy scalars": (Parameter, [np.float32(0.1), np.float32(math.nan)]),
    "dictionaries": (PickleParameter, [{"a": [1]}, {"a": [math.nan]}, {}]),
    "objects": (PickleParameter, [Plain(1), Plain({"a": 2})]),
}


@pytest.mark.parametrize("kind", RANGES)
def test_what_was_stored_and_loaded_is_found_again(kind, tmp_path):
    pytest.importorskip("h5py")
    cls, entries = RANGES[kind]
    traj = Trajectory("t", filename=str(tmp_path / "t.hdf5"))
    parameter = traj.f_add_parameter(cls, "x", entries[0])
    traj.f_explore({"x": entries})
    traj.f_store()
    loaded = load_trajectory("t", filename=str(tmp_path / "t.hdf5"))
    known = [(index, (value,)) for index, value in enumerate(loaded.f_get("x").f_get_range())]
    asked = [(value,) for value in reversed(entries)]
    assert match_points([parameter], known, asked, set()) == list(range(len(entries)))[::-1]
