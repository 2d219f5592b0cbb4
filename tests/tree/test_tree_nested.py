"""Nested dictionaries become groups and leaves."""

from __future__ import annotations

import pytest

from pypet import Result, Trajectory
from pypet.tree.tree import tree_of

CONTENTS = {"net": {"n": 3, "deep": {"rate": 0.5}, "bare": {}}, "x": None, "a.b": "text"}
LEAVES = {"net.n": 3, "net.deep.rate": 0.5, "x": None, "a.b": "text"}


@pytest.fixture
def traj():
    return Trajectory("nested")


def values(traj, branch):
    found = traj.f_to_dict(fast_access=True)
    return {
        name.removeprefix(branch + "."): value
        for name, value in found.items()
        if name.startswith(branch + ".")
    }


@pytest.mark.parametrize(
    ("method", "branch"),
    [
        ("f_add_parameters", "parameters"),
        ("f_add_parameter_group", "parameters"),
        ("f_add_derived_parameters", "derived_parameters"),
        ("f_add_derived_parameter_group", "derived_parameters"),
        ("f_add_config_group", "config"),
    ],
)
def test_a_nested_dictionary_is_groups_and_parameters(traj, method, branch):
    group = getattr(traj, method)(CONTENTS)
    assert group is traj.f_get(branch)
    assert values(traj, branch) == LEAVES
    assert traj.f_get(f"{branch}.net.bare").v_is_group
    assert traj.f_get(f"{branch}.net.n").v_is_parameter


@pytest.mark.parametrize("method", ["f_add_results", "f_add_result_group"])
def test_a_nested_dictionary_is_groups_and_results(traj, method):
    getattr(traj, method)({"fit": {"slope": 2.0, "error": [0.1]}})
    assert values(traj, "results") == {"fit.slope": 2.0, "fit.error": [0.1]}


def test_groups_below_and_generic_groups_take_them_too(traj):
    net = traj.f_add_parameter_group("net")
    assert net.f_add_parameters({"n": 1, "deep": {"m": 2}}) is net
    assert net.f_add_group({"deep": {"k": 3}}) is net
    assert traj.f_add_group({"elsewhere": {"y": 4}}) is traj
    assert values(traj, "parameters") == {"net.n": 1, "net.deep.m": 2, "net.deep.k": 3}
    assert isinstance(traj.f_get("elsewhere.y"), Result)


def test_contents_behind_the_name_of_a_group(traj):
    group = traj.f_add_parameter_group("net", {"n": 3, "deep": {"m": 4}}, comment="of neurons")
    assert group is traj.net
    assert group.v_comment == "of neurons"
    assert values(traj, "parameters") == {"net.n": 3, "net.deep.m": 4}
    assert traj.f_add_parameter_group("other", "a comment").v_comment == "a comment"


def test_existing_groups_are_added_to(traj):
    traj.f_add_parameter("net.n", 1)
    traj.f_add_parameters({"net": {"m": 2}, "more": {}})
    traj.f_add_parameters({"net": {}, "more": {}})
    assert values(traj, "parameters") == {"net.n": 1, "net.m": 2}


def test_results_of_a_run_lie_below_it(traj):
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    traj.f_start_run(1)
    traj.f_add_results({"fit": {"slope": 1.0}})
    traj.f_add_derived_parameters({"fit": {"start": 2.0}})
    assert traj.f_get("results.runs.run_00000001.fit.slope").f_get() == 1.0
    assert traj.f_get("derived_parameters.runs.run_00000001.fit.start").f_get() == 2.0
    with pytest.raises(TypeError, match="not available during a single run"):
        traj.f_add_parameters({"y": 1})


@pytest.mark.parametrize(
    ("bad", "error", "text"),
    [
        ({"net": {"m": 5, "n": 4}}, AttributeError, "`n` in `parameters.net` already"),
        ({"new": {"deep": {"m": 5}}, "y": object()}, TypeError, r"parameters\.y"),
        ({"new": {"m": 1}, "net.n.m": 2}, AttributeError, "not a group"),
        ({"new": {"m": 1}, "not good!": 2}, ValueError, "not good"),
        ({"new": {"m": 1, 3: 2}}, ValueError, "text as names, not 3"),
        ({"new": {"m": 1}, "new.m": 2}, AttributeError, "already"),
    ],
)
def test_all_of_it_is_added_or_nothing(traj, bad, error, text):
    traj.f_add_parameter("net.n", 3)
    before = set(tree_of(traj).groups), set(tree_of(traj).leaves)
    for add in (traj.f_add_parameters, traj.f_add_parameter_group):
        with pytest.raises(error, match=text):
            add(bad)
        assert (set(tree_of(traj).groups), set(tree_of(traj).leaves)) == before
    with pytest.raises((error, TypeError, ValueError)):
        traj.f_add_parameter_group("whole", {"m": 1, "y": object()})
    assert (set(tree_of(traj).groups), set(tree_of(traj).leaves)) == before


def test_nothing_is_left_in_an_empty_trajectory(traj):
    with pytest.raises(TypeError):
        traj.f_add_parameters({"net": {"n": 1, "m": object()}})
    assert not tree_of(traj).leaves
    assert "net" not in traj


def test_what_exists_is_kept_if_it_may_not_be_clobbered(traj):
    traj.f_add_parameter("net.n", 3)
    traj.v_no_clobber = True
    with pytest.raises(TypeError):
        traj.f_add_parameters({"net": {"n": 4, "m": 1}, "y": object()})
    assert values(traj, "parameters") == {"net.n": 3}
    traj.f_add_parameters({"net": {"n": 4, "m": 1}})
    assert values(traj, "parameters") == {"net.n": 3, "net.m": 1}


def test_wrong_arguments_are_answered_with_the_right_method(traj):
    with pytest.raises(ValueError, match="`f_add_parameters` takes a"):
        traj.f_add_parameter({"net": {"n": 1}})
    with pytest.raises(ValueError, match="`f_add_config_group` takes a"):
        traj.f_add_config({"net": {"n": 1}})
    with pytest.raises(TypeError, match=r"`f_add_results` takes a dictionary like .*, not 3"):
        traj.f_add_results(3)
    with pytest.raises(ValueError, match="nested dictionary alone"):
        traj.f_add_parameter_group({"net": {"n": 1}}, comment="where to")
