"""Removing nodes from memory."""

from __future__ import annotations

import sys

import pytest

from pypet.leaves.result import Result
from pypet.tree.tree import tree_of


def test_children_are_removed_by_their_direct_name(traj):
    traj.f_add_parameter("a.x", 1)
    for name in ("nope", "a.x", "x", "par", ""):
        with pytest.raises(ValueError):
            traj.f_remove_child(name)
    with pytest.raises(TypeError, match="recursive"):
        traj.f_remove_child("parameters")
    traj.parameters.a.f_remove_child("x")
    assert not traj.parameters.a.f_has_children()
    traj.f_remove_child("parameters", recursive=True)
    assert not traj.f_has_children()
    assert "x" not in tree_of(traj).index


def test_a_group_removes_itself(traj):
    group = traj.f_add_group("a.b")
    group.f_add_leaf("x", 1)
    with pytest.raises(TypeError, match="recursive"):
        group.f_remove(recursive=False)
    group.f_remove()
    assert not traj.a.f_has_children()
    with pytest.raises(TypeError):
        group.f_get_parent()
    with pytest.raises(TypeError):
        group.f_remove()


def test_the_trajectory_removes_all_below_it(traj):
    traj.f_add_parameter("a.x", 1)
    traj.f_add_link("l", traj.f_add_result("z", 1))
    with pytest.raises(ValueError, match="recursive"):
        traj.f_remove(recursive=False)
    traj.f_remove()
    assert not traj.f_has_children()
    assert list(tree_of(traj).groups) == [""]
    assert not tree_of(traj).leaves
    traj.f_add_parameter("a.x", 2)
    assert traj.x == 2


def test_predicates_choose_what_goes_and_keep_the_way_to_what_stays(traj):
    for name in ("a.keep", "a.drop", "a.b.drop", "c.drop"):
        traj.f_add_leaf(name, 1)
    traj.f_add_link("l", traj.f_get("c.drop"))
    traj.f_remove(predicate=lambda node: node.v_name != "keep")
    assert list(tree_of(traj).groups) == ["", "a"]
    assert list(tree_of(traj).leaves) == ["a.keep"]
    assert list(traj.f_get_children()) == ["a"]
    traj.f_add_leaf("a.b.drop", 1)
    traj.f_remove_child("a", recursive=True, predicate=lambda node: node.v_is_leaf)
    assert list(tree_of(traj).groups) == ["", "a", "a.b"]
    traj.a.f_remove(predicate=lambda node: node.v_name == "b")
    assert list(tree_of(traj).groups) == ["", "a"]


def test_items_are_removed_by_name_or_instance(traj):
    leaf = traj.f_add_leaf("a.b.x", 1)
    tree = tree_of(traj)
    with pytest.raises(AttributeError):
        tree.remove_item("nope")
    with pytest.raises(TypeError):
        tree.remove_item("b")
    with pytest.raises(ValueError):
        tree.remove_item(Result("x", 1))
    with pytest.raises(ValueError):
        tree.remove_item(traj, recursive=True)
    tree.remove_item("x")
    assert "x" not in traj
    tree.remove_item(traj.a, recursive=True)
    assert not traj.f_has_children()
    with pytest.raises(ValueError):
        tree.remove_item(leaf)


def test_no_reference_is_kept_to_a_removed_node(traj):
    leaf = traj.f_add_parameter("a.x", 1)
    alone = sys.getrefcount(Result("x", 1)) + 1
    traj.f_add_link("l", leaf)
    traj.start_run(1)
    inside = traj.f_add_result("z", 1)
    traj.results.f_add_link("k", inside)
    assert traj.l == 1  # looked up once, in case lookups remember
    assert sys.getrefcount(leaf) > alone
    tree_of(traj).remove_item(leaf)
    tree_of(traj).remove_item(inside)
    assert sys.getrefcount(leaf) == alone
    assert sys.getrefcount(inside) == alone
    assert not traj.f_has_links()


def test_a_removed_leaf_can_be_added_again(traj):
    leaf = traj.f_add_leaf("a.x", 1)
    tree_of(traj).remove_item(leaf)
    assert traj.f_add_result(leaf) is leaf
    assert leaf.v_full_name == "results.a.x"


def test_siblings_stay_findable(traj):
    one = traj.f_add_leaf("a.x", 1)
    two = traj.f_add_leaf("b.x", 1)
    three = traj.f_add_leaf("c.d.x", 1)
    tree_of(traj).remove_item(one)
    assert traj.f_get("x") is two
    tree_of(traj).remove_item(two)
    assert traj.f_get("x") is three
    assert traj.f_add_leaf("e.x", 1) is traj.f_get("x")
