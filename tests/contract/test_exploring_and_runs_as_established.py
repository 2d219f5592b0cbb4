"""Exploring, selecting runs, run records, manual runs, presetting."""

from __future__ import annotations

import numpy as np
import pytest

from pypet import (
    NotUniqueNodeError,
    ParameterLockedException,
    Trajectory,
    cartesian_product,
    manual_run,
)
from pypet.errors import PresettingError
from pypet.trajectory.contents import prepare_experiment


@pytest.fixture
def space(traj):
    traj.f_add_parameter("g.x", 1)
    traj.f_add_parameter("g.y", 2.0)
    traj.f_add_parameter("h.twice", 0)
    traj.f_add_parameter("i.twice", 0)
    traj.f_add_parameter("empty")
    traj.f_add_derived_parameter("d", 1)
    traj.f_add_result("r", 1)
    return traj


@pytest.mark.parametrize(
    ("ranges", "error"),
    [
        ({"nothing": [1]}, AttributeError),
        ({"twice": [1]}, NotUniqueNodeError),
        ({"g": [1]}, ValueError),
        ({"r": [1]}, ValueError),
        ({"x": [1, 2], "y": [1.0]}, ValueError),
        ({"x": []}, ValueError),
        ({"x": [1.0]}, TypeError),
        ({"x": [np.float64(1)]}, TypeError),
        ({"y": ["1"]}, TypeError),
        ({"x": [object()]}, TypeError),
        ({"empty": [1]}, TypeError),
    ],
)
def test_explorations_that_are_refused(space, ranges, error):
    with pytest.raises(error):
        space.f_explore(ranges)
    assert len(space) == 1
    assert not space.f_get_explored_parameters()
    assert not space.f_get("x").v_explored


def test_exploring(space):
    space.f_get("x").f_lock()
    space.f_explore({"x": range(3)})
    space.f_explore({"y": (value for value in (1.0, 2.0, 3.0)), "d": [4, 5, 6]})
    assert len(space) == 3
    assert (space.x, space.y, space.d) == (1, 2.0, 1)
    assert space.f_get("x").v_locked
    with pytest.raises(TypeError):
        space.f_explore({"x": [1, 2, 3]})
    with pytest.raises(ValueError):
        space.f_explore({"h.twice": [1]})
    space.f_explore({})
    assert len(space) == 3
    space.f_add_link("l", space.f_get("h.twice"))
    space.f_explore({"l": [1, 2, 3]})
    assert space.f_get("h.twice").f_get_range() == [1, 2, 3]
    assert set(space.f_get_explored_parameters()) == {
        "parameters.g.x",
        "parameters.g.y",
        "derived_parameters.d",
        "parameters.h.twice",
    }


def test_single_values_and_text_are_ranges(traj):
    traj.f_add_parameter("x", "a")
    traj.f_explore({"x": "b"})
    assert len(traj) == 1
    assert traj.f_get("x").f_get_range() == ["b"]
    traj.f_expand({"x": "cd"})
    assert traj.f_get("x").f_get_range() == ["b", "c", "d"]


def test_exploring_ends_with_the_first_completed_run(space):
    space.f_explore({"x": [1, 2]})
    space.v_idx = 0
    space.f_start_run()
    space.f_finalize_run(store_meta_data=False)
    with pytest.raises(TypeError):
        space.f_explore({"y": [1.0, 2.0]})
    record = space.f_get_run_information(0)
    space.f_expand({"x": [3]})
    assert len(space) == 3
    assert space.f_get_run_information(0) == record
    assert space.f_get_run_information(2)["completed"] == 0


@pytest.mark.parametrize(
    ("ranges", "error"),
    [
        ({"x": [1]}, TypeError),
        ({"x": [1], "y": [1.0], "d": [1]}, TypeError),
        ({"x": [1], "y": [1.0, 2.0]}, ValueError),
        ({"x": [1], "y": ["1"]}, TypeError),
        ({"x": [], "y": []}, ValueError),
    ],
)
def test_expansions_that_are_refused(space, ranges, error):
    space.f_explore({"x": [1, 2], "y": [1.0, 2.0]})
    with pytest.raises(error):
        space.f_expand(ranges)
    assert len(space) == 2
    assert space.f_get("x").f_get_range() == [1, 2]
    assert space.f_get("y").f_get_range() == [1.0, 2.0]


def test_shrinking(space, make):
    space.f_explore({"x": [1, 2], "y": [1.0, 2.0]})
    space.f_remove_item("x")
    assert len(space) == 2
    space.f_remove_item("y")
    assert len(space) == 1
    stored = make("stored")
    stored.f_add_parameter("x", 1)
    stored.f_explore({"x": [1, 2]})
    stored.f_store()
    with pytest.raises(TypeError):
        stored.f_shrink()
    stored.f_remove_item("x")
    assert stored.f_get_explored_parameters() == {"parameters.x": None}
    stored.f_shrink(force=True)
    assert len(stored) == 1


def test_finding_runs(space):
    space.f_explore(cartesian_product({"x": [1, 2, 3], "y": [1.0, 2.0]}))
    find = space.f_find_idx
    assert list(find(["x", "y"], lambda x, y: x == 2 and y > 1)) == [3]
    assert list(find("x", lambda x: x > 2)) == [4, 5]
    assert list(find(("i.twice", "x"), lambda t, x: t == 0 and x == 1)) == [0, 1]
    for name, error in [("nothing", AttributeError), ("r", TypeError), ("g", TypeError)]:
        lazy = find(name, bool)
        with pytest.raises(error):
            next(lazy)
    space.v_idx = 1
    space.f_start_run()
    with pytest.raises(TypeError):
        next(find("x", bool))


def test_selecting_runs(space):
    space.f_explore({"x": [5, 6, 7]})
    for key in (1, "run_00000001"):
        space.f_set_crun(key)
        assert (space.v_idx, space.v_crun, space.x) == (1, "run_00000001", 6)
    for key in (None, -1, "run_ALL"):
        space.v_idx = 2
        space.v_crun = key
        assert (space.v_idx, space.v_crun, space.x) == (-1, None, 1)
    space.v_idx = "run_00000002"
    for key in (3, "run_00000003", "nothing"):
        with pytest.raises(KeyError):
            space.f_set_crun(key)
        assert (space.v_idx, space.x) == (2, 7)
    space.f_restore_default()
    assert space.x == 1
    assert space.f_idx_to_run(2) == "run_00000002"
    assert space.f_idx_to_run("run_00000002") == 2
    for key in (3, -1, "run_ALL", "run_00000003"):
        with pytest.raises(KeyError):
            space.f_idx_to_run(key)
    assert space.f_get_run_names() == space.f_get_run_names(sort=False)


def test_iterating_over_runs(space):
    space.f_explore({"x": [5, 6, 7]})
    assert [space.x for _ in space.f_iter_runs()] == [5, 6, 7]
    assert list(space.f_iter_runs(yields="IDX")) == [0, 1, 2]
    assert list(space.f_iter_runs(1, 3, 2)) == ["run_00000001"]
    assert all(each is space for each in space.f_iter_runs(yields="self"))
    copies = list(space.f_iter_runs(yields="copy"))
    assert [copy.x for copy in copies] == [5, 6, 7]
    assert space.v_idx == -1
    for arguments in ({"yields": "other"}, {"stop": 4}):
        lazy = space.f_iter_runs(**arguments)
        with pytest.raises(ValueError):
            next(lazy)


def test_run_records(space):
    space.f_explore({"x": [5, 6, 7], "y": [1.0, 2.0, 3.0]})
    record = space.f_get_run_information(1)
    assert {key: type(value) for key, value in record.items()} == {
        "idx": int,
        "name": str,
        "completed": int,
        "timestamp": float,
        "finish_timestamp": float,
        "time": str,
        "runtime": str,
        "parameter_summary": str,
        "short_environment_hexsha": str,
    }
    assert (record["idx"], record["name"]) == (1, "run_00000001")
    assert (record["timestamp"], record["finish_timestamp"]) == (42.0, 1.337)
    assert (record["completed"], record["short_environment_hexsha"]) == (0, "N/A")
    space.v_idx = 1
    space.f_start_run()
    space.f_finalize_run(store_meta_data=False)
    assert space.v_idx == 1
    record = space.f_get_run_information("run_00000001")
    assert record["completed"] == 1
    assert record["parameter_summary"] == "x: 6,   y: 2.0"
    assert record["timestamp"] <= record["finish_timestamp"]
    assert space.f_is_completed(1) == 1
    assert not space.f_is_completed()
    assert set(space.f_get_run_information()) == set(space.f_get_run_names())
    live = space.f_get_run_information(0, copy=False)
    live["completed"] = 1
    assert space.f_is_completed(0) == 1
    with pytest.raises(KeyError):
        space.f_get_run_information(3)


def test_manual_runs(make):
    traj = make("manual")
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [5, 6]})
    traj.f_store()

    @manual_run()
    def job(traj, factor, plus=0):
        assert traj.v_is_run
        traj.f_add_result("z", traj.x * factor + plus)
        traj.f_store()
        return traj.v_idx

    with pytest.raises(ValueError):
        job(traj, 2)
    assert [job(traj, 2, plus=1) for _ in traj.f_iter_runs()] == [0, 1]
    assert not traj.v_is_run
    assert traj.f_is_completed()
    assert not traj.f_contains("z", shortcuts=True)
    traj.f_load(load_data=2)
    assert [item.f_get() for item in traj.f_get_from_runs("z").values()] == [11, 13]


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_items_from_runs(space):
    space.f_explore({"x": [5, 6, 7]})
    target = space.f_add_result("linked", 9)
    for run in range(2):
        space.f_add_result(f"runs.r_{run}.z", run)
        space.f_add_result(f"sets.rts_{run}.r_{run}.in_set", run)
        space.f_get(f"results.runs.r_{run}").f_add_link("l", target)
    space.f_add_result("runs.run_ALL.z", -1)
    get = space.f_get_from_runs
    names = space.f_get_run_names()
    assert list(get("z")) == names
    assert list(get("z", fast_access=True, use_indices=True).items()) == [(0, 0), (1, 1), (2, -1)]
    assert list(get("z", include_default_run=False)) == names[:2]
    assert list(get("in_set")) == names[:2]
    assert list(get("l")) == names[:2]
    assert not get("l", with_links=False)
    assert list(get("z", max_depth=2)) == names
    assert not get("z", max_depth=1)


def test_presets(traj):
    traj.f_preset_parameter("g.x", 5)
    traj.f_preset_parameter("parameters.y", "text")
    traj.f_preset_config("conf.c", 7)
    assert traj.f_add_parameter("g.x", 1).f_get() == 5
    with pytest.raises(PresettingError, match=r"parameters\.y"):
        prepare_experiment(traj)
    assert traj.f_add_parameter("y", 3).f_get() == "text"
    assert traj.f_add_config("c", 3).f_get() == 7
    with pytest.raises(ValueError):
        traj.f_preset_parameter("g.x", 1)
    traj.f_add_derived_parameter("d", 1)
    prepare_experiment(traj)
    for name in ("parameters.g.x", "derived_parameters.d"):
        assert traj.f_get(name).v_locked
        with pytest.raises(ParameterLockedException):
            traj.f_get(name).f_set(3)


def test_locking(traj):
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("empty")
    traj.f_add_config("c", 1)
    traj.f_add_derived_parameter("d", 1)
    traj.f_lock_parameters()
    assert [traj.f_get(name).v_locked for name in ("x", "empty", "c", "d")] == [
        True,
        False,
        False,
        False,
    ]
    traj.f_lock_derived_parameters()
    assert traj.f_get("d").v_locked


def test_new_trajectories_have_one_run():
    traj = Trajectory()
    assert (len(traj), traj.f_get_run_names()) == (1, ["run_00000000"])
