"""Points to explore: designs, combinations, and what a trajectory records of them."""

from __future__ import annotations

import doctest
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import Trajectory, sampling
from pypet.sampling import combining, designs, integers, ranges, uniform

SPACE = {"x": uniform(-1, 1), "n": integers(1, 9), "mode": ["fast", "slow"]}
DESIGNS = ["random", "latin_hypercube", "sobol"]


def design(name):
    if name != "random":
        pytest.importorskip("scipy")
    return getattr(sampling, name)


@pytest.mark.parametrize("module", [designs, combining, ranges])
def test_examples_of_the_documentation_hold(module):
    names = {name: getattr(sampling, name) for name in sampling.__all__}
    assert doctest.testmod(module, extraglobs=names).failed == 0


@pytest.mark.parametrize("name", DESIGNS)
def test_a_seed_gives_the_same_points_again_and_the_record_does(name):
    make = design(name)
    points = make(SPACE, 8, seed=3)
    assert points.n_points == 8
    assert list(points) == ["x", "n", "mode"]
    assert make(SPACE, 8, seed=3) == points != make(SPACE, 8, seed=4)
    assert sampling.reproduce(points.record_as_json()) == points
    assert pickle.loads(pickle.dumps(points)).record == points.record


@pytest.mark.parametrize("name", DESIGNS)
def test_a_seed_that_was_drawn_is_recorded(name):
    points = design(name)({"x": uniform(0, 1)}, 4)
    assert points.record["method"] == name
    assert sampling.reproduce(points.record) == points


def test_a_latin_hypercube_has_one_point_in_each_slice():
    points = design("latin_hypercube")({"x": uniform(0, 10), "y": uniform(0, 10)}, 10, seed=1)
    for values in points.values():
        assert sorted(map(int, values)) == list(range(10))


def test_sobol_points_fill_each_half_and_quarter():
    points = design("sobol")({"x": uniform(0, 4), "y": uniform(0, 4)}, 16, seed=1)
    cells = [(int(x), int(y)) for x, y in zip(*points.values(), strict=True)]
    assert len(set(cells)) == 16


@pytest.mark.parametrize(("n", "seed"), [(0, 1), (2.5, 1), (True, 1), (3, -1), (3, 0.5)])
def test_wrong_numbers_are_errors(n, seed):
    with pytest.raises(ValueError, match=r"seed=|n="):
        sampling.random(SPACE, n, seed=seed)


@pytest.mark.parametrize("space", [None, {}, {"x": 3}, {"x": "abc"}, {1: uniform(0, 1)}])
def test_wrong_spaces_are_errors(space):
    with pytest.raises((TypeError, ValueError), match="random"):
        sampling.random(space, 3)


def test_groups_are_dictionaries_in_the_dictionary():
    assert list(sampling.random({"net": {"n": [1], "x": [2]}}, 2)) == ["net.n", "net.x"]
    assert dict(sampling.zipped({"net": {"n": [1, 2]}, "y": [3, 4]})) == {
        "net.n": [1, 2],
        "y": [3, 4],
    }


# ----- combinations ----------------------------------------------------------------------------


VALUES = st.integers(-2, 2) | st.sampled_from([0.5, 1.0, "a", True, (1, 2)])
TABLES = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=6)


def as_points(rows):
    return {"a": [row[0] for row in rows], "b": [row[1] for row in rows]}


def exact(row):
    return tuple((isinstance(value, bool), value) for value in row)


@settings(max_examples=60, deadline=None)
@given(TABLES, TABLES)
def test_a_union_has_each_point_once_in_order(first, second):
    points = sampling.union(as_points(first), as_points(second))
    rows = list(zip(points["a"], points["b"], strict=True))
    expected = list({exact(row): row for row in reversed([*first, *second])}.values())
    assert {exact(row) for row in rows} == {exact(row) for row in expected}
    assert len(rows) == len(expected)
    places = [[exact(each) for each in (*first, *second)].index(exact(row)) for row in rows]
    assert places == sorted(places)


def test_a_union_can_keep_duplicates_and_compares_arrays():
    same = {"a": [np.arange(3), np.arange(3)]}
    assert sampling.union(same).n_points == 1
    assert sampling.union(same, keep_duplicates=True).n_points == 2


def test_a_union_of_other_parameters_is_an_error():
    with pytest.raises(ValueError, match="same parameters"):
        sampling.union({"a": [1]}, {"b": [1]})


def test_points_are_filtered_by_the_names_of_arguments():
    grid = sampling.cartesian_product({"net.a": [1, 2, 3], "b": [1, 2, 3], "c": [0]})
    kept = sampling.where(grid, lambda b, a: a + b == 4 and b > 1)
    assert kept == {"net.a": [1, 2], "b": [3, 2], "c": [0, 0]}
    assert sampling.where(grid, lambda u, v: u > v, ["b", "net.a"])["b"] == [2, 3, 3]
    with pytest.raises(ValueError, match="Name its arguments"):
        sampling.where(grid, lambda z: True)
    with pytest.raises(ValueError, match="no point"):
        sampling.where(grid, lambda a: a > 5)


def test_one_parameter_changes_at_a_time():
    points = sampling.one_at_a_time({"a": 1.0, "b": 2}, {"b": [2, 3], "a": [1, 5]})
    assert points.rows() == [{"a": 1.0, "b": 2}, {"a": 1.0, "b": 3}, {"a": 5, "b": 2}]
    assert sampling.one_at_a_time({"a": 1}, {"a": [2]}, include_base=False) == {"a": [2]}
    with pytest.raises(KeyError, match="base value"):
        sampling.one_at_a_time({"a": 1}, {"c": [2]})


def test_different_numbers_of_values_are_an_error():
    with pytest.raises(ValueError, match="2 of 'a', 1 of 'b'"):
        sampling.zipped({"a": [1, 2], "b": [1]})


# ----- trajectories ----------------------------------------------------------------------------


@pytest.fixture
def traj():
    traj = Trajectory("points", add_time=False)
    traj.f_add_parameter("x", 0.0)
    traj.f_add_parameter("n", 1)
    traj.f_add_parameter("mode", "fast")
    return traj


def test_a_trajectory_records_how_its_points_were_made(traj):
    points = sampling.random(SPACE, 5, seed=2)
    traj.f_explore(points)
    more = sampling.random(SPACE, 2, seed=9)
    traj.f_expand(more)
    assert traj.f_get("x").f_get_range() == points["x"] + more["x"]
    records = [traj.f_get(f"config.explorations.exploration_{i}").f_get() for i in range(2)]
    assert sampling.reproduce(records[0]) == points
    assert json.loads(records[1])["seed"] == 9


def test_points_without_a_seed_cannot_be_reproduced(traj):
    points = sampling.union(sampling.random(SPACE, 2, seed=1), sampling.random(SPACE, 2, seed=2))
    assert [each["seed"] for each in points.record["of"]] == [1, 2]
    with pytest.raises(ValueError, match="union"):
        sampling.reproduce(points.record)


def test_a_failed_exploration_records_nothing(traj):
    with pytest.raises(AttributeError):
        traj.f_explore(sampling.zipped({"unknown": [1]}))
    assert not traj.f_contains("config.explorations")


def test_a_data_frame_is_explored_by_its_columns(traj):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1, 2.5], "n": [3, 4], "mode": ["slow", "fast"]}, index=[7, 7])
    traj.f_explore(frame)
    traj.f_expand(frame.iloc[:1])
    ranges = {name: traj.f_get(name).f_get_range() for name in frame}
    assert ranges == {"x": [1.0, 2.5, 1.0], "n": [3, 4, 3], "mode": ["slow", "fast", "slow"]}
    assert type(ranges["n"][0]) is int
    assert dict(sampling.from_dataframe(frame, ["n"])) == {"n": [3, 4]}


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ({"x": [1.0, None]}, ValueError, "missing values"),
        ({"x": []}, ValueError, "no points"),
        ({3: [1.0]}, TypeError, "rename"),
    ],
)
def test_a_data_frame_that_is_no_table_of_points_is_an_error(traj, columns, error, message):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(error, match=message):
        traj.f_explore(pandas.DataFrame(columns))
    with pytest.raises(TypeError, match="DataFrame"):
        sampling.from_dataframe({"x": [1]})
