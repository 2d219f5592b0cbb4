"""Rules for names of nodes."""

from __future__ import annotations

import warnings

import pytest

from pypet.naturalnaming import NNGroupNode
from pypet.tree.names import check_trajectory_name

BAD_NAMES = [
    "",
    ".",
    "a..b",
    ".a",
    "a.",
    "_crun",
    "a._b",
    "Peter.  h ._hurz",
    "test..hh",
    "test.::!.h",
    "test.$.k.$dsa",
    "with blank",
    "bl\N{LATIN SMALL LETTER A WITH DIAERESIS}",
    "a/b",
    "newline\n",
    "a.newline\n.b",
    "e" * 129,
    "e" * 128,
    "e" * 128 + ".short",
    "overview",
    "overview.deeper",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused_and_nothing_is_left_behind(traj, name):
    with pytest.raises(ValueError):
        traj.f_add_group(name)
    with pytest.raises(ValueError):
        traj.f_add_leaf(name, 3)
    assert not traj.f_has_children()


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if not name.startswith("overview")])
def test_bad_names_are_refused_for_links(traj, name):
    target = traj.f_add_group("g")
    with pytest.raises(ValueError):
        traj.f_add_link(name, target)
    assert traj.f_children() == 1


@pytest.mark.parametrize("name", ["e" * 127, "1digit", "a-b", "A_Z", "x" * 127 + "." + "y" * 127])
def test_unusual_names_are_fine(traj, name):
    assert traj.f_add_result(name, 5).v_full_name == "results." + name
    assert traj.res[name] == 5


def test_overview_is_free_deeper_in_the_tree(traj):
    assert traj.f_add_result("overview.x", 1).v_full_name == "results.overview.x"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("f_get", 1), ("get", 0), ("not.for.continue", 3), ("v_name", 1), ("kids", 1), ("vars", 1)],
)
def test_hidden_names_and_keywords_earn_a_warning_each(traj, name, expected):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traj.f_add_result(name, 1)
    assert [item.category for item in caught] == [SyntaxWarning] * expected
    assert {item.filename for item in caught} <= {__file__}


@pytest.mark.parametrize("name", ["mro", "remove_node", "insert_leaf", "index", "leaves", "links"])
def test_names_of_the_machinery_are_free(traj, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        traj.f_add_result(name, 1)


def test_nodes_hidden_by_attributes_are_reached_as_items(traj):
    with pytest.warns(SyntaxWarning):
        leaf = traj.f_add_leaf("f_get", 3)
    assert callable(traj.f_get)
    assert traj["f_get"] == 3
    assert traj.f_get("f_get") is leaf
    traj["f_get"] = 4
    assert traj["f_get"] == 4


def test_trajectory_names_follow_the_rules_of_components():
    check_trajectory_name("my-trajectory_2")
    for name in ("a.b", "", "_x", "a b", "e" * 128, "x\n"):
        with pytest.raises(ValueError):
            check_trajectory_name(name)


def test_a_trajectory_needs_a_name_that_is_text():
    with pytest.raises(TypeError, match="None"):
        check_trajectory_name(None)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("f_add_parameter", "parameters"),
        ("f_add_parameter", "par"),
        ("f_add_config", "config"),
        ("f_add_result", "results"),
        ("f_add_leaf", "derived_parameters"),
    ],
)
def test_no_leaf_takes_the_place_of_a_branch(traj, method, name):
    with pytest.raises(ValueError, match="reserved"):
        getattr(traj, method)(name, 3)
    assert not traj.f_has_children()


def test_a_name_is_used_once_per_group_for_whatever(traj):
    leaf = traj.f_add_leaf("g.leaf", 1)
    traj.f_add_group("g.group")
    traj.g.f_add_link("link", leaf)
    for name in ("leaf", "group", "link"):
        with pytest.raises(AttributeError, match=name):
            traj.g.f_add_leaf(name, 1)
        with pytest.raises(AttributeError, match=name):
            traj.g.f_add_group(name)
        with pytest.raises(AttributeError, match=name):
            traj.g.f_add_link(name, leaf)


def test_nothing_grows_below_a_leaf(traj):
    traj.f_add_result("a.b", 1)
    with pytest.raises(AttributeError, match="not a group"):
        traj.f_add_result("a.b.c.d", 1)
    with pytest.raises(AttributeError):
        traj.f_add_group("results.a.b.c")
    assert traj.results.a.f_children() == 1


def test_no_clobber_keeps_what_exists(traj, caplog):
    leaf = traj.f_add_result("a.b", 1)
    link = traj.f_add_link("l", leaf)
    traj._no_clobber = True
    assert traj.f_add_result("a.b", 2) is leaf
    assert traj.f_add_result_group("a") is traj.results.a
    assert traj.f_add_link("l", traj.results.a) is link
    assert leaf.f_get() == 1
    assert len(caplog.records) == 3
    assert traj.f_add_result("a.c", 3).v_full_name == "results.a.c"
    assert traj.f_add_group(NNGroupNode, "x").v_full_name == "x"
