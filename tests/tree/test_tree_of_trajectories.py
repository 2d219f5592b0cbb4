"""The tree of real trajectories: copies and pickles of nodes, and what runs change."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import pytest

from pypet.trajectory import Trajectory
from pypet.tree.tree import tree_of


@pytest.fixture
def full():
    traj = Trajectory("full")
    traj.f_add_parameter("a.x", 1)
    traj.f_add_parameter("a.y", 1)
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_add_result("runs.r_1.z", 5, comment="c")
    traj.f_add_link("l", traj.f_get("a.y"))
    return traj


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_tree_survives_pickling(full, protocol):
    twin = pickle.loads(pickle.dumps(full, protocol=protocol))
    assert twin.v_root is twin
    assert twin.parameters.v_root is twin
    assert twin.parameters.a.f_get_parent() is twin.parameters
    assert twin.f_get("l") is twin.f_get("y")
    assert twin.f_get("z").v_run_branch == "run_00000001"
    assert twin.f_get("z").v_comment == "c"
    assert twin.f_get("z").v_depth == 4
    twin.parameters.f_remove()
    assert not twin.f_has_links()
    assert full.l == 1


def test_copies_of_groups_copy_the_trajectory(full):
    group = full.parameters.a
    for twin in (
        copy.copy(group),
        copy.deepcopy(group),
        pickle.loads(pickle.dumps(group)),
    ):
        assert twin is not group
        assert twin.v_full_name == "parameters.a"
        assert twin.v_root is not full
        assert twin.v_root.parameters.a is twin
        assert twin.y == 1


def test_a_pickled_leaf_does_not_carry_the_tree(full):
    leaf = full.f_get("a.y")
    assert b"run_00000001" not in pickle.dumps(leaf)
    twin = pickle.loads(pickle.dumps(leaf))
    assert (twin.v_full_name, twin.f_get()) == ("parameters.a.y", 1)


def test_values_follow_the_current_run(full):
    assert full.x == 1
    full.f_set_crun(2)
    assert full.x == 3
    assert full.parameters.a.x == 3
    full.f_set_crun(1)
    assert full.crun.z == 5
    assert full["$"].z == 5


def test_run_names_are_known_when_nodes_are_added():
    traj = Trajectory("early")
    early = traj.f_add_result("runs.r_2.z", 1)
    assert early.v_run_branch == "trajectory"
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2, 3]})
    assert early.v_run_branch == "trajectory"
    assert traj.f_add_result("runs.r_1.z", 1).v_run_branch == "run_00000001"


def test_methods_closed_during_a_run_disappear_from_dir(full):
    names = {"f_add_parameter", "f_add_parameter_group", "f_add_config", "f_add_config_group"}
    assert names <= set(dir(full))
    full.f_set_crun(1)
    full.f_start_run()
    assert not names & set(dir(full))
    assert "f_add_result" in dir(full)
    assert "add_config" not in dir(full.func)


def test_a_finished_run_leaves_the_tree_as_it_was(full):
    before = set(tree_of(full).groups) | set(tree_of(full).leaves)
    full.f_set_crun(1)
    full.f_start_run()
    leaf = full.f_add_result("new.z", 1)
    full.f_add_link("m", leaf)
    assert leaf.v_full_name == "results.runs.run_00000001.new.z"
    full.f_finalize_run(store_meta_data=False)
    assert set(tree_of(full).groups) | set(tree_of(full).leaves) == before
    assert list(full.f_get_links()) == ["l"]


def test_a_preset_value_that_does_not_fit_leaves_nothing_behind():
    traj = Trajectory("preset")
    traj.f_preset_parameter("new.group.x", object())
    with pytest.raises(TypeError):
        traj.f_add_parameter("new.group.x", 1)
    assert not traj.f_get_children()


def test_trajectories_are_freed_with_their_trees(full):
    twin = full.f_copy()
    twin.f_add_result("big", list(range(10)))
    left = weakref.ref(twin)
    del twin
    gc.collect()
    assert left() is None
