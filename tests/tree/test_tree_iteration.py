"""Iteration over nodes and dictionaries of leaves."""

from __future__ import annotations

import pytest

from pypet.tree.tree import tree_of


@pytest.fixture
def tree(traj):
    """Insertion order on each level, a link into the tree and one out of the group ``a``."""
    traj.f_add_leaf("a.one", 1)
    traj.f_add_leaf("a.b.two", 2)
    traj.f_add_leaf("three", 3)
    traj.f_add_leaf("c.four", 4)
    traj.a.f_add_link("inside", traj.a.b)
    traj.a.f_add_link("outside", traj.c)
    return traj


def names(nodes):
    return [node.v_full_name for node in nodes]


def test_breadth_first_in_insertion_order_each_node_once(tree):
    assert names(tree.f_iter_nodes()) == ["a", "three", "c", "a.one", "a.b", "c.four", "a.b.two"]
    assert names(tree.a.f_iter_nodes()) == ["a.one", "a.b", "c", "a.b.two", "c.four"]
    assert names(tree.f_iter_nodes(recursive=False)) == ["a", "three", "c"]
    assert names(tree.f_iter_leaves()) == ["three", "a.one", "c.four", "a.b.two"]


def test_without_links_groups_come_before_leaves(tree):
    assert names(tree.a.f_iter_nodes(with_links=False)) == ["a.b", "a.one", "a.b.two"]
    assert names(tree.a.f_iter_leaves(with_links=False)) == ["a.one", "a.b.two"]


def test_depth_is_relative_and_inclusive(tree):
    assert names(tree.f_iter_nodes(max_depth=1)) == ["a", "three", "c"]
    assert names(tree.a.f_iter_nodes(max_depth=1)) == ["a.one", "a.b", "c"]
    assert names(tree.f_iter_nodes(max_depth=0)) == []
    assert names(tree.f_iter_nodes(recursive=False, max_depth=0)) == ["a", "three", "c"]


def test_the_start_group_is_never_yielded(tree):
    tree.a.b.f_add_link("up", tree.a)
    assert tree.a not in list(tree.a.f_iter_nodes())
    assert names(tree.a.b.f_iter_nodes()) == ["a.b.two", "a", "a.one", "c", "c.four"]


def test_a_predicate_cuts_off_what_is_below(tree):
    kept = tree.f_iter_nodes(predicate=lambda node: node.v_name != "b")
    assert names(kept) == ["a", "three", "c", "a.one", "c.four"]


def test_runs_as_predicate(traj):
    for idx in (0, 1, 2):
        traj.f_add_result(f"runs.r_{idx}.z", idx)
    traj.f_add_result("runs.r_A.z", -1)
    traj.f_add_result("other", 1)

    def found(*runs):
        return names(leaf for leaf in traj.f_iter_nodes(predicate=runs) if leaf.v_is_leaf)

    everywhere = ["results.other", "results.runs.run_ALL.z"]
    assert sorted(found(1)) == sorted([*everywhere, "results.runs.run_00000001.z"])
    assert sorted(found(0, "run_00000002")) == sorted(
        [*everywhere, "results.runs.run_00000000.z", "results.runs.run_00000002.z"]
    )
    assert sorted(found(-1)) == sorted(everywhere)
    assert sorted(found()) == sorted(everywhere)
    with pytest.raises(KeyError):
        traj.f_iter_nodes(predicate=[99])


def test_leaves_named_like_runs_are_found_by_run(traj):
    for idx in range(3):
        traj.start_run(idx)
        traj.f_add_leaf("bucket.$set.$", idx)
        tree_of(traj).forget_new_nodes()
    traj.set_run(-1)
    for runs in ((1,), ("run_00000001",)):
        leaves = (leaf for leaf in traj.f_iter_nodes(predicate=runs) if leaf.v_is_leaf)
        assert names(leaves) == ["bucket.run_set_00000.run_00000001"]


def test_iter_follows_the_setting(tree):
    assert names(tree.a) == ["a.one", "a.b", "c"]
    tree._iter_recursive = True
    assert names(tree.a) == ["a.one", "a.b", "c", "a.b.two", "c.four"]


def test_the_tree_may_change_while_iterating(traj):
    for idx in range(5):
        traj.f_add_leaf(f"g.x{idx}", idx)
    for leaf in traj.f_iter_leaves():
        tree_of(traj).remove_node(leaf)
    assert not traj.g.f_has_children()


def test_the_current_run_does_not_matter(traj):
    traj.f_add_result("runs.r_0.z", 0)
    traj.f_add_result("runs.r_1.z", 0)
    before = names(traj.f_iter_nodes())
    traj.set_run(1)
    assert names(traj.f_iter_nodes()) == before


# ----- dictionaries ------------------------------------------------------------------------


def test_flat_dictionaries_have_full_names(tree):
    assert {name: leaf.f_get() for name, leaf in tree.f_to_dict().items()} == {
        "a.one": 1,
        "a.b.two": 2,
        "three": 3,
        "c.four": 4,
    }
    assert tree.f_to_dict(fast_access=True)["a.b.two"] == 2
    assert tree.a.f_to_dict(fast_access=True) == {"a.one": 1, "a.b.two": 2, "c.four": 4}
    assert tree.a.f_to_dict(fast_access=True, with_links=False) == {"a.one": 1, "a.b.two": 2}
    assert tree.f_to_dict() is not tree.f_to_dict()


def test_leaves_without_fast_access_stay_leaves(traj):
    traj.f_add_parameter("empty")
    many = traj.f_add_result("many", 1, 2)
    other = traj.f_add_result("other", x=1)
    assert traj.f_to_dict(fast_access=True) == {
        "parameters.empty": None,
        "results.many": many,
        "results.other": other,
    }


def test_short_names_must_be_unique(tree):
    assert tree.f_to_dict(fast_access=True, short_names=True) == {
        "one": 1,
        "two": 2,
        "three": 3,
        "four": 4,
    }
    tree.f_add_leaf("c.one", 5)
    with pytest.raises(ValueError, match="one"):
        tree.f_to_dict(short_names=True)
    with pytest.raises(ValueError, match="not both"):
        tree.f_to_dict(short_names=True, nested=True)


def test_nested_dictionaries_start_below_the_group(traj):
    traj.f_add_parameter("my.param", 1)
    traj.f_add_parameter("my.fff", 2)
    traj.f_add_result("runs.$.myresult", 55)
    assert traj.f_to_dict(fast_access=True, nested=True) == {
        "parameters": {"my": {"param": 1, "fff": 2}},
        "results": {"runs": {"run_ALL": {"myresult": 55}}},
    }
    assert traj.res.f_to_dict(fast_access=True, nested=True) == {
        "runs": {"run_ALL": {"myresult": 55}}
    }
    assert traj.res.runs.f_to_dict(True, nested=True) == {"run_ALL": {"myresult": 55}}


def test_nested_dictionaries_put_linked_leaves_where_the_link_is(tree):
    """Leaves out of the subtree keep readable names; those inside have their own place."""
    expected = {"one": 1, "b": {"two": 2}, "outside": {"four": 4}}
    assert tree.a.f_to_dict(fast_access=True, nested=True) == expected
    tree.a.f_add_link("leaf", tree.f_get("three"))
    tree.c.f_add_link("back", tree.a)
    assert tree.a.f_to_dict(fast_access=True, nested=True) == {**expected, "leaf": 3}
    del expected["outside"]
    assert tree.a.f_to_dict(fast_access=True, nested=True, with_links=False) == expected


def test_links_add_nothing_to_dictionaries_of_the_root(tree):
    assert tree.f_to_dict(fast_access=True, nested=True) == {
        "a": {"one": 1, "b": {"two": 2}},
        "three": 3,
        "c": {"four": 4},
    }
