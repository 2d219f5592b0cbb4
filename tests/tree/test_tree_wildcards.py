"""Wildcards and shortcuts of names."""

from __future__ import annotations

import pickle

import pytest

from pypet.tree.tree import tree_of
from pypet.tree.wildcards import Wildcards, make_run_name, make_set_name


def upper_run(idx):
    return f"RUN{idx}" if idx >= 0 else "NORUN"


def bucket(idx):
    return f"bucket_{idx // 2}" if idx >= 0 else "bucket_ALL"


def constant(idx):
    return "same"


def test_run_and_set_names():
    assert [make_run_name(idx) for idx in (0, 42, -1)] == [
        "run_00000000",
        "run_00000042",
        "run_ALL",
    ]
    assert [make_set_name(idx) for idx in (999, 4042, -1)] == [
        "run_set_00000",
        "run_set_00004",
        "run_set_ALL",
    ]


@pytest.mark.parametrize(
    ("shortcut", "meaning"),
    [
        ("par", "parameters"),
        ("dpar", "derived_parameters"),
        ("res", "results"),
        ("conf", "config"),
        ("run_3", "run_00000003"),
        ("r_3", "run_00000003"),
        ("r_123456789", "run_123456789"),
        ("run_A", "run_ALL"),
        ("r_A", "run_ALL"),
        ("runtoset_4042", "run_set_00004"),
        ("rts_4042", "run_set_00004"),
        ("rts_A", "run_set_ALL"),
        ("run_ALL", "run_ALL"),
        ("r_", "r_"),
        ("r_3_4", "r_3_4"),
        ("run__3", "run__3"),
        ("ar_3", "ar_3"),
        ("r_3x", "r_3x"),
        ("parameters", "parameters"),
        ("run_00000003", "run_00000003"),
    ],
)
@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_shortcuts_mean_whole_components(traj, shortcut, meaning):
    group = traj.f_add_group(f"top.{shortcut}.below")
    assert group.v_full_name == f"top.{meaning}.below"
    assert traj.top.f_get(f"{shortcut}.below", shortcuts=False) is group


def test_wildcards_follow_the_current_run(traj):
    assert traj.f_add_group("a.$").v_name == "run_ALL"
    assert traj.f_add_group("a.$set").v_name == "run_set_ALL"
    traj.set_run(4)
    assert traj.f_add_group("a.crun").v_name == "run_00000004"
    assert traj.f_add_group("a.crunset").v_name == "run_set_00000"


def test_the_default_aliases():
    wildcards = Wildcards()
    assert wildcards.aliases() == ["$", "crun", "$set", "crunset"]
    assert wildcards.knows("$set")
    assert not wildcards.knows("$other")
    assert wildcards.name("$", 3) == "run_00000003"
    assert wildcards.name("crunset", -1) == "run_set_ALL"
    with pytest.raises(KeyError, match="other"):
        wildcards.name("$other", 3)


def test_wildcards_of_users(make_root):
    traj = make_root({("$b", "b"): bucket, "c": constant})
    traj.set_run(5)
    assert traj.f_add_group("x.$b.c").v_full_name == "x.bucket_2.same"
    assert traj.f_get("x.b.c").v_full_name == "x.bucket_2.same"
    traj.set_run(-1)
    assert traj.f_add_group("x.b").v_full_name == "x.bucket_ALL"


def test_a_wildcard_function_is_called_once_per_index():
    asked = []

    def count(idx):
        asked.append(idx)
        return f"n{idx}"

    wildcards = Wildcards({"$n": count})
    assert [wildcards.name("$n", idx) for idx in (1, 1, -1, 1, -1)] == [
        "n1",
        "n1",
        "n-1",
        "n1",
        "n-1",
    ]
    assert asked == [1, -1]


@pytest.mark.parametrize("key", [("$", "x"), "crun", ("crun", "$"), ("$set",), ("a", "a"), "$set"])
def test_overlapping_wildcards_are_refused(key):
    with pytest.raises(ValueError, match="exists already"):
        Wildcards({key: bucket})


def test_adding_wildcards_is_all_or_nothing():
    wildcards = Wildcards()
    with pytest.raises(ValueError):
        wildcards.add({"$new": bucket, "crun": bucket})
    assert not wildcards.knows("$new")
    wildcards.add({("$new", "new"): bucket})
    assert wildcards.name("new", 4) == "bucket_2"
    with pytest.raises(ValueError):
        wildcards.add({"new": bucket})


def test_a_name_may_become_a_wildcard_later(traj):
    assert traj.f_add_group("x.later").v_name == "later"
    tree_of(traj).wildcards.add({"later": constant})
    assert traj.f_add_group("x.later").v_name == "same"


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_users_can_name_runs_and_sets(make_root):
    traj = make_root({("$", "crun"): upper_run, ("$set", "crunset"): bucket})
    wildcards = tree_of(traj).wildcards
    wildcards.check_run_names(10)
    assert (wildcards.run_name(3), wildcards.set_name(3), wildcards.dummy) == (
        "RUN3",
        "bucket_1",
        "NORUN",
    )
    assert wildcards.run_index("RUN3") == 3
    assert wildcards.run_index("NORUN") is None
    assert traj.f_add_result("r_7.rts_7", 1).v_full_name == "results.RUN7.bucket_3"
    assert traj.f_get("RUN7").v_run_branch == "RUN7"
    assert traj.f_get([7]) is traj.f_get("RUN7")
    traj.start_run(2)
    assert traj.f_add_result("z", 1).v_full_name == "results.runs.RUN2.z"


def test_run_names_have_to_differ():
    with pytest.raises(RuntimeError, match="name of its own"):
        Wildcards({("$", "crun"): constant})
    wildcards = Wildcards({("$", "crun"): lambda idx: str(idx % 3) if idx >= 0 else "none"})
    wildcards.check_run_names(3)
    with pytest.raises(RuntimeError, match="run 3"):
        wildcards.check_run_names(5)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("run_00000012", 12),
        ("run_12", None),
        ("run_ALL", None),
        ("run_000000012", None),
        ("run_123456789", 123456789),
        ("results", None),
    ],
)
def test_run_names_lead_back_to_the_index(name, index):
    assert Wildcards().run_index(name) == index


def test_copies_and_pickles_are_independent():
    original = Wildcards({"$b": bucket})
    twins = [original.copy(), pickle.loads(pickle.dumps(original))]
    original.add({"$later": bucket})
    for twin in twins:
        assert twin.aliases() == ["$", "crun", "$set", "crunset", "$b"]
        assert twin.name("$b", 3) == "bucket_1"
        assert twin.dummy == "run_ALL"
