"""What names mean, as attributes, items and arguments."""

from __future__ import annotations

import pytest

from pypet import (
    DataNotInStorageError,
    NNGroupNode,
    NotUniqueNodeError,
    Parameter,
    ParameterLockedException,
    Result,
)


@pytest.fixture
def tree(traj):
    traj.f_add_parameter("a.b.x", 1)
    traj.f_add_parameter("a.c.x", 2)
    traj.f_add_parameter("a.c.only", 3)
    traj.f_add_parameter("ab.other", 4)
    traj.f_add_result("r.r", 5)
    traj.f_add_result("r.several", 5, 6)
    return traj


def test_complete_and_shortened_paths(tree):
    assert tree.parameters.a.b.x == 1
    assert tree.par.b.x == 1
    assert tree.b.x == 1
    assert tree.only == 3
    assert tree["a.c.only"] == tree["a", "c", "only"] == tree[["a", "only"]] == 3
    assert tree.f_get("only").v_full_name == "parameters.a.c.only"
    assert tree.f_get("parameters.a.c.only") is tree.parameters.f_get("only")
    assert tree.f_get("") is tree
    # Absolute from the root, if inside of the start group.
    assert tree.parameters.a.f_get("parameters.a.c.only").f_get() == 3
    with pytest.raises(AttributeError):
        tree.parameters.ab.f_get("parameters.a.c.only")


def test_ambiguous_names(tree):
    with pytest.raises(NotUniqueNodeError):
        tree.f_get("x")
    with pytest.raises(NotUniqueNodeError):
        _ = tree.a.x
    tree.f_add_parameter("x", 0)
    assert tree.x == 0
    assert "x" in tree
    tree.f_remove_item("parameters.x")
    assert "x" not in tree
    assert not hasattr(tree, "x")
    assert tree.f_get_default("x", "default") == "default"


def test_arguments_of_get(tree):
    with pytest.raises(ValueError):
        tree.f_get("only", auto_load=True, with_links=False)
    with pytest.raises(ValueError):
        tree.f_get("a.c.only", max_depth=2)
    with pytest.raises(AttributeError):
        tree.f_get("a.c.only", max_depth=2, shortcuts=False)
    with pytest.raises(AttributeError):
        tree.f_get("only", shortcuts=False)
    with pytest.raises(AttributeError):
        tree.f_get("_only")
    with pytest.raises(AttributeError):
        tree.f_get("nowhere")
    assert tree.f_get("only", max_depth=4).f_get() == 3
    with pytest.raises(AttributeError):
        tree.f_get("only", max_depth=3)
    assert tree.f_get("par.a.c.only", shortcuts=False, fast_access=True) == 3
    assert tree.parameters.f_get("a.only", max_depth=3).f_get() == 3
    assert tree.a.f_get("c.only", max_depth=2).f_get() == 3


def test_default_only_replaces_missing_names(tree):
    assert tree.f_get_default("nowhere") is None
    assert tree.f_get_default("only") == 3
    assert tree.f_get_default("only", fast_access=False) is tree.f_get("only")
    with pytest.raises(ValueError):
        tree.f_get_default("a.c.only", max_depth=1)


def test_contains(tree):
    leaf = tree.f_get("only")
    assert not tree.f_contains("only")
    assert tree.f_contains("only", shortcuts=True)
    assert tree.f_contains("parameters.a.c.only")
    with pytest.raises(ValueError):
        tree.f_contains("a.c.only", shortcuts=True, max_depth=2)
    assert not tree.f_contains("")
    assert tree.f_contains(leaf)
    assert not tree.results.f_contains(leaf)
    assert not tree.f_contains(tree)
    assert not tree.f_contains(Parameter("parameters.a.c.only", 3))
    tree.results.f_add_link("link", leaf)
    assert not tree.results.f_contains(leaf)
    assert tree.results.f_contains("link")
    assert not tree.results.f_contains("link", with_links=False)
    assert "only" in tree
    tree.v_shortcuts = False
    assert "only" not in tree
    tree.v_shortcuts = True
    tree.v_max_depth = 2
    assert "only" not in tree
    tree.v_max_depth = None
    tree.v_with_links = False
    assert "link" not in tree.results


def test_branches_exist_once_asked_for(traj):
    assert traj.f_children() == 0
    assert "results" in traj
    assert traj.f_get("conf").v_full_name == "config"
    assert set(traj.f_get_children()) == {"results", "config"}


def test_fast_access_needs_one_value_of_the_leafs_name(tree):
    assert tree.r.r == 5
    assert tree.several is tree.f_get("several")
    tree.f_add_parameter("empty")
    assert tree.empty is None  # where the established one gives the parameter
    other = tree.f_add_result("single", key=1)
    assert tree.single is other
    tree.v_fast_access = False
    assert tree.only is tree.f_get("only")


def test_reading_a_value_locks(tree):
    assert not tree.f_get("only").v_locked
    assert tree.only == 3
    assert tree.f_get("only").v_locked
    with pytest.raises(ParameterLockedException):
        tree.only = 4


def test_get_all(tree):
    def names(name, start="", **kwargs):
        return {node.v_full_name for node in tree.f_get(start).f_get_all(name, **kwargs)}

    assert names("x") == {"parameters.a.b.x", "parameters.a.c.x"}
    assert names("a.x") == {"parameters.a.b.x", "parameters.a.c.x"}
    assert names("a.x", shortcuts=False) == set()
    assert names("c.x", shortcuts=False) == {"parameters.a.c.x"}
    assert names("par.x") == names("x")
    assert names("x", start="parameters.a", max_depth=2) == names("x")
    assert names("x", start="parameters.a", max_depth=1) == set()
    assert names("nowhere") == set()
    tree.f_add_link("x", tree.f_get("only"))
    assert names("x") == {"parameters.a.b.x", "parameters.a.c.x"}


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_current_run_and_then_the_dummy(traj):
    traj.f_add_parameter("p", 1)
    traj.f_explore({"p": range(4)})
    for run in (0, 2):
        traj.f_add_derived_parameter(f"v.r_{run}", run)
    traj.f_add_derived_parameter("v.run_ALL", -1)
    values = [traj.dpar.v.crun for _ in traj.f_iter_runs()]
    assert values == [0, -1, 2, -1]
    assert traj.dpar.v["$"] == -1
    traj.v_idx = 1
    with pytest.raises(AttributeError, match="run_00000001"):
        traj.f_get("$.nothing")
    traj.v_idx = -1
    with pytest.raises(AttributeError, match="run_ALL"):
        traj.f_get("$.nothing")
    traj.v_idx = 2
    assert [node.f_get() for node in traj.f_get_all("v.$")] == [2]
    traj.v_idx = 1
    assert traj.f_get_all("v.$") == []


def test_all_wildcards_switch_together(traj):
    traj.f_add_parameter("p", 1)
    traj.f_explore({"p": range(2)})
    traj.f_add_result("run_set_ALL.run_00000001.mixed", 1)
    traj.f_add_result("run_set_ALL.run_ALL.dummy", 2)
    traj.v_idx = 1
    assert traj.f_get("$set.$.dummy").f_get() == 2
    with pytest.raises(AttributeError):
        traj.f_get("$set.$.mixed")


def test_assigning_to_members(traj):
    traj._private = 3
    assert traj._private == 3
    traj.v_comment = 5
    assert traj.v_comment == "5"
    with pytest.raises(AttributeError):
        traj.v_is_run = True
    with pytest.raises(AttributeError):
        traj.f_get = 3


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_assigning_instances(traj):
    traj.f_add_parameter_group("g")
    traj.g.fresh = Parameter("", 1)
    assert traj.parameters.g.f_get("fresh").f_get() == 1
    traj.g.same = Parameter("same", 2)
    assert traj.f_get("same").v_full_name == "parameters.g.same"
    traj.g.deep = Parameter("deep.er.leaf", 3)
    assert traj.f_get("leaf").v_full_name == "parameters.g.deep.er.leaf"
    with pytest.raises(AttributeError):
        traj.g.key = Parameter("name", 4)
    traj.g.link = traj.f_get("same")
    assert traj.parameters.g.f_get_links() == {"link": traj.f_get("same")}
    traj["g.byitem"] = Parameter("byitem", 5)
    assert traj.f_get("byitem").v_full_name == "parameters.g.byitem"
    with pytest.raises((TypeError, AttributeError)):
        traj.parameters[3] = Parameter("x", 4)
    traj.res["r_1"] = Result("", x=1)
    assert traj.f_get("results.run_00000001").f_get("x") == 1
    with pytest.raises(AttributeError):
        traj.res["r_2"] = Result("r_2", 1)


def test_assigning_values(traj):
    traj.f_add_parameter("g.p", 1)
    traj.f_add_result("h.r", 1)
    traj.f_add_result("h.many", 1, 2)
    traj.f_add_parameter("g.explored", 1)
    traj.p = 2
    traj["g.p"] = 3
    assert traj.f_get("p").f_get() == 3
    traj.r = 7
    assert traj.r == 7
    traj.f_get("p").f_unlock()
    traj.p = (1, 2)
    assert traj.p == (1, 2)
    with pytest.raises(AttributeError):
        traj.many = 3
    with pytest.raises(AttributeError):
        traj.par.new = 42
    with pytest.raises(AttributeError):
        traj.par.new = 42, "comment"
    with pytest.raises(AttributeError):
        del traj.g
    traj.f_explore({"explored": [1, 2]})
    with pytest.raises((AttributeError, ParameterLockedException)):
        traj.explored = 3
    assert "g" in traj


def test_explored_parameters_refuse_values_by_attribute(traj):
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_get("x").f_unlock()
    with pytest.raises(AttributeError):
        traj.x = 3


def test_several_properties_at_once(traj):
    traj.f_set_properties(v_fast_access=False, auto_load=True, max_depth=3)
    assert (traj.v_fast_access, traj.v_auto_load, traj.v_max_depth) == (False, True, 3)
    with pytest.raises(AttributeError):
        traj.f_set_properties(v_is_run=True)
    with pytest.raises(AttributeError):
        traj.f_set_properties(nothing=True)


def test_automatic_loading(make):
    traj = make("auto")
    traj.f_add_parameter("g.x", 1)
    traj.f_add_parameter("g.y", 1.0)
    traj.f_explore({"x": [4, 5, 6]})
    traj.f_store()
    traj.f_remove_child("parameters", recursive=True)
    with pytest.raises(AttributeError):
        traj.f_get("parameters.g.x")
    traj.v_auto_load = True
    with pytest.raises(DataNotInStorageError):
        _ = traj.parameters.g.nothing
    with pytest.raises(DataNotInStorageError):
        _ = traj.x  # shortcuts do not reach into the storage
    traj.v_idx = 2
    assert traj.parameters.g.x == 6
    traj.v_idx = -1
    assert traj.f_get("g.y", auto_load=True).f_get() == 1.0 if "y" in traj else True
    traj.f_get("x").f_unlock()
    traj.f_get("x").f_empty()
    assert traj.x == 1


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_groups_are_refused_as_values(traj):
    traj.f_add_parameter_group("g")
    traj["r_1"] = NNGroupNode("")
    traj["r_1.new"] = Result("new", 5)
    assert traj.run_00000001.new == 5
    with pytest.raises(AttributeError):
        traj.g = 5
