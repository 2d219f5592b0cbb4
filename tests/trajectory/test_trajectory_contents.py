"""The dictionaries of a trajectory's leaves."""

from __future__ import annotations

import pytest

from pypet.trajectory import Trajectory


@pytest.fixture
def filled(explored):
    explored.f_add_config("c", 3)
    explored.f_add_parameter("empty")
    explored.f_add_derived_parameter("d", 4)
    explored.f_add_result("z", 5)
    explored.f_add_result("other", a=6)
    explored.f_add_result("many", a=6, b=7)
    explored.f_add_leaf("foreign.leaf", 8)
    return explored


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("f_get_parameters", ["parameters.group.x", "parameters.y", "parameters.empty"]),
        ("f_get_config", ["config.c"]),
        ("f_get_derived_parameters", ["derived_parameters.d"]),
        ("f_get_results", ["results.z", "results.other", "results.many"]),
        ("f_get_explored_parameters", ["parameters.group.x", "parameters.y"]),
    ],
)
def test_leaves_of_a_branch_come_by_full_name(filled, method, names):
    leaves = getattr(filled, method)()
    assert set(leaves) == set(names)
    assert all(leaf is filled.f_get(name, shortcuts=False) for name, leaf in leaves.items())
    live = getattr(filled, method)(copy=False)
    assert live == leaves
    assert len(live) == len(leaves)
    with pytest.raises(ValueError, match="copy"):
        getattr(filled, method)(fast_access=True, copy=False)


def test_live_mapping_follows_the_tree(filled):
    live = filled.f_get_results(copy=False)
    copied = filled.f_get_results()
    filled.f_add_result("late", 1)
    filled.f_remove_item("z")
    assert "results.late" in live
    assert "results.z" not in live
    assert "config.c" not in live
    assert "results.z" in copied


def test_fast_access_gives_values_only_where_natural_naming_does(filled):
    results = filled.f_get_results(fast_access=True)
    assert results["results.z"] == 5
    assert results["results.other"] is filled.f_get("other")
    assert results["results.many"] is filled.f_get("many")
    parameters = filled.f_get_parameters(fast_access=True)
    assert parameters["parameters.y"] == 2.0
    assert parameters["parameters.empty"] is None


def test_whole_dictionary_has_all_leaves(filled):
    assert filled.f_to_dict(fast_access=True)["foreign.leaf"] == 8
    assert filled.f_to_dict(copy=False) == filled.f_to_dict()
    assert filled.f_to_dict(True, True)["z"] == 5
    assert filled.f_to_dict(True, False, True)["parameters"]["group"] == {"x": 1}


@pytest.mark.parametrize("option", ["fast_access", "short_names", "nested"])
def test_live_dictionary_has_no_options(filled, option):
    with pytest.raises(ValueError, match="copy=False"):
        filled.f_to_dict(copy=False, **{option: True})


def test_config_alone_leaves_a_trajectory_empty():
    traj = Trajectory("test")
    assert traj.f_is_empty()
    traj.f_add_config("c", 1)
    traj.f_add_result_group("group")
    assert traj.f_is_empty()
    traj.f_add_result("z", 1)
    assert not traj.f_is_empty()
