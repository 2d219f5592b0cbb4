"""Links between nodes."""

from __future__ import annotations

import pytest

from pypet.errors import NotUniqueNodeError
from pypet.leaves.result import Result
from pypet.tree.tree import tree_of


def test_forms_of_links(traj):
    leaf = traj.f_add_parameter("a.x", 4)
    group = traj.f_add_group("g")
    assert group.f_add_link(leaf) is leaf
    assert group.f_add_link("l", leaf) is leaf
    assert group.f_add_link("k", "a.x") is leaf
    assert group.f_add_link("deep.er", leaf) is leaf
    assert group.f_add_link(name_or_item="kw", full_name_or_item=traj.parameters.a).v_name == "a"
    assert group.f_get("l") is group.f_get("k") is group.f_get("deep.er") is leaf
    assert group.x == 4
    assert group.kw.x == 4
    assert (group.f_links(), group.f_groups(), group.deep.f_links()) == (4, 1, 1)


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_names_of_links_are_translated(traj):
    leaf = traj.f_add_parameter("a.x", 4)
    traj.f_add_link("g.r_3.$", leaf)
    assert traj.g.run_00000003.f_get_links() == {"run_ALL": leaf}


def test_links_that_are_refused(traj, make_root):
    leaf = traj.f_add_parameter("a.x", 4)
    group = traj.f_add_group("g")
    other = make_root().f_add_parameter("a.x", 4)
    for args in (
        ("l", None),
        ("l",),
        ("l", traj),
        (traj,),
        ("l", other),
        ("l", Result("new", 1)),
        (other,),
        ("l", 5),
        (leaf, leaf),
        (5, leaf),
    ):
        with pytest.raises(ValueError):
            group.f_add_link(*args)
    for name in (
        "parameters",
        "par",
        "results",
        "res",
        "config",
        "conf",
        "derived_parameters",
        "dpar",
        "overview",
        "overview.x",
    ):
        with pytest.raises(ValueError):
            traj.f_add_link(name, leaf)
    for args in (("l", "nope"), ("x.l", leaf)):
        with pytest.raises(AttributeError):
            traj.parameters.a.f_add_link(*args)
    traj.f_add_leaf("g.taken", 1)
    with pytest.raises(AttributeError, match="already"):
        group.f_add_link("taken", leaf)
    assert not tree_of(traj).links


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_links_named_like_branches_are_fine_deeper(traj):
    leaf = traj.f_add_parameter("a.x", 4)
    group = traj.f_add_group("g")
    group.f_add_link("par", leaf)
    assert group.f_get_links() == {"parameters": leaf}


def test_links_are_children_everywhere(traj):
    leaf = traj.f_add_parameter("a.x", 4)
    group = traj.f_add_group("g")
    group.f_add_link("l", leaf)
    assert list(group) == [leaf]
    assert "l" in group
    assert group.f_children() == 1
    assert "(l: " in str(group)
    assert "l" in dir(group)


def test_identity_and_circles(traj):
    one = traj.f_add_group("test.circle1")
    two = traj.f_add_group("test.circle2")
    one.f_add_link("circle2", two)
    two.f_add_link("circle1", one)
    test = traj.test
    assert test.circle1.circle2.circle1.circle2 is two
    one.f_add_link("up", test)
    assert test.circle1.up is test
    assert len(list(traj.f_iter_nodes())) == 3
    assert len(list(test.f_iter_nodes())) == 2
    with pytest.raises(AttributeError):
        traj.f_get("nope.circle1")
    assert traj.f_get("circle1.up.circle2") is two


def test_a_link_at_the_depth_of_the_real_node_is_ambiguous(traj):
    leaf = traj.f_add_leaf("a.x", 4)
    traj.f_add_group("b").f_add_link("x", leaf)
    with pytest.raises(NotUniqueNodeError, match=r"a\.x.*b\.x"):
        traj.f_get("x")
    assert traj.f_get("x", with_links=False) is leaf


def test_a_shallower_link_wins_and_a_deeper_one_does_not_matter(traj):
    one = traj.f_add_leaf("a.b.x", 1)
    two = traj.f_add_leaf("other.c.d", 2)
    traj.a.f_add_link("x", two)
    assert traj.f_get("x") is two
    traj.a.f_remove_link("x")
    traj.a.b.f_add_group("deep").f_add_link("x", two)
    assert traj.f_get("x") is one


def test_nodes_are_found_below_linked_groups(traj):
    leaf = traj.f_add_leaf("far.away.deep.x", 1)
    traj.f_add_group("near").f_add_link("l", traj.far.away)
    assert traj.near.f_get("x") is leaf
    assert traj.near.f_get("l.x") is leaf
    assert traj.near.f_get("x", max_depth=3) is leaf
    with pytest.raises(AttributeError):
        traj.near.f_get("x", max_depth=2)
    with pytest.raises(AttributeError):
        traj.near.f_get("x", with_links=False)


def test_a_group_behind_two_links_is_entered_once(traj):
    leaf = traj.f_add_leaf("far.x", 1)
    near = traj.f_add_group("near")
    near.f_add_link("one", traj.far)
    near.f_add_link("two", traj.far)
    assert near.f_get("x") is leaf


def test_data_goes_to_the_real_place_of_a_linked_group(traj):
    traj.f_add_link("l", traj.f_add_group("a.b"))
    assert traj.l.f_add_leaf("x", 1).v_full_name == "a.b.x"


def test_removing_links(traj):
    leaf = traj.f_add_leaf("a.x", 1)
    traj.f_add_link("l", leaf)
    traj.f_add_link("k", leaf)
    traj.f_remove_link("l")
    traj.f_remove_child("k")
    assert not traj.f_has_links()
    assert traj.f_get("a.x") is leaf
    for name in ("l", "x", "a"):
        with pytest.raises(ValueError):
            traj.f_remove_link(name)
    assert not tree_of(traj).links


def test_links_vanish_with_their_target_and_with_their_group(traj):
    leaf = traj.f_add_leaf("a.x", 1)
    keep = traj.f_add_leaf("keep", 1)
    traj.f_add_link("l", leaf)
    traj.f_add_group("g").f_add_link("m", leaf)
    traj.g.f_add_link("n", keep)
    traj.f_add_link("to_g", traj.g)
    assert tree_of(traj).links.linked_by.keys() == {"a.x", "keep", "g"}
    traj.f_remove_child("a", recursive=True)
    assert list(traj.f_get_children()) == ["keep", "g", "to_g"]
    assert list(traj.g.f_get_children()) == ["n"]
    traj.g.f_remove()
    assert list(traj.f_get_children()) == ["keep"]
    assert not tree_of(traj).links
    assert not tree_of(traj).links.linked_by


def test_a_name_that_leads_to_a_link_removes_only_the_link(traj):
    """Not the node that the link points to."""
    leaf = traj.f_add_leaf("a.b.x", 1)
    traj.f_add_link("g.l", leaf)
    traj.g.f_add_link("x", leaf)
    tree_of(traj).remove_item("g.l")
    assert list(traj.g.f_get_children()) == ["x"]
    traj.f_add_link("g.other", traj.a.b)
    tree_of(traj).remove_item("g.other")
    tree_of(traj).remove_item("x")  # shallower than the real one
    assert not traj.g.f_has_children()
    assert traj.f_get("x") is leaf
    tree_of(traj).remove_item("x")
    assert "x" not in traj


def test_registry_lists_all_links(traj):
    leaf = traj.f_add_leaf("a.x", 1)
    traj.f_add_link("l", leaf)
    traj.f_add_link("g.m", traj.a)
    listed = {
        (group.v_full_name, name, node.v_full_name) for group, name, node in tree_of(traj).links
    }
    assert listed == {("", "l", "a.x"), ("g", "m", "a")}
    assert "m" in tree_of(traj).links
    assert "x" not in tree_of(traj).links


def test_many_links_do_not_slow_down_lookups_above_them(traj, count_calls):
    traj.f_add_parameter("x", 1)
    counts = []
    for start in (0, 2):
        for idx in range(start, start + 200 * start + 2):
            leaf = traj.f_add_result(f"runs.r_{idx}.z", idx)
            traj.results.runs[f"r_{idx}"].f_add_link("l", leaf)
        counts.append(count_calls(lambda: traj.x))
    assert counts[0] == counts[1]
