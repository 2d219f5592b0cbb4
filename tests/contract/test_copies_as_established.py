"""Copies, pickles, and trees that are put into others."""

from __future__ import annotations

import copy
import pickle

import pytest

from pypet import NNGroupNode, Trajectory
from pypet.slots import get_all_slots
from pypet.tree.tree import tree_of


def copy_into(target, source, **kwargs):
    """Copy nodes as the established method does."""
    target._copy_from(source, **kwargs)


@pytest.fixture
def original(traj):
    traj.v_comment = "said"
    traj.f_add_parameter("x", 1, comment="a number")
    traj.f_add_parameter("y", 1)
    traj.f_add_result("g.z", 3).v_annotations.f_set(note=1)
    traj.f_add_link("l", traj.f_get("z"))
    traj.f_explore({"x": [5, 6, 7]})
    traj.v_auto_load = True
    traj.v_idx = 1
    return traj


@pytest.mark.parametrize("way", ["f_copy", "copy", "deepcopy", "pickle"])
def test_copies_are_alike_and_independent(original, names_of, way):
    twin = {
        "f_copy": lambda: original.f_copy(),
        "copy": lambda: copy.copy(original),
        "deepcopy": lambda: copy.deepcopy(original),
        "pickle": lambda: pickle.loads(pickle.dumps(original)),
    }[way]()
    assert names_of(twin) == names_of(original)
    assert (len(twin), twin.v_idx, twin.v_crun) == (3, 1, "run_00000001")
    assert twin.x == original.x == 6
    assert twin.v_comment == "said"
    assert twin.v_auto_load is True
    assert twin.f_get("l") is twin.f_get("z") is not original.f_get("z")
    assert twin.f_get("parameters.x").v_comment == "a number"
    assert twin.f_get("x").v_explored
    assert not twin.f_get("x").f_has_range()
    assert set(twin.__dict__) == set(original.__dict__)
    assert get_all_slots(type(twin)) == get_all_slots(type(original))
    twin.f_add_result("more", 1)
    assert not original.f_contains("results.more")
    twin.f_add_wildcard_functions({"$mine": lambda idx: "m"})
    assert "$mine" not in original.f_get_wildcards()
    assert original.f_get_wildcards() == ["$", "crun", "$set", "crunset"]


def test_full_copies_keep_ranges(original):
    original.v_full_copy = True
    for twin in (original.f_copy(), pickle.loads(pickle.dumps(original))):
        assert twin.f_get("x").f_get_range() == [5, 6, 7]
        assert set(twin.f_get_run_information()) == set(original.f_get_run_information())


def test_how_leaves_are_copied(original):
    shared = original.f_copy(copy_leaves=False)
    assert shared.f_get("z") is original.f_get("z")
    assert shared.f_get("x") is original.f_get("x")
    some = original.f_copy(copy_leaves="explored")
    assert some.f_get("y") is original.f_get("y")
    assert some.f_get("x") is not original.f_get("x")
    assert not original.f_copy(with_links=False).f_has_links()
    assert original.f_copy().f_get("z").v_annotations is original.f_get("z").v_annotations


def test_copies_in_runs_remember_what_was_added(original):
    original.f_start_run()
    original.f_add_result("fresh", 1)
    original.f_add_link("fresh_link", original.f_get("z"))
    twin = original.f_copy()
    assert twin.v_is_run
    assert list(tree_of(twin).new_nodes) == list(tree_of(original).new_nodes)
    assert all(twin.f_get(name) is node for name, node in tree_of(twin).new_nodes.items())
    assert list(tree_of(twin).new_links) == list(tree_of(original).new_links)
    pickled = pickle.loads(pickle.dumps(original))
    assert list(tree_of(pickled).new_nodes) == list(tree_of(original).new_nodes)


def test_copies_of_groups_belong_to_copies_of_trajectories(original):
    group = copy.copy(original.f_get("g"))
    assert group.v_full_name == "results.g"
    assert group.v_root is not original
    assert group.v_root.x == 6


def test_putting_trees_into_others(original):
    target = Trajectory("target")
    kept = target.f_add_result("g.z", "own", comment="own")
    copy_into(target, original.f_get("results"))
    assert kept.f_get() == "own"
    copy_into(target, original)
    assert target.f_get("y").f_get() == 1
    assert target.f_get("l") is kept
    copy_into(target, original.f_get("g"), overwrite=True)
    assert target.f_get("results.g.z") is kept
    assert kept.f_get() == 3
    with pytest.raises(ValueError):
        copy_into(original, original.f_get("g"))


class OwnGroup(NNGroupNode):
    __slots__ = ("mark",)


def test_own_groups_stay_own_groups(traj):
    traj.f_add_group(OwnGroup, "g").f_add_leaf("x", 1)
    assert type(traj.f_copy().g) is OwnGroup
    assert type(pickle.loads(pickle.dumps(traj)).g) is OwnGroup
    target = Trajectory("target")
    copy_into(target, traj.g)
    assert type(target.g) is OwnGroup
