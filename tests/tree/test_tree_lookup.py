"""Natural naming: looking up nodes and values."""

from __future__ import annotations

import logging
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pypet
from pypet.errors import DataNotInStorageError, NotUniqueNodeError, ParameterLockedException
from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.tree.tree import tree_of
from tests import leaf_calls
from tests.tree.conftest import lookup_settings_of

# ----- attributes and items ----------------------------------------------------------------


def test_values_by_attribute_item_list_and_index(traj):
    traj.f_add_parameter("group.x", 4)
    traj.f_add_result("runs.run_00000003.z", 5)
    assert traj.parameters.group.x == 4
    assert traj.par.group.x == 4
    assert traj.x == 4
    assert traj["par.group.x"] == traj["par", "group", "x"] == traj[["par", "group.x"]] == 4
    assert traj[3].z == 5
    assert traj[np.int64(3)].z == 5
    assert traj["res", 3, "z"] == 5
    assert traj.res.runs.r_3.z == 5


def test_reading_a_parameter_locks_it(traj):
    traj.f_add_parameter("x", 4)
    assert traj.x == 4
    with pytest.raises(ParameterLockedException):
        traj.x = 5


def test_fast_access_needs_a_single_value_of_the_leafs_name(traj):
    many = traj.f_add_result("many", 1, 2)
    other = traj.f_add_result("other", x=1)
    traj.f_add_parameter("empty")
    one = traj.f_add_result("one", 1)
    assert (traj.many, traj.other, traj.empty) == (many, other, None)
    assert traj.one == 1
    lookup_settings_of(traj).fast_access = False
    assert traj.one is one
    assert traj.f_get("one", fast_access=True) == 1
    assert traj.f_get("one") is one


def test_branches_come_into_being_when_they_are_asked_for(traj):
    for name in ("results", "par", "dpar", "conf"):
        assert name in traj
        assert traj[name].v_is_group
    assert traj.f_get_children().keys() == {
        "results",
        "parameters",
        "derived_parameters",
        "config",
    }
    traj.f_remove()
    assert not traj.f_has_children()
    assert traj.par.v_full_name == "parameters"
    assert traj.f_get("dpar", shortcuts=False).v_is_group
    with pytest.raises(AttributeError):
        traj.par.results


def test_missing_names_are_attribute_errors(traj):
    traj.f_add_parameter("x", 4)
    with pytest.raises(AttributeError, match=r"`nope` is not part of"):
        traj.nope
    with pytest.raises(AttributeError, match=r"no `nope` below"):
        traj["par.nope"]
    assert not hasattr(traj, "nope")
    assert getattr(traj, "nope", 7) == 7
    with pytest.raises(AttributeError):
        traj._nope
    with pytest.raises(AttributeError):
        traj["_nope"]
    with pytest.raises(AttributeError):
        traj["par._nope"]


@pytest.mark.parametrize("key", ["x.", ".x", "par..x", "", (), [], "par.x.deeper", ("x", ""), -2])
def test_bad_keys_are_attribute_errors_and_not_contained(traj, key):
    traj.f_add_parameter("x", 4)
    start = traj.parameters
    with pytest.raises(AttributeError):
        start[key]
    assert not start.f_contains(key)
    assert not start.f_contains(key, shortcuts=True)
    assert key not in start
    assert key not in traj


@pytest.mark.parametrize("key", [None, 3.5, object(), ("x", None), [3.5], {"x"}, b"x"])
def test_keys_that_are_no_names_are_type_errors_and_not_contained(traj, key):
    traj.f_add_parameter("x", 4)
    with pytest.raises(TypeError, match="not by"):
        traj[key]
    with pytest.raises(TypeError, match="not by"):
        traj.f_get(key)
    assert not traj.f_contains(key)
    assert key not in traj


def test_a_path_through_a_leaf_says_so(traj):
    traj.f_add_parameter("x", 4)
    traj.f_add_result("y", 4)
    with pytest.raises(AttributeError, match="has nothing below it"):
        traj.f_get("x.y")


def test_the_empty_name_is_the_root(traj):
    assert traj.f_get("") is traj
    assert not traj.f_contains("")


# ----- shortcuts ---------------------------------------------------------------------------


def test_direct_children_win_over_deeper_and_shallow_over_deep(traj):
    deep = traj.f_add_leaf("a.b.c.x", 1)
    assert traj.f_get("x") is deep
    shallow = traj.f_add_leaf("d.e.x", 2)
    assert traj.f_get("x") is shallow
    assert traj.a.f_get("x") is deep
    direct = traj.f_add_leaf("x", 3)
    assert traj.f_get("x") is direct
    assert traj.f_get("a.x") is deep
    assert traj.f_get("a.c.x") is deep


def test_ambiguous_names_look_missing(traj):
    traj.f_add_leaf("a.x", 1)
    traj.f_add_leaf("b.x", 1)
    with pytest.raises(NotUniqueNodeError, match=r"a\.x.*b\.x"):
        traj.f_get("x")
    assert "x" not in traj
    assert not hasattr(traj, "x")
    assert traj.f_get_default("x", 7) == 7
    assert traj.a.x == 1


def test_deeper_ambiguity_does_not_matter(traj):
    traj.f_add_leaf("a.b.x", 1)
    traj.f_add_leaf("a.c.x", 1)
    assert traj.f_add_leaf("d.x", 1) is traj.f_get("x")


def test_components_resolve_greedily_without_backtracking(traj):
    traj.f_add_leaf("a.other", 1)
    traj.f_add_leaf("b.a.x", 1)
    with pytest.raises(AttributeError):
        traj.f_get("a.x")
    assert traj.f_get("b.a.x").v_full_name == "b.a.x"


def test_names_below_a_group_are_compared_by_component(traj):
    """Nodes below ``parameters.ab`` are not below ``parameters.a``."""
    traj.f_add_parameter("a.q", 1)
    inside = traj.f_add_parameter("ab.x", 1)
    with pytest.raises(AttributeError):
        traj.parameters.a.f_get("x")
    assert not traj.parameters.a.f_contains("x", shortcuts=True)
    assert not traj.parameters.a.f_contains(inside)
    assert traj.parameters.a.f_get_all("x") == []
    second = traj.f_add_parameter("ab.sub.x", 1)
    assert traj.parameters.ab.f_get_all("x") == [inside, second]
    assert traj.parameters.a.f_get_all("x") == []


def test_absolute_paths_work_inside_the_start_group(traj):
    leaf = traj.f_add_parameter("a.b.x", 1)
    group = traj.parameters.a
    assert group.f_get("parameters.a.b.x") is leaf
    assert group.f_get("par.a.b.x") is leaf
    traj.f_add_parameter("c.x", 1)
    with pytest.raises(AttributeError):
        group.f_get("parameters.c.x")
    with pytest.raises(AttributeError):
        group.f_get("parameters.a.b.x", shortcuts=False)


def test_a_relative_path_wins_over_an_absolute_one(traj):
    traj.f_add_parameter("x", 1)
    inner = traj.f_add_parameter("parameters.parameters.x", 1)
    assert traj.parameters.f_get("parameters.x") is inner


def test_without_shortcuts_only_children_count(traj):
    leaf = traj.f_add_parameter("a.x", 1)
    assert traj.f_get("parameters.a.x", shortcuts=False) is leaf
    assert traj.f_get("par.a.x", shortcuts=False) is leaf
    for name in ("x", "a.x", "par.x"):
        with pytest.raises(AttributeError):
            traj.f_get(name, shortcuts=False)
    lookup_settings_of(traj).shortcuts = False
    assert not hasattr(traj, "x")
    assert traj.par.a.x == 1


def test_max_depth_counts_from_the_start_group_over_the_whole_path(traj):
    """Also for names of several components, and from groups other than the root."""
    leaf = traj.f_add_leaf("a.b.c.d.x", 1)
    group = traj.a.b
    for start, name, depth in (
        (traj, "x", 5),
        (traj, "b.x", 5),
        (traj, "a.b.c.d.x", 5),
        (group, "x", 3),
        (group, "c.x", 3),
        (group, "d.x", 3),
        (group, "c.d.x", 3),
    ):
        assert start.f_get(name, max_depth=depth) is leaf
        assert start.f_contains(name, shortcuts=True, max_depth=depth)
        if len(name.split(".")) < depth:
            with pytest.raises(AttributeError):
                start.f_get(name, max_depth=depth - 1)
            assert not start.f_contains(name, shortcuts=True, max_depth=depth - 1)


def test_more_components_than_max_depth(traj):
    traj.f_add_leaf("a.b.x", 1)
    with pytest.raises(ValueError, match="max_depth"):
        traj.f_get("a.b.x", max_depth=2)
    with pytest.raises(ValueError, match="max_depth"):
        traj.f_contains("a.b.x", shortcuts=True, max_depth=2)
    with pytest.raises(AttributeError, match="max_depth"):
        traj.f_get("a.b.x", shortcuts=False, max_depth=2)
    assert not traj.f_contains("a.b.x", max_depth=2)
    lookup_settings_of(traj).max_depth = 2
    assert not hasattr(traj, "x")
    assert traj.a.x == 1
    lookup_settings_of(traj).max_depth = 0
    with pytest.raises(ValueError):
        traj.a


# ----- wildcards ---------------------------------------------------------------------------


def test_wildcards_fall_back_to_the_dummy(traj):
    two = traj.f_add_derived_parameter("v.run_00000002", 2)
    dummy = traj.f_add_derived_parameter("v.run_ALL", -1)
    traj.set_run(2)
    assert traj.f_get("dpar.v.crun") is two
    assert traj.dpar.v["$"] == 2
    traj.set_run(3)
    assert traj.f_get("dpar.v.crun") is dummy
    traj.set_run(-1)
    assert traj.dpar.v.crun == -1


def test_the_first_error_is_raised_with_the_name_of_the_run(traj):
    traj.f_add_group("g")
    with pytest.raises(AttributeError, match="run_ALL"):
        traj.f_get("g.$")
    traj.set_run(3)
    with pytest.raises(AttributeError, match="run_00000003"):
        traj.f_get("g.$")


def test_all_wildcards_of_a_name_switch_together(traj):
    traj.f_add_leaf("a.run_00000003.b.run_ALL", 1)
    traj.set_run(3)
    assert not traj.f_contains("a.$.b.$")
    leaf = traj.f_add_leaf("a.run_ALL.b.run_ALL", 1)
    assert traj.f_get("a.$.b.$") is leaf


def test_a_current_run_does_not_restrict_searches(traj):
    traj.f_add_result("runs.r_1.z", 1)
    traj.f_add_result("runs.r_2.z", 2)
    traj.set_run(1)
    with pytest.raises(NotUniqueNodeError):
        traj.z
    assert traj.crun.z == 1


def test_lookups_leave_logging_alone(traj):
    """A user's own setting of `logging.disable` survives lookups in a run."""
    traj.f_add_result("runs.r_1.z", 1)
    traj.set_run(1)
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        assert traj.crun.z == 1
        assert "nope.$" not in traj
        assert logging.root.manager.disable == logging.WARNING
    finally:
        logging.disable(before)


# ----- defaults, contains, all -------------------------------------------------------------


def test_defaults_replace_what_is_missing(traj):
    leaf = traj.f_add_parameter("x", 4)
    assert traj.f_get_default("x", 7) == 4
    assert traj.f_get_default("x", 7, fast_access=False) is leaf
    assert traj.f_get_default("y", 7) == 7
    assert traj.f_get_default("y") is None
    with pytest.raises(ValueError):
        traj.f_get_default("a.b", max_depth=1)
    with pytest.raises(TypeError):
        traj.f_get_default(None, 7)


def test_contains_by_name_has_no_shortcuts_but_in_has(traj):
    traj.f_add_parameter("a.x", 4)
    assert traj.f_contains("par.a.x")
    assert not traj.f_contains("x")
    assert traj.f_contains("x", shortcuts=True)
    assert "x" in traj
    lookup_settings_of(traj).shortcuts = False
    assert "x" not in traj
    assert "par.a.x" in traj
    lookup_settings_of(traj).shortcuts = True
    lookup_settings_of(traj).max_depth = 2
    assert "x" not in traj


def test_contains_by_node_means_this_very_node(traj, make_root):
    leaf = traj.f_add_parameter("a.x", 4)
    twin = make_root().f_add_parameter("a.x", 4)
    traj.f_add_group("g").f_add_link("x", leaf)
    assert leaf in traj
    assert leaf in traj.parameters
    assert traj.parameters in traj
    assert twin not in traj
    assert leaf not in traj.g
    assert traj not in traj
    assert traj.parameters not in traj.parameters
    assert Parameter("parameters.a.x", 4) not in traj
    assert traj.f_contains(leaf, max_depth=3)
    assert not traj.f_contains(leaf, max_depth=2)


def test_links_can_be_hidden(traj):
    leaf = traj.f_add_parameter("a.x", 4)
    traj.f_add_group("g").f_add_link("l", leaf)
    assert traj.g.l == 4
    assert traj.f_get("l") is leaf
    for look in (
        lambda: traj.f_get("g.l", with_links=False),
        lambda: traj.f_get("l", with_links=False),
        lambda: traj.g.f_get("l", with_links=False, shortcuts=False),
    ):
        with pytest.raises(AttributeError):
            look()
    assert not traj.f_contains("g.l", with_links=False)
    lookup_settings_of(traj).with_links = False
    assert "l" not in traj
    assert not hasattr(traj.g, "l")
    assert traj.x == 4


def test_get_all_matches_components_as_a_subsequence(traj):
    yve = traj.f_add_result("peter.markus.yve", 1)
    traj.f_add_result("peter.paul.other", 1)
    assert traj.f_get_all("peter.yve") == [yve]
    assert traj.f_get_all("paul.yve") == []
    assert traj.f_get_all("res.yve") == [yve]
    assert traj.f_get_all("markus.peter.yve") == []
    assert traj.results.f_get_all("res.yve") == []


def test_get_all_matches_whole_components(traj):
    """``b.x`` does not match ``ab.x``."""
    traj.f_add_result("ab.x", 1)
    right = traj.f_add_result("c.b.x", 1)
    assert traj.f_get_all("b.x") == [right]
    assert traj.f_get_all("b.x", shortcuts=False) == [right]


def test_get_all_skips_what_is_too_deep_and_goes_on(traj):
    """One candidate that is too deep does not end the scan."""
    traj.f_add_result("a.b.c.x", 1)
    shallow = traj.f_add_result("d.x", 1)
    traj.f_add_result("e.f.g.x", 1)
    also = traj.f_add_result("h.x", 1)
    assert traj.f_get_all("x", max_depth=3) == [shallow, also]
    assert traj.results.f_get_all("x", max_depth=2) == [shallow, also]


def test_get_all_without_shortcuts_takes_the_tail_of_the_path(traj):
    one = traj.f_add_result("a.b.x", 1)
    traj.f_add_result("b.c.x", 1)
    assert traj.f_get_all("b.x", shortcuts=False) == [one]
    assert traj.results.a.f_get_all("a.b.x", shortcuts=False) == []
    assert traj.results.a.f_get_all("b.x", shortcuts=False) == [one]
    assert traj.results.a.b.f_get_all("b.x", shortcuts=False) == []


def test_get_all_ignores_links_and_falls_back_to_nothing(traj):
    leaf = traj.f_add_result("a.x", 1)
    traj.f_add_group("g").f_add_link("x", leaf)
    assert traj.f_get_all("x") == [leaf]
    dummy = traj.f_add_result("q.run_ALL", 1)
    assert traj.f_get_all("q.$") == [dummy]
    traj.set_run(3)
    assert traj.f_get_all("q.$") == []
    for name in ("", "nope", "x.", "_x"):
        assert traj.f_get_all(name) == []


def test_deprecated_keyword_of_lookups(traj):
    leaf = traj.f_add_result("a.x", 1)
    with pytest.warns(DeprecationWarning, match="backwards_search"):
        assert traj.f_get("x", backwards_search=True) is leaf
    with pytest.warns(DeprecationWarning, match="backwards_search"):
        assert traj.f_get_default("x", backwards_search=True) == 1
    with pytest.warns(DeprecationWarning, match="backwards_search"):
        assert traj.f_contains("res.a.x", backwards_search=False)


# ----- automatic loading -------------------------------------------------------------------


class Storage:
    """Knows some stored leaves by full name, and what was asked of it."""

    def __init__(self, traj, **stored):
        self.traj = traj
        self.stored = {name.replace("__", "."): value for name, value in stored.items()}
        self.asked = []
        traj.v_storage_service = self

    def load(self, msg, node, *args, trajectory_name, **kwargs):
        self.asked.append((msg, node.v_full_name, *args))
        assert trajectory_name == self.traj.v_name
        if msg == "LEAF":
            node.f_set(self.stored[node.v_full_name])
            return
        path = ".".join((node.v_full_name, args[0])) if node.v_full_name else args[0]
        if path not in self.stored:
            raise DataNotInStorageError(path)
        kind = Parameter if path.startswith("parameters") else Result
        tree_of(self.traj).insert_leaf(path, kind(path, self.stored[path]))


def test_missing_nodes_are_loaded_from_their_exact_path(traj):
    storage = Storage(traj, parameters__a__x=4)
    lookup_settings_of(traj).auto_load = True
    assert traj["par.a.x"] == 4
    assert storage.asked == [("TREE", "", "parameters.a.x")]
    assert traj.x == 4
    with pytest.raises(DataNotInStorageError):
        traj.nope
    with pytest.raises(DataNotInStorageError):
        traj["par.a.y"]
    assert traj.f_get_default("y", 7, auto_load=True) == 7
    with pytest.raises(AttributeError):
        traj.f_get("nope")


def test_empty_leaves_are_filled_also_by_shortcuts(traj):
    leaf = traj.f_add_parameter("a.x")
    storage = Storage(traj, parameters__a__x=4)
    assert traj.f_get("x") is leaf
    assert traj.f_get("x", fast_access=True, auto_load=True) == 4
    assert storage.asked == [("LEAF", "parameters.a.x")]


def test_loaded_explored_parameters_stand_at_the_current_run(traj):
    parameter = Parameter("parameters.x", 0)
    leaf_calls.explore(parameter, [10, 11, 12])
    storage = Storage(traj, parameters__x=0)
    storage.load = lambda *args, **kwargs: tree_of(traj).insert_leaf("parameters.x", parameter)
    traj.set_run(2)
    assert traj.f_get("parameters.x", fast_access=True, auto_load=True) == 12


def test_wildcards_are_loaded_for_the_run_and_then_for_the_dummy(traj):
    storage = Storage(traj, results__run_ALL__z=4)
    traj.set_run(2)
    assert traj.f_get("results.$.z", auto_load=True).f_get() == 4
    assert [asked[2] for asked in storage.asked] == [
        "results.run_00000002.z",
        "results.run_ALL.z",
    ]
    with pytest.raises(DataNotInStorageError, match="run_00000002"):
        traj.f_get("results.$.y", auto_load=True)


def test_ambiguous_names_are_not_loaded(traj):
    traj.f_add_result("a.x", 1)
    traj.f_add_result("b.x", 1)
    storage = Storage(traj)
    with pytest.raises(NotUniqueNodeError):
        traj.f_get("x", auto_load=True)
    assert not storage.asked


def test_automatic_loading_without_storage_or_links(traj):
    with pytest.raises(DataNotInStorageError, match="no storage service"):
        traj.f_get("x", auto_load=True)
    with pytest.raises(ValueError, match="with_links"):
        traj.f_get("x", auto_load=True, with_links=False)

    class Unreadable:
        def load(self, *args, **kwargs):
            raise ValueError("no such file")

    traj.v_storage_service = Unreadable()
    with pytest.raises(DataNotInStorageError, match="no such file"):
        traj.f_get("x", auto_load=True)


# ----- names that only one node has ----------------------------------------------------------


@given(st.data())
@settings(max_examples=150)
def test_attributes_mean_what_a_search_finds(data):
    """Attribute access takes a shorter way to names that one node has."""
    traj = pypet.Trajectory("lookup", wildcard_functions={("$mine", "mine"): lambda i: "here"})
    names = st.sampled_from(["a", "b", "c", "here", "results", "config"])
    paths = st.lists(names, min_size=1, max_size=4).map(".".join)
    for path in data.draw(st.lists(paths, max_size=8)):
        branch = data.draw(st.sampled_from(["par", "res"]))
        with suppress(AttributeError, ValueError):
            traj.f_add_group(f"{branch}.{path}")
    if data.draw(st.booleans()):
        groups = list(traj.f_iter_nodes())
        for name in data.draw(st.lists(st.sampled_from(["a", "b", "z"]), max_size=2)):
            if groups:
                holder, target = data.draw(st.tuples(*2 * [st.sampled_from(groups)]))
                with suppress(AttributeError, ValueError):
                    holder.f_add_link(name, target)
    traj.v_shortcuts = data.draw(st.booleans())
    traj.v_with_links = data.draw(st.booleans())
    traj.v_max_depth = data.draw(st.sampled_from([None, 1, 2]))
    for start in (traj, *traj.f_iter_nodes()):
        for name in ("a", "b", "c", "z", "here", "mine", "results", "config", "par"):
            chosen = {
                "with_links": traj.v_with_links,
                "shortcuts": traj.v_shortcuts,
                "max_depth": traj.v_max_depth,
            }
            expected = outcome(start.f_get, name, **chosen)
            assert outcome(start.__getitem__, name) == expected
            assert outcome(getattr, start, name) == expected


def outcome(look, *args, **kwargs):
    """Return the node, or the kind of error."""
    try:
        return id(look(*args, **kwargs))
    except AttributeError as err:
        return type(err)


def test_a_node_is_not_reached_from_beside_or_below_it(traj):
    traj.f_add_group("parameters.one.sub")
    traj.f_add_group("parameters.two")
    assert traj.sub is traj.parameters.one.sub
    for start in (traj.parameters.two, traj.parameters.one.sub, traj.results):
        with pytest.raises(AttributeError, match="is not part of"):
            _ = start.sub


def test_a_wildcard_wins_over_a_node_of_its_name():
    traj = pypet.Trajectory("lookup")
    traj.f_add_group("results.mine")
    named = traj.f_add_group("results.group.other")
    traj.f_add_wildcard_functions({("$mine", "mine"): lambda idx: "other"})
    assert traj.mine is named
