"""Nodes: attributes, views, the leaf interface, what groups say about their children."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import weakref

import pytest

from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.naturalnaming import (
    ConfigGroup,
    DerivedParameterGroup,
    KnowsTrajectory,
    NaturalNamingInterface,
    NNGroupNode,
    NNLeafNode,
    NNTreeNode,
    ParameterGroup,
    ResultGroup,
)
from tests import leaf_calls


def test_attached_nodes_know_their_place(traj):
    leaf = traj.f_add_parameter("a.b.x", 1)
    group = traj.parameters.a
    assert (leaf.v_name, leaf.v_full_name, leaf.v_location) == (
        "x",
        "parameters.a.b.x",
        "parameters.a.b",
    )
    assert (leaf.v_depth, leaf.v_branch, leaf.v_run_branch) == (4, "parameters", "trajectory")
    assert (leaf.v_is_leaf, leaf.v_is_group, leaf.v_is_root) == (True, False, False)
    assert (group.v_is_leaf, group.v_is_group, group.v_is_root) == (False, True, False)
    assert (group.v_depth, group.v_location, group.v_root) == (2, "parameters", traj)
    assert group.f_get_parent() is traj.parameters
    assert traj.parameters.v_location == ""


def test_the_root_has_no_place(traj):
    assert (traj.v_full_name, traj.v_location, traj.v_depth) == ("", "", 0)
    assert (traj.v_branch, traj.v_run_branch, traj.v_is_root) == (None, "trajectory", True)
    assert traj.v_root is traj
    with pytest.raises(TypeError, match="no parent"):
        traj.f_get_parent()


def test_a_leaf_outside_a_tree_has_a_name_but_no_branch():
    leaf = Result("a.b", 1)
    assert (leaf.v_name, leaf.v_location, leaf.v_depth, leaf.v_branch) == ("b", "a", 0, None)
    assert leaf.v_is_root
    assert Parameter("").v_name is None


@pytest.mark.parametrize(
    "name", ["v_name", "v_full_name", "v_location", "v_depth", "v_branch", "v_run_branch"]
)
def test_names_and_places_are_read_only(traj, name):
    leaf = traj.f_add_result("z", 1)
    for node in (leaf, traj.results, traj):
        with pytest.raises(AttributeError):
            setattr(node, name, "other")


def test_annotations_cannot_be_replaced(traj):
    with pytest.raises(AttributeError):
        traj.f_add_group("g").v_annotations = {}


def test_comments_become_text(traj):
    group = traj.f_add_group("g", comment=5)
    assert group.v_comment == "5"
    group.v_comment = 7
    assert group.v_comment == "7"
    assert NNGroupNode("h", None, 3).v_comment == "3"


def test_run_branch_is_the_run_group_above(traj):
    inside = traj.f_add_result("runs.run_00000003.deep.z", 1)
    assert inside.v_run_branch == "run_00000003"
    assert traj.results.runs.v_run_branch == "trajectory"
    assert traj.results.runs["r_3"].v_run_branch == "run_00000003"


@pytest.mark.parametrize("group", ["run_ALL", "run_00000099", "run_3x"])
def test_names_of_no_run_give_no_run_branch(traj, group):
    assert traj.f_add_result(f"runs.{group}.z", 1).v_run_branch == "trajectory"


def test_a_leaf_named_like_a_run_belongs_to_it(traj):
    assert traj.f_add_result("q.run_00000001", 1).v_run_branch == "run_00000001"
    assert traj.f_get("q").v_run_branch == "trajectory"


@pytest.mark.parametrize("leaf", ["run_ALL", "run_00000099", "run_3x", "run"])
def test_a_leaf_named_like_no_run_belongs_to_none(traj, leaf):
    assert traj.f_add_result(f"q.{leaf}", 1).v_run_branch == "trajectory"


def test_a_leaf_in_the_group_of_another_run_belongs_to_that_one(traj):
    leaf = traj.f_add_result("runs.run_00000003.run_00000001", 1)
    assert leaf.v_run_branch == "run_00000003"


def test_views_spare_the_prefixes(traj):
    leaf = traj.f_add_parameter("x", 4, comment="c")
    assert leaf.vars.name == "x"
    leaf.vars.comment = "other"
    assert leaf.v_comment == "other"
    assert leaf.func.get() == 4
    assert traj.func.get("x") is leaf
    for view in (leaf.vars, leaf.func, traj.vars, traj.func):
        with pytest.raises(AttributeError):
            view.unknown
    with pytest.raises(AttributeError):
        leaf.vars.unknown = 3
    with pytest.raises(AttributeError):
        leaf.func.get = 3


def test_views_refuse_what_python_asks_for(traj):
    for view in (traj.vars, traj.func, traj.kids):
        for name in ("_repr_html_", "__len__", "__array__"):
            assert not hasattr(view, name)
        bare = type(view).__new__(type(view))
        with pytest.raises(AttributeError):
            bare.anything


def test_views_do_not_search_the_tree(traj):
    traj.f_add_result("v_mine", 3)
    with pytest.raises(AttributeError):
        traj.vars.mine


def test_views_find_attributes_of_custom_leaves(traj):
    class Slotted(Result):
        __slots__ = ("v_slot",)

    class Open(Result):
        pass

    slotted, opened = Slotted("s", 1), Open("o", 1)
    object.__setattr__(slotted, "v_slot", 3)
    opened.__dict__["v_entry"] = 4
    assert slotted.vars.slot == 3
    assert opened.vars.entry == 4
    assert "entry" in dir(opened.vars)


@pytest.mark.parametrize(("view", "prefix"), [("vars", "v_"), ("func", "f_")])
def test_views_list_what_the_node_lists(traj, view, prefix):
    for node in (traj, traj.f_add_result("z", 1), traj.f_add_group("g")):
        listed = {name for name in dir(node) if name.startswith(prefix)}
        assert {prefix + name for name in dir(getattr(node, view))} == listed
        assert len(listed) > 5


def test_kids_are_direct_children_themselves(traj):
    leaf = traj.f_add_parameter("a.x", 4)
    traj.f_add_link("to", leaf)
    assert traj.parameters.a.kids.x is leaf
    assert traj.kids.to is leaf
    assert set(dir(traj.kids)) == {"parameters", "to"}
    for missing in ("x", "par"):
        with pytest.raises(AttributeError):
            getattr(traj.kids, missing)
    with pytest.raises(AttributeError):
        traj.kids.parameters = 3


def test_counts_and_dictionaries_of_children(traj):
    leaf = traj.f_add_result("g.z", 1)
    group = traj.results.g
    inner = group.f_add_result_group("inner")
    group.f_add_link("l", leaf)
    assert (group.f_children(), group.f_groups(), group.f_leaves(), group.f_links()) == (3, 1, 1, 1)
    assert group.f_get_children() == {"z": leaf, "inner": inner, "l": leaf}
    assert group.f_get_groups() == {"inner": inner}
    assert group.f_get_leaves() == {"z": leaf}
    assert group.f_get_links() == {"l": leaf}
    assert group.f_dir_data() == ["z", "inner", "l"]
    for get in (group.f_get_children, group.f_get_groups, group.f_get_leaves, group.f_get_links):
        assert get() is not get()
        assert get(copy=False) is get(copy=False)
    for has in (
        group.f_has_children,
        group.f_has_groups,
        group.f_has_leaves,
        group.f_has_links,
    ):
        assert has() is True
    assert not inner.f_has_children()
    assert not inner.f_has_groups()
    assert not inner.f_has_leaves()
    assert not inner.f_has_links()


def test_dir_lists_children_but_not_for_a_debugger(traj, monkeypatch):
    traj.f_add_result("z", 1)
    assert "z" in dir(traj.results)
    assert "f_add_result" in dir(traj.results)
    monkeypatch.setitem(sys.modules, "pydevd", object())
    assert "z" not in dir(traj.results)
    assert "f_add_result" in dir(traj.results)


def test_groups_have_no_length_and_compare_by_identity(traj, make_root):
    with pytest.raises(TypeError):
        len(traj.f_add_group("g"))
    assert make_root() != make_root()


def test_typed_methods_exist_only_on_their_groups(traj):
    assert isinstance(traj.f_add_result_group("r"), ResultGroup)
    assert isinstance(traj.f_add_parameter_group("p"), ParameterGroup)
    assert isinstance(traj.f_add_derived_parameter_group("d"), DerivedParameterGroup)
    assert isinstance(traj.f_add_config_group("c"), ConfigGroup)
    assert type(traj.f_add_group("other")) is NNGroupNode
    with pytest.raises(AttributeError):
        traj.parameters.f_add_result("x", 1)
    with pytest.raises(AttributeError):
        traj.results.f_add_parameter("x", 1)
    for alias, method in (
        ("f_apar", "f_add_parameter"),
        ("f_adpar", "f_add_derived_parameter"),
        ("f_ares", "f_add_result"),
        ("f_aconf", "f_add_config"),
    ):
        assert getattr(type(traj), alias) is getattr(type(traj), method)


def test_nodes_other_than_the_trajectory_have_no_dictionary(traj):
    leaf = traj.f_add_result("z", 1)
    for node in (leaf, traj.results, traj.f_add_group("g")):
        assert not hasattr(node, "__dict__")


def test_leaves_have_no_way_up(traj):
    leaf = traj.f_add_parameter("x", 1)
    for name in ("v_root", "kids", "f_get_parent", "f_remove"):
        assert not hasattr(leaf, name)


def test_the_bare_leaf_says_what_it_lacks():
    leaf = NNLeafNode("a.b", 5, True)
    assert (leaf.v_is_parameter, leaf.v_comment, str(leaf)) == (True, "5", "a.b")
    assert leaf.f_supports_fast_access() is False
    assert leaf.f_val_to_str() == ""
    assert leaf._store_flags() == {} == leaf._load_flags()
    for call in (leaf.f_is_empty, leaf.f_empty, leaf._store, lambda: leaf_calls.load(leaf, {})):
        with pytest.raises(NotImplementedError, match="NNLeafNode"):
            call()


def test_class_hierarchy():
    assert issubclass(NNLeafNode, NNTreeNode)
    assert issubclass(NNGroupNode, NNTreeNode)
    assert issubclass(NNGroupNode, KnowsTrajectory)
    assert NNGroupNode.KNOWS_TRAJECTORY is True
    assert NaturalNamingInterface.__name__ == "Tree"
    assert Result("z", 1).f_get_class_name() == "Result"


def test_a_pickled_leaf_does_not_carry_the_tree(traj):
    leaf = traj.f_add_parameter("a.x", 4)
    traj.f_add_parameter("a.unrelated", "something else")
    data = pickle.dumps(leaf)
    assert b"unrelated" not in data
    twin = pickle.loads(data)
    assert (twin.v_full_name, twin.f_get(), twin._parent) == ("parameters.a.x", 4, None)
    assert copy.copy(leaf)._parent is None


def test_removed_trees_are_freed_without_the_garbage_collector(traj):
    traj.f_add_result("a.b.z", 1)
    group = weakref.ref(traj.results.a)
    leaf = weakref.ref(traj.f_get("z"))
    gc.collect()
    gc.disable()
    try:
        traj.f_remove_child("results", recursive=True)
        assert group() is None
        assert leaf() is None
    finally:
        gc.enable()
