"""Longer stories that users rely on."""

from __future__ import annotations

import pytest

from pypet import NNGroupNode, Result, Trajectory
from pypet.tree.tree import tree_of


@pytest.mark.parametrize(
    "name",
    [
        "Peter.  h ._hurz",
        "test..hh",
        "test.::!.h",
        "test.$.k.$dsa",
        "e" * 129,
        "e" * 128,
        "_crun",
        "trailing.",
        "new\n",
        "overview",
        "overview.x",
    ],
)
def test_impossible_names(traj, name):
    with pytest.raises(ValueError):
        traj.f_add_leaf(name, 1)
    if not name.startswith("overview"):
        with pytest.raises(ValueError):
            traj.f_add_parameter(name, 1)
    assert traj.f_is_empty()
    assert not traj.f_get_children()


@pytest.mark.parametrize("name", ["e" * 127, "1", "a-b", "deep.overview", "run_ALL"])
def test_unusual_names(traj, name):
    leaf = traj.f_add_leaf(f"top.{name}", 1)
    assert traj[f"top.{name}"] == 1
    assert leaf.v_full_name == f"top.{name}"


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_groups_named_by_runs_take_results(traj):
    traj["r_1"] = NNGroupNode("")
    traj["r_1.new"] = Result("new", 5)
    assert traj.run_00000001.new == 5


def test_all_nodes_of_a_name(traj):
    traj.f_add_leaf("peter.paul.markus.yve", 1)
    traj.f_add_leaf("peter.markus.yve", 2)
    traj.f_add_leaf("mary.yve", 2)
    found = {node.v_full_name for node in traj.f_get_all("peter.yve")}
    assert found == {"peter.paul.markus.yve", "peter.markus.yve"}
    assert [node.v_full_name for node in traj.f_get_all("paul.yve")] == ["peter.paul.markus.yve"]
    assert traj.f_get_all("paul.yve", shortcuts=False) == []


def test_runs_are_kept_in_sets(traj):
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(2001)})
    for idx in traj.f_iter_runs(yields="idx"):
        traj.f_add_result("$set.$.z", idx)
    sets = traj.results.f_get_groups()
    assert list(sets) == ["run_set_00000", "run_set_00001", "run_set_00002"]
    assert sets["run_set_00001"].f_children() == 1000
    assert "rts_1000" in traj
    assert "rts_4000" not in traj
    assert list(traj.f_get_from_runs("z", fast_access=True).values()) == list(range(2001))
    traj.v_idx = 1500
    assert traj.f_get("$set.$.z").f_get() == traj.crun.z == 1500


def test_removed_branches_come_back_with_their_links(make):
    traj = make("auto")
    test = traj.f_add_parameter_group("test")
    other = traj.f_add_parameter_group("test2")
    test.f_add_link("circle1", other)
    other.f_add_link("circle2", test)
    test.f_add_parameter("x", 1)
    traj.f_store()
    traj.f_remove_child("parameters", recursive=True)
    traj.v_auto_load = True
    linked = traj["parameters.test2.circle2"]
    assert linked is traj.f_get("parameters.test")
    assert linked.circle1.circle2 is linked
    assert linked.x == 1


def test_exploring_in_steps(traj):
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("y", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_explore({"y": [3, 4]})
    assert len(traj) == 2
    with pytest.raises(TypeError):
        traj.f_explore({"x": [1, 2]})


def test_storing_and_loading_item_messages(make):
    traj = make("items")
    result = traj.f_add_result("many", a=1, b=2)
    traj.f_store()
    with pytest.raises(ValueError):
        traj.f_store_item(("LEAF", result, (), {}, 5))
    traj.f_store_item(("LEAF", result))
    result.f_empty()
    traj.f_load_item(("LEAF", result, (), {"load_only": ["a"]}))
    assert result.f_to_dict() == {"a": 1}


def test_old_keywords_warn_once(make):
    with pytest.warns(DeprecationWarning, match="dynamic_imports"):
        traj = make("old", dynamically_imported_classes=Result)
    traj.f_add_result("r", 1)
    traj.f_add_result("runs.run_00000000.z", 1)
    with pytest.warns(DeprecationWarning, match="new_name"):
        traj.f_store(new_name="ignored")
    calls = [
        (traj.f_load, (), "load_all", 2),
        (traj.f_get, ("r",), "backwards_search", True),
        (traj.f_get_default, ("r",), "backwards_search", True),
        (traj.f_contains, ("r",), "backwards_search", True),
        (traj.f_get_from_runs, ("z",), "where", "results"),
        (traj.f_delete_item, ("r",), "remove_empty_groups", True),
        (traj.f_remove_item, ("r",), "remove_empty_groups", True),
    ]
    for method, args, keyword, value in calls:
        with pytest.warns(DeprecationWarning, match=keyword) as caught:
            method(*args, **{keyword: value})
        assert len(caught) == 1


def test_a_run_leaves_only_the_empty_frames_behind(traj, names_of):
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    before = names_of(traj)
    traj.v_idx = 0
    traj.f_start_run()
    traj.f_add_result("z", 1)
    traj.f_add_derived_parameter("d", 1)
    traj.f_add_result("$set.$.deep.z", 1)
    traj.f_add_leaf("elsewhere.z", 1)
    traj.f_add_link("l", traj.f_get("d"))
    traj.f_finalize_run(store_meta_data=False)
    frames = {"results", "results.runs", "derived_parameters", "derived_parameters.runs"}
    assert names_of(traj) == before | frames
    assert not tree_of(traj).new_nodes
    assert not tree_of(traj).new_links
    assert not tree_of(traj).links.linked_by


def test_established_names():
    from pypet import pypetconstants as constants

    assert constants.UPDATE_SKELETON == constants.LOAD_SKELETON == 1
    assert constants.UPDATE_DATA == constants.LOAD_DATA == 2
    assert Trajectory().f_get_class_name() == "Trajectory"
