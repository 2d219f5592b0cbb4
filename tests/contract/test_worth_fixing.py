"""What earlier versions got wrong, and how it is right."""

from __future__ import annotations

import copy
import inspect
import logging
import warnings

import numpy as np
import pytest

from pypet import (
    DataNotInStorageError,
    NNGroupNode,
    NotUniqueNodeError,
    Parameter,
    Result,
    Trajectory,
    load_trajectory,
    manual_run,
    merge_all_in_folder,
)
from pypet.errors import NoSuchServiceError
from pypet.trajectory import make_set_name
from pypet.utils.comparisons import nested_equal


def load(traj, **kwargs):
    return load_trajectory(
        traj.v_name, storage_service=traj.v_storage_service, **{"load_data": 2, **kwargs}
    )


# ----- adding and looking up -----------------------------------------------------------------


def test_parameters_named_with_their_branch_get_no_group_per_letter(traj):
    for item in ("parameters.x", "par.y", Parameter("parameters.z", 1)):
        traj.f_add_parameter(item)
    assert set(traj.f_to_dict()) == {"parameters.x", "parameters.y", "parameters.z"}
    assert traj.parameters.f_groups() == 0


def test_below_a_group_means_whole_components(traj):
    traj.f_add_parameter("a.x", 1)
    traj.f_add_parameter("ab.only", 1)
    group = traj.f_get("parameters.a")
    assert "only" not in group
    assert not group.f_contains("only", shortcuts=True)
    assert group.f_get_all("only") == []
    with pytest.raises(AttributeError):
        group.f_get("only")


def test_all_matches_compare_whole_components_and_skip_what_is_too_deep(traj):
    traj.f_add_leaf("deep.er.b.x", 1)
    traj.f_add_leaf("ab.x", 1)
    traj.f_add_leaf("b.x", 1)
    assert [node.v_full_name for node in traj.f_get_all("b.x", max_depth=2)] == ["b.x"]
    found = {node.v_full_name for node in traj.f_get_all("b.x", shortcuts=False)}
    assert found == {"b.x", "deep.er.b.x"}


@pytest.mark.parametrize(
    ("one", "two"),
    [("ab", "ac"), ("ab", "abc"), ([1], [1, 2]), ([], [1]), ((), (0,)), ("", "a")],
)
def test_texts_and_lengths_are_compared(one, two):
    assert not nested_equal(one, two)
    assert not nested_equal(two, one)
    assert nested_equal(one, copy.copy(one))


def test_empty_sparse_matrices_differ_by_shape():
    sparse = pytest.importorskip("scipy.sparse")
    assert not nested_equal(sparse.csr_matrix((2, 3)), sparse.csr_matrix((3, 2)))
    assert nested_equal(sparse.csr_matrix((2, 3)), sparse.csr_matrix((2, 3)))


def test_lookups_do_not_touch_the_logging_of_users(traj):
    traj.f_add_result("run_ALL.z", 1)
    traj.v_idx = 0
    logging.disable(logging.INFO)
    try:
        assert traj.f_get("$.z").f_get() == 1
        assert "nothing" not in traj
        assert logging.root.manager.disable == logging.INFO
    finally:
        logging.disable(logging.NOTSET)


def test_depth_counts_from_the_start_group(traj):
    traj.f_add_leaf("a.b.c.d.e", 1)
    group = traj.f_get("a.b")
    assert group.f_get("c.e", max_depth=3).v_name == "e"
    with pytest.raises(AttributeError):
        group.f_get("c.e", max_depth=2)


@pytest.mark.parametrize("key", ["x.", ".x", "a..x", "a.x.y", "x.y.z"])
def test_bad_names_are_attribute_errors(traj, key):
    traj.f_add_leaf("a.x", 1)
    with pytest.raises(AttributeError):
        traj.f_get(key)
    assert not traj.f_contains(key)
    assert not traj.f_contains(key, shortcuts=True)


@pytest.mark.parametrize("key", [None, 1.5, {}, [None]])
def test_bad_keys_are_type_errors(traj, key):
    with pytest.raises(TypeError):
        traj.f_get(key)
    assert not traj.f_contains(key)


class Refusing(Parameter):
    def __init__(self, full_name, *args, **kwargs):
        raise RuntimeError("not today")


def test_failed_additions_leave_nothing_behind(traj):
    for add in (
        lambda: traj.f_add_parameter(Refusing, "new.group.x"),
        lambda: traj.f_add_leaf("fresh.x", 1, nonsense=Trajectory),
        lambda: traj.f_add_group(Trajectory, "t"),
        lambda: traj.f_add_parameter("new.x", object()),
        lambda: traj.f_add_result(Parameter, "other.x", 1),
    ):
        with pytest.raises(Exception):  # noqa: B017  # whatever it is, nothing stays
            add()
        assert traj.f_is_empty()
        assert list(traj.f_iter_nodes()) == []


def test_failed_assignments_leave_the_instance_as_it_was(traj):
    traj.f_add_leaf("g.taken", 1)
    parameter = Parameter("taken", 1)
    with pytest.raises(AttributeError):
        traj.g.taken = parameter
    assert (parameter.v_full_name, parameter.v_depth, parameter.v_branch) == ("taken", 0, None)
    traj.g.fresh = Parameter("fresh", 1)
    assert traj.f_get("fresh").v_depth == 2


def test_components_are_checked_whole(traj):
    for name in ("x\n", "e" * 128 + ".x", "x." + "e" * 128):
        with pytest.raises(ValueError):
            traj.f_add_leaf(name, 1)


def test_config_is_not_explored(traj):
    traj.f_add_config("c", 1)
    with pytest.raises(ValueError):
        traj.f_explore({"c": [1, 2]})


def test_parameters_are_no_results_and_the_reverse(traj):
    with pytest.raises(TypeError):
        traj.f_add_result(Parameter("p", 1))
    with pytest.raises(TypeError):
        traj.f_add_parameter(Result("r", 1))
    with pytest.raises(TypeError):
        traj.f_add_config(Result, "r", 1)


def test_values_do_not_make_new_leaves(traj):
    traj.f_add_parameter_group("g")
    with pytest.raises(AttributeError):
        traj.par.x = 0.1, "comment"
    with pytest.raises(AttributeError):
        traj.g.x = 0.1
    assert traj.f_is_empty()


def test_searches_see_all_runs_and_crun_sees_one(traj):
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    for run in range(2):
        traj.f_add_result(f"runs.r_{run}.z", run)
    traj.v_idx = 1
    with pytest.raises(NotUniqueNodeError):
        _ = traj.z
    assert traj.crun.z == 1


# ----- copies --------------------------------------------------------------------------------


def test_copying_a_tree_into_itself_is_an_error(traj):
    traj.f_add_leaf("g.x", 1)
    with pytest.raises(ValueError):
        traj._copy_from(traj.g)
    with pytest.raises(ValueError):
        traj._copy_from(traj)


class OwnGroup(NNGroupNode):
    __slots__ = ()


def test_copies_share_nothing_that_changes(traj):
    traj.f_add_parameter("x", 1)
    traj.f_add_group(OwnGroup, "g")
    traj.f_explore({"x": [1, 2]})
    traj.v_idx = 0
    traj.f_start_run()
    twin = traj.f_copy()
    assert twin.v_is_run
    assert type(twin.g) is OwnGroup
    twin.f_finalize_run(store_meta_data=False)
    assert traj.v_is_run
    assert not traj.f_get_run_information(0)["completed"]
    twin.f_add_to_dynamic_imports(Result)
    twin.f_add_wildcard_functions({"$w": lambda idx: "w"})
    assert len(twin._dynamic_imports) == len(traj._dynamic_imports) + 1
    assert not traj.f_is_wildcard("$w")
    record = twin.f_get_run_information(1, copy=False)
    record["completed"] = 1
    assert not traj.f_get_run_information(1)["completed"]


# ----- runs ----------------------------------------------------------------------------------


@pytest.fixture
def runs(traj):
    traj.f_add_parameter("x", 1)
    traj.f_add_result("runs.r_1.early", 1)
    traj.f_explore({"x": [5, 6, 7]})
    return traj


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_several_items_of_one_run_are_not_unique(runs):
    runs.f_add_result("a.r_0.z", 1)
    runs.f_add_result("b.r_0.z", 2)
    with pytest.raises(NotUniqueNodeError):
        runs.f_get_from_runs("z")


def test_run_groups_made_before_their_runs_are_seen(runs):
    assert list(runs.f_get_from_runs("early")) == ["run_00000001"]


def test_leaving_the_runs_early_resets_the_run(runs):
    for _ in runs.f_iter_runs():
        break
    assert (runs.v_idx, runs.x) == (-1, 1)
    for _ in runs.f_iter_runs():
        try:
            raise KeyError("user")
        except KeyError:
            break
    assert (runs.v_idx, runs.x) == (-1, 1)


@pytest.mark.parametrize("key", [1.0, [], object(), b"run_00000001"])
def test_what_is_no_run_changes_nothing(runs, key):
    runs.v_idx = 2
    with pytest.raises((TypeError, KeyError)):
        runs.f_set_crun(key)
    assert (runs.v_idx, runs.v_crun, runs.x) == (2, "run_00000002", 7)


def test_failing_functions_leave_their_run(runs):
    @manual_run(store_meta_data=False)
    def fail(traj):
        traj.f_add_result("z", 1)
        raise KeyError("user")

    runs.v_idx = 1
    with pytest.raises(KeyError, match="user"):
        fail(runs)
    assert not runs.v_is_run
    assert runs.f_is_completed(1) == 0
    assert not runs.f_contains("results.runs.run_00000001.z")
    runs.v_idx = 2


def test_full_copy_reaches_parameters_explored_later(traj):
    traj.v_full_copy = True
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    assert traj.f_get("x").v_full_copy
    assert traj.f_copy().f_get("x").f_get_range() == [1, 2]


def test_explored_parameters_that_are_not_loaded_do_no_harm(make):
    traj = make("half")
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("y", 1)
    traj.f_explore({"x": [1, 2], "y": [3, 4]})
    traj.f_store()
    traj.f_remove_item("x")
    assert traj.f_get_explored_parameters(fast_access=True) == {
        "parameters.x": None,
        "parameters.y": 1,
    }
    traj.f_shrink(force=True)
    assert len(traj) == 1


def test_lists_of_values_follow_fast_access(traj):
    multi = traj.f_add_result("multi", 1, 2)
    other = traj.f_add_result("other", key=1)
    traj.f_add_result("single", 3)
    traj.f_add_parameter("empty")
    assert traj.f_get_results(fast_access=True) == {
        "results.multi": multi,
        "results.other": other,
        "results.single": 3,
    }
    assert traj.f_get_parameters(fast_access=True) == {"parameters.empty": None}


def test_nested_dictionaries_place_linked_leaves_at_the_link(traj):
    leaf = traj.f_add_leaf("elsewhere.far.leaf", 1)
    traj.f_add_group("g").f_add_link("here", leaf)
    traj.g.f_add_link("sub.group", traj.f_get("elsewhere.far"))
    assert traj.g.f_to_dict(fast_access=True, nested=True, with_links=True).keys() <= {
        "here",
        "sub",
    }
    assert traj.g.f_to_dict(nested=True)["here"] is leaf


def test_names_of_known_runs_are_listed(make):
    traj = make("partial")
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2, 3]})
    traj.f_store()
    partial = load(traj, with_run_information=False)
    assert len(partial) == 3
    assert partial.f_get_run_names() == []
    traj.v_idx = 1
    assert copy.deepcopy(traj).f_get_run_names() == ["run_00000001"]


# ----- storing and loading -------------------------------------------------------------------


def test_unknown_keywords_leave_the_service_in_place(make):
    traj = make("kept")
    traj.f_store()
    service = traj.v_storage_service
    for call in (traj.f_migrate, traj.f_load):
        with pytest.raises(ValueError):
            call(nonsense=1)
        assert traj.v_storage_service is service


def test_missing_services_are_named(traj):
    traj.f_add_result("r", 1)
    with pytest.raises(NoSuchServiceError, match="storage service"):
        traj.f_store()
    with pytest.raises(NoSuchServiceError, match="storage service"):
        traj.f_load()
    with pytest.raises(NoSuchServiceError, match="storage service"):
        traj.results.f_store_child("r")


def test_indices_of_trajectories_are_alphabetical(make):
    for name in ("b", "c", "a"):
        traj = make(name)
        traj.f_store()
    service = traj.v_storage_service
    names = [
        load_trajectory(index=index, storage_service=service).v_name for index in (0, 1, 2, -1)
    ]
    assert names == ["a", "b", "c", "c"]
    assert "alphabetical" in Trajectory.f_load.__doc__


def test_folders_are_merged_without_their_backups(tmp_path):
    pytest.importorskip("h5py")
    with pytest.raises(ValueError):
        merge_all_in_folder(tmp_path)
    for index in range(2):
        traj = Trajectory(f"t{index}", filename=str(tmp_path / f"t{index}.hdf5"))
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": [index]})
        traj.f_store()
        traj.f_backup()
    merged = merge_all_in_folder(tmp_path, backup=False)
    assert merged.f_get("x").f_get_range() == [0, 1]


def test_removing_a_link_by_name_keeps_its_target(traj):
    target = traj.f_add_leaf("target", 1)
    traj.f_add_link("g.link", target)
    traj.f_remove_item("g.link")
    assert traj.f_contains(target)
    assert not traj.f_contains("g.link")


def test_deleted_groups_and_their_children_are_not_stored_any_more(make):
    traj = make("deleted")
    leaf = traj.f_add_result("g.sub.leaf", 1)
    traj.f_store()
    traj.f_delete_item("results.g", recursive=True)
    assert not any(node.v_stored for node in (traj.f_get("g"), traj.f_get("sub"), leaf))
    traj.f_store()
    assert load(traj).leaf == 1


def test_missing_items_are_not_in_storage(make):
    traj = make("missing")
    traj.f_add_result("never", 1)
    traj.f_store(only_init=True)
    traj.f_add_link("link", traj.f_get("never"))
    with pytest.raises(DataNotInStorageError):
        traj.f_delete_item("never")
    with pytest.raises(DataNotInStorageError):
        traj.f_delete_link("link")


def test_loading_forgets_runs_and_ranges_that_are_not_stored(make):
    traj = make("shorter")
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("y", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_store()
    other = make("other")
    other.f_add_parameter("y", 1)
    other.f_explore({"y": [1, 2, 3, 4]})
    other.f_load("shorter", load_data=0)
    assert len(other) == 2
    assert set(other.f_get_explored_parameters()) == {"parameters.x"}
    assert other.f_get_run_names() == ["run_00000000", "run_00000001"]


# ----- merging -------------------------------------------------------------------------------


@pytest.fixture
def pair(make):
    def build(**kwargs):
        both = []
        for name, value in (("one", 1), ("two", 2)):
            traj = make(name, file=name, **kwargs)
            traj.f_add_parameter("x", 0)
            traj.f_explore({"x": [value]})
            traj.v_idx = 0
            z = traj.f_add_result("runs.$.z", value)
            traj.f_add_link("results.runs.$.link", z)
            traj.f_add_result("runs.run_ALL.common", value)
            traj.v_idx = -1
            traj.f_store()
            both.append(traj)
        return both

    return build


def test_links_of_merged_runs_lead_to_the_new_runs(pair):
    one, two = pair()
    one.f_merge(two, backup=False)
    merged = load(one)
    assert merged.f_get("results.runs.r_1.link") is merged.f_get("results.runs.r_1.z")
    assert merged.f_get("results.runs.r_0.link") is merged.f_get("results.runs.r_0.z")


def test_links_to_dummies_are_not_merged(pair, caplog):
    one, two = pair()
    two.results.f_add_link("to_dummy", two.f_get("results.runs.run_ALL.common"))
    two.f_store()
    with caplog.at_level(logging.WARNING):
        one.f_merge(two, backup=False)
    assert "to_dummy" in caplog.text
    assert not load(one).f_contains("results.to_dummy")


def test_what_all_other_runs_have_in_common_is_kept(pair):
    one, two = pair()
    one.f_merge(two, backup=False)
    merged = load(one)
    assert [merged.f_get("results.runs.$.common").f_get() for _ in merged.f_iter_runs()] == [1, 2]


def test_wildcards_of_one_alias_merge(pair):
    one, two = pair(wildcard_functions={"$w": lambda idx: f"w{idx}"})
    one.f_merge(two, backup=False)
    assert len(load(one)) == 2


def test_notes_about_merges_are_right(pair):
    one, two = pair()
    for traj in (one, two):
        traj.f_add_parameter("trial", 0)
        traj.f_store()
    one.f_merge(two, trial_parameter="trial", backup=False)
    (note,) = load(one).f_get("config.merge").f_get_groups().values()
    assert note.f_get("length_before_merge").f_get() == 1
    assert note.f_get("trial_parameter").f_get() == "parameters.trial"
    assert load(one).f_get("trial").f_get_range() == [0, 1]


@pytest.mark.parametrize("slow", [False, True])
def test_moving_across_storages_loses_nothing(pair, slow):
    one, two = pair()
    one.f_merge(two, move_data=True, backup=False, slow_merge=slow)
    assert load(one).f_get("results.runs.r_1.z").f_get() == 2
    assert not load(two).f_contains("results.runs.r_0.z")


def test_slow_merges_delete_the_other_too(pair):
    one, two = pair()
    one.f_merge(two, delete_other_trajectory=True, backup=False, slow_merge=True)
    assert load(one).f_get("results.runs.r_1.z").f_get() == 2
    with pytest.raises(ValueError):
        load(two)


def test_merging_into_what_was_never_stored_is_refused_at_once(pair):
    one, two = pair()
    fresh = Trajectory("fresh")
    with pytest.raises(ValueError, match="stored"):
        fresh.f_merge(two)
    with pytest.raises(TypeError):
        one.f_merge_many([two, "no trajectory"])
    assert len(load(one)) == 1


def test_duplicate_text_is_removed_when_merging(make):
    both = []
    for name, texts in (("one", ["aa", "ab"]), ("two", ["ab", "abc"])):
        traj = make(name)
        traj.f_add_parameter("text", "aa")
        traj.f_explore({"text": texts})
        traj.f_store()
        both.append(traj)
    both[0].f_merge(both[1], remove_duplicates=True, backup=False)
    assert load(both[0]).f_get("text").f_get_range() == ["aa", "ab", "abc"]


# ----- documentation -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [make_set_name, Trajectory.f_wildcard, Trajectory.f_add_wildcard_functions, Trajectory.f_load],
)
def test_functions_about_wildcards_are_documented(function):
    assert len(inspect.getdoc(function)) > 40


def test_selecting_a_run_is_documented_as_it_is():
    text = (inspect.getdoc(Trajectory.f_set_crun) or "") + (Trajectory.v_crun.__doc__ or "")
    assert "crun" in text
    assert "all runs" in text


def test_arrays_of_numbers_can_be_compared_without_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not nested_equal(np.array([1, 2]), "ab")
        assert not nested_equal(np.array([1, 2]), np.array([1, 2, 3]))
