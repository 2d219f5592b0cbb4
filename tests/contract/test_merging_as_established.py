"""Merging: which runs, parameters, results and links the merged trajectory has."""

from __future__ import annotations

import logging
import sys

import pytest

from pypet import Trajectory, load_trajectory


def reload(traj):
    return load_trajectory(traj.v_name, storage_service=traj.v_storage_service, load_data=2)


def run_all(traj, factor=1):
    for _ in traj.f_iter_runs():
        traj.f_start_run()
        traj.f_add_result("z", traj.x * factor)
        traj.f_add_result("by_name.$", traj.x * factor)
        traj.f_add_result("$set.$.in_set", traj.x * factor)
        traj.f_add_link("links.crun.to_z", traj.f_get("results.runs.$.z"))
        traj.f_add_link("to_set.$", traj.f_get("$set.$.in_set"))
        traj.f_store()
        traj.f_finalize_run()


@pytest.fixture(params=["one storage", "two storages"])
def build(request, make):
    def new(name, xs, factor=1, more=None, **extra):
        file = "data" if request.param == "one storage" else name
        traj = make(name, file=file, **extra)
        traj.f_add_parameter("x", 0)
        for key, value in (more or {}).items():
            traj.f_add_parameter(key, value)
        traj.f_add_derived_parameter("$.d", 42 * factor)
        traj.f_add_derived_parameter("by_name.run_ALL", 10 * factor)
        traj.f_explore({"x": xs})
        traj.f_store()
        run_all(traj, factor)
        return traj

    return new


@pytest.mark.parametrize("slow", [False, True])
def test_everything_of_the_runs_arrives_under_new_names(build, slow):
    a, b = build("a", [1, 2]), build("b", [3, 4, 5], 10)
    a.f_merge(b, slow_merge=slow, backup=False)
    merged = reload(a)
    assert len(merged) == 5
    assert merged.f_get("x").f_get_range() == [1, 2, 3, 4, 5]
    expected = [1, 2, 30, 40, 50]
    for idx, value in enumerate(expected):
        merged.v_idx = idx
        assert merged.f_get("results.runs.$.z").f_get() == value
        assert merged.f_get("results.by_name.$").f_get() == value
        assert merged.f_get("results.$set.$.in_set").f_get() == value
        assert merged.f_get("links.$.to_z") is merged.f_get("results.runs.$.z")
        assert merged.f_get("to_set.$") is merged.f_get("results.$set.$.in_set")
        assert merged.dpar.crun.d == (42 if idx < 2 else 420)
        assert merged.f_get("derived_parameters.by_name.$").f_get() == (10 if idx < 2 else 100)
    assert merged.f_is_completed()
    assert [record["parameter_summary"] for record in merged.f_get_run_information().values()] == [
        f"x: {x}" for x in (1, 2, 3, 4, 5)
    ]


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_what_a_run_has_itself_wins_over_what_all_runs_have(build):
    a, b = build("a", [1, 2]), build("b", [3, 4, 5], 2)
    b.f_add_derived_parameter("r_0.d", 7)
    b.f_store()
    a.f_merge(b, backup=False)
    merged = reload(a)
    values = [merged.dpar.crun.d for _ in merged.f_iter_runs()]
    assert values == [42, 42, 7, 84, 84]


def test_results_of_all_runs_stay_per_run(build):
    a, b = build("a", [1, 2]), build("b", [3, 4], 2)
    for traj, value in ((a, "own"), (b, "other")):
        traj.f_add_result("runs.run_ALL.common", value)
        traj.f_store()
    a.f_merge(b, backup=False)
    merged = reload(a)
    common = merged.f_get_from_runs("common", fast_access=True)
    assert list(common.values()) == ["own", "own", "other", "other"]


def test_equal_values_of_all_runs_are_not_merged(build):
    a, b = build("a", [1, 2]), build("b", [3])
    a.f_merge(b, backup=False)
    merged = reload(a)
    assert not merged.f_contains("derived_parameters.run_00000002")


def test_disjoint_subspaces_are_filled_with_defaults(build):
    a, b = build("a", [1, 2], more={"y": 7}), build("b", [0], more={"y": 7})
    c = build("c", [0], more={"y": 8})
    a.f_merge(b, backup=False)
    assert not a.f_get("y").f_has_range()
    a.f_merge(c, backup=False)
    assert a.f_get("x").f_get_range() == [1, 2, 0, 0]
    assert a.f_get("y").f_get_range() == [7, 7, 7, 8]
    assert reload(a).f_get("y").f_get_range() == [7, 7, 7, 8]


def test_trials_continue(build):
    a = build("a", [1] * 3, more={"trial": 0})
    b = build("b", [1] * 2, more={"trial": 0})
    for traj in (a, b):
        traj.f_get("trial").f_unlock()
    a.f_merge(b, trial_parameter="trial", remove_duplicates=True, backup=False)
    assert a.f_get("trial").f_get_range() == [0, 0, 0, 1, 1]
    info = reload(a).f_get("config.merge")
    (group,) = info.f_get_groups().values()
    assert group.f_get("trial_parameter").f_get() == "parameters.trial"
    assert group.f_get("length_before_merge").f_get() == 3
    assert group.f_get("merged_runs").f_get() == 2
    with pytest.raises(TypeError):
        a.f_merge(b, trial_parameter="derived_parameters", backup=False)
    with pytest.raises(AttributeError):
        a.f_merge(b, trial_parameter="nothing", backup=False)


def test_self_merge_of_duplicates_is_refused(build):
    a = build("a", [1, 2])
    with pytest.raises(ValueError):
        a.f_merge(a, remove_duplicates=True, backup=False)
    assert len(a) == len(reload(a)) == 2
    a.f_merge(a, backup=False)
    merged = reload(a)
    assert merged.f_get("x").f_get_range() == [1, 2, 1, 2]
    assert list(merged.f_get_from_runs("runs.r_1.z")) == []
    assert [merged.f_get("results.runs.$.z").f_get() for _ in merged.f_iter_runs()] == [1, 2, 1, 2]


def test_duplicates_of_text_parameters_are_found(build):
    a, b = build("a", [1, 1]), build("b", [1, 1])
    for traj, texts in ((a, ["ab", "abc"]), (b, ["abc", "abd"])):
        traj.f_migrate(new_name=f"{traj.v_name}_text")
        traj.f_shrink(force=True)
        traj.f_add_parameter("text", "ab")
        traj.f_explore({"text": texts})
        traj.f_store()
    a.f_merge(b, remove_duplicates=True, backup=False)
    assert a.f_get("text").f_get_range() == ["ab", "abc", "abd"]


def test_preconditions(build):
    a, b = build("a", [1]), build("b", [1], more={"only_b": 1})
    with pytest.raises(TypeError):
        a.f_merge("no trajectory")
    with pytest.raises(TypeError, match="only_b"):
        a.f_merge(b, backup=False)
    a.f_merge(b, ignore_data=["parameters.only_b"], backup=False)
    with pytest.raises(ValueError):
        Trajectory("never").f_merge(a)
    c = build("c", [1], wildcard_functions={("$mine", "mine"): lambda idx: f"m{idx}"})
    with pytest.raises(TypeError, match="mine"):
        a.f_merge(c, backup=False)
    d = build("d", [1], more={"only_b": 1.0})
    with pytest.raises(TypeError, match="only_b"):
        b.f_merge(d, backup=False)
    d.f_get("only_b").f_unlock()
    d.only_b = 3
    d.f_store(store_data=3)
    b.f_merge(d, backup=False)
    assert b.f_get("only_b").f_get_range() == [1, 3]


def test_other_first_aliases_do_not_matter(build):
    a = build("a", [1], wildcard_functions={("$one", "mine"): lambda idx: f"m{idx}"})
    b = build("b", [2], wildcard_functions={("$two", "mine"): lambda idx: f"m{idx}"})
    b.v_idx = 0
    b.f_add_result("$.mine.w", 5)
    b.f_store()
    a.f_merge(b, backup=False)
    assert reload(a).f_contains("results.run_00000001.m1.w")


def test_wildcards_with_one_alias_are_translated(build):
    wildcards = {"$mine": lambda idx: f"m{idx // 2}" if idx >= 0 else "m_all"}
    a = build("a", [1, 2], wildcard_functions=wildcards)
    b = build("b", [3, 4], wildcard_functions=wildcards)
    for traj in (a, b):
        for idx in traj.f_iter_runs(yields="idx"):
            traj.f_add_result("$mine.$.w", idx)
        traj.f_store()
    a.f_merge(b, backup=False)
    merged = reload(a)
    assert {node.v_full_name for node in merged.f_get_all("w")} == {
        "results.m0.run_00000000.w",
        "results.m0.run_00000001.w",
        "results.m1.run_00000002.w",
        "results.m1.run_00000003.w",
    }


def test_derived_parameters_named_like_parts_of_the_dummy_are_ordinary(build):
    a, b = build("a", [1]), build("b", [2])
    for traj, value in ((a, 1), (b, 2)):
        traj.f_add_derived_parameter("run.A", value)
        traj.f_store()
    a.f_merge(b, backup=False)
    assert reload(a).f_get("derived_parameters.run.A").f_get_range() == [1, 2]


def test_links_that_lead_nowhere_are_logged(build, caplog):
    a, b = build("a", [1]), build("b", [2])
    plain = b.f_add_leaf("elsewhere.leaf", 1)
    b.results.f_add_link("astray", plain)
    b.results.f_add_link("dummy_link", b.f_get("derived_parameters.run_ALL.d"))
    target = b.f_add_result("shared", 1)
    b.results.f_add_link("good", target)
    b.results.f_add_link("ignored", target)
    b.f_store()
    with caplog.at_level(logging.WARNING):
        a.f_merge(b, backup=False, ignore_data=["results.ignored"])
    merged = reload(a)
    for name in ("astray", "dummy_link"):
        assert not merged.f_contains(f"results.{name}")
        assert f"results.{name}" in caplog.text
    assert merged.f_get("results.good") is merged.f_get("results.shared")
    assert not merged.f_contains("results.ignored")


def test_own_links_are_kept(build):
    a, b = build("a", [1]), build("b", [2])
    for traj in (a, b):
        traj.f_add_result("one", 1)
        traj.f_add_result("two", 2)
    a.results.f_add_link("l", a.f_get("one"))
    b.results.f_add_link("l", b.f_get("two"))
    for traj in (a, b):
        traj.f_store()
    a.f_merge(b, backup=False)
    assert reload(a).f_get("results.l").f_get() == 1


@pytest.mark.parametrize("slow", [False, True])
def test_moving_and_deleting_concern_the_other_only(build, slow):
    a, b, c = build("a", [1]), build("b", [2]), build("c", [3])
    a.f_merge(b, move_data=True, backup=False, slow_merge=slow)
    assert reload(a).f_get("results.runs.r_1.z").f_get() == 2
    assert not reload(b).f_contains("results.runs.r_0.z")
    a.f_merge(c, delete_other_trajectory=True, backup=False, slow_merge=slow)
    assert reload(a).f_get("results.runs.r_2.z").f_get() == 3
    with pytest.raises(ValueError):
        reload(c)
    assert not c.v_stored


def test_config_of_environments_and_merges_travels(build):
    a, b, c = build("a", [1]), build("b", [2]), build("c", [3])
    for name in ("git.commit_1.hexsha", "environment.env_1.ncores", "threads", "gitlab.x"):
        b.f_add_config(name, 1)
    b.f_store()
    b.f_merge(c, backup=False)
    a.f_merge(b, backup=False)
    merged = reload(a)
    assert merged.f_contains("config.git.commit_1.hexsha")
    assert merged.f_contains("config.environment.env_1.ncores")
    assert not merged.f_contains("config.threads")
    assert not merged.f_contains("config.gitlab")
    assert merged.f_get("config.merge").f_groups() == 2


def test_merging_the_same_two_again_is_noted_again(build):
    a, b = build("a", [1]), build("b", [2])
    for _ in range(3):
        a.f_merge(b, backup=False)
    assert reload(a).f_get("config.merge").f_groups() == 3
    assert len(reload(a)) == 4


def test_trajectories_that_were_never_stored_are_merged_from_memory(build):
    a = build("a", [1])
    other = Trajectory("other")
    other.f_add_parameter("x", 0)
    other.f_add_derived_parameter("$.d", 42)
    other.f_add_derived_parameter("by_name.run_ALL", 10)
    other.f_explore({"x": [5, 6]})
    other.f_add_result("runs.r_1.z", 3)
    a.f_merge(other)
    merged = reload(a)
    assert merged.f_get("x").f_get_range() == [1, 5, 6]
    assert merged.f_get("results.runs.r_2.z").f_get() == 3
    assert other.f_get("results.runs.r_1.z").f_get() == 3


def test_consecutive_merges_see_derived_parameters(build):
    a = build("a", [1])
    for traj in [a]:
        traj.f_add_derived_parameter("plain", 1)
        traj.f_store()
    others = []
    for index in range(3):
        other = build(f"o{index}", [index])
        other.f_add_derived_parameter("plain", index)
        other.f_store()
        others.append(other)
    fresh = load_trajectory("a", storage_service=a.v_storage_service)
    fresh.f_merge_many(others, backup=False)
    merged = reload(fresh)
    assert merged.f_get("plain").f_get_range() == [1, 0, 1, 2]
    assert [merged.f_get("results.runs.$.z").f_get() for _ in merged.f_iter_runs()] == [1, 0, 1, 2]


def test_annotations_travel_with_results(build):
    a, b = build("a", [1]), build("b", [2])
    b.f_load(load_data=2)
    b.f_get("results.runs.r_0.z").v_annotations.f_set(note="n")
    b.f_get("results.runs.r_0").v_annotations.f_set(group_note="g")
    b.f_get("parameters.x").v_annotations.f_set(parameter_note="p")
    b.f_store(store_data=3)
    a.f_merge(b, backup=False)
    merged = reload(a)
    assert merged.f_get("results.runs.r_1.z").v_annotations.note == "n"
    assert merged.f_get("results.runs.r_1").v_annotations.group_note == "g"
    assert merged.f_get("parameters.x").v_annotations.f_is_empty()


@pytest.mark.parametrize("slow", [False, True])
def test_failing_at_the_very_end_leaves_both_as_they_were(build, monkeypatch, slow, names_of):
    a, b = build("a", [1, 2]), build("b", [3])
    before = [(names_of(reload(traj)), len(reload(traj))) for traj in (a, b)]
    service = type(a.v_storage_service)
    original = service.store

    def failing(self, msg, *args, **kwargs):
        if msg == "PREPARE_MERGE":
            raise OSError("the disk is full")
        return original(self, msg, *args, **kwargs)

    monkeypatch.setattr(service, "store", failing)
    with pytest.raises(OSError, match="full"):
        a.f_merge(b, backup=False, delete_other_trajectory=True, slow_merge=slow)
    monkeypatch.setattr(service, "store", original)
    assert [(names_of(reload(traj)), len(reload(traj))) for traj in (a, b)] == before
    assert len(a) == 2
    assert a.f_get("x").f_get_range() == [1, 2]
    a.f_merge(b, backup=False)
    assert reload(a).f_get("x").f_get_range() == [1, 2, 3]


def test_runs_that_are_not_known_in_memory_are_known_after_merging(build):
    a, b = build("a", [1]), build("b", [2])
    half = load_trajectory(
        "b", storage_service=b.v_storage_service, load_data=0, with_run_information=False
    )
    a.f_merge(half, backup=False)
    assert reload(a).f_is_completed()


def test_many_consecutive_merges_do_not_become_dearer(make):
    def new(name):
        traj = make(name)
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": [1, 2]})
        for run in range(2):
            traj.f_add_result(f"runs.r_{run}.z", run)
        traj.f_store()
        return traj

    def calls_of(function):
        calls = 0

        def count(frame, event, arg):
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            function()
        finally:
            sys.setprofile(None)
        return calls

    first = new("first")
    costs = []
    for index in range(41):
        other = new(f"other{index}")
        costs.append(
            calls_of(lambda: first.f_merge(other, backup=False, consecutive_merge=True))  # noqa: B023
        )
    first.f_store()
    assert len(reload(first)) == 84
    assert max(costs[30:]) < 1.3 * min(costs[3:10])
    assert reload(first).f_get("results.runs.r_83.z").f_get() == 1


@pytest.mark.parametrize("slow", [False, True])
def test_failing_amid_the_ranges_leaves_both_as_they_were(build, monkeypatch, slow, names_of):
    a, b = build("a", [1, 2], more={"k": 5}), build("b", [3], more={"k": 6})
    before = [(names_of(reload(traj)), len(reload(traj))) for traj in (a, b)]
    service = type(a.v_storage_service)
    original = service.apply
    failures = []

    def failing(self, request):
        original(self, request)
        paths = [getattr(operation, "path", "") for operation in request.operations]
        if "parameters.k" in paths and not failures:
            failures.append(paths)
            raise OSError("the disk is full")

    monkeypatch.setattr(service, "apply", failing)
    with pytest.raises(OSError, match="full"):
        a.f_merge(b, backup=False, slow_merge=slow)
    monkeypatch.setattr(service, "apply", original)
    assert failures
    after = [(names_of(reload(traj)), len(reload(traj))) for traj in (a, b)]
    assert after == before
    restored = reload(a)
    assert restored.f_get("x").f_get_range() == [1, 2]
    assert not restored.f_get("k").f_has_range()
    assert restored.k == 5
    assert set(restored.f_get_explored_parameters()) == {"parameters.x"}
    assert restored.f_is_completed()
    assert set(restored.f_get_run_information()) == set(a.f_get_run_names())


def test_shrunk_trajectories_come_back_short(make):
    traj = make("short")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_store()
    traj.f_delete_item("x")
    traj.f_shrink(force=True)
    traj.f_store()
    loaded = reload(traj)
    assert len(loaded) == 1
    assert loaded.f_get_run_names() == ["run_00000000"]
