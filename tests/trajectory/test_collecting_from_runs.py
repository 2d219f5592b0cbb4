"""`f_get_from_runs`."""

from __future__ import annotations

import pytest

from pypet.errors import DataNotInStorageError, NotUniqueNodeError
from pypet.storage_backends.memory import MemoryStorageService
from pypet.trajectory import Trajectory, load_trajectory


@pytest.fixture
def filled(explored):
    for idx in range(2):
        explored.f_add_result(f"runs.r_{idx}.sub.z", idx * 100)
    return explored


def test_items_come_by_run_name_in_order(filled):
    found = filled.f_get_from_runs("z")
    assert list(found) == ["run_00000000", "run_00000001"]
    assert found["run_00000001"] is filled.f_get("run_00000001.z")


def test_items_come_as_values_and_by_index_if_so_wanted(filled):
    assert dict(filled.f_get_from_runs("z", use_indices=True, fast_access=True)) == {0: 0, 1: 100}


def test_default_run_fills_in(filled):
    filled.f_add_result("runs.run_ALL.z", -1)
    assert list(filled.f_get_from_runs("z", fast_access=True).values()) == [0, 100, -1]
    found = filled.f_get_from_runs("z", include_default_run=False, fast_access=True)
    assert list(found.values()) == [0, 100]


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_run_groups_are_found_wherever_they_are(explored):
    explored.f_add_result("$set.r_2.deep.z", 7)
    explored.f_add_leaf("elsewhere.r_0.z", 8)
    assert dict(explored.f_get_from_runs("z", fast_access=True, use_indices=True)) == {0: 8, 2: 7}


def test_run_groups_made_before_exploring_are_found(traj):
    traj.f_add_result("runs.run_00000001.z", 5)
    traj.f_explore({"x": [1, 2]})
    assert dict(traj.f_get_from_runs("z", fast_access=True)) == {"run_00000001": 5}


def test_several_items_in_one_run_are_not_unique(filled):
    filled.f_add_derived_parameter("runs.r_1.z", 3)
    with pytest.raises(NotUniqueNodeError, match="run_00000001"):
        filled.f_get_from_runs("z")


def test_links_are_followed_unless_unwanted(filled):
    target = filled.f_add_result("shared", 9)
    filled.f_get("results.runs.run_00000000").f_add_link("linked", target)
    assert filled.f_get_from_runs("linked")["run_00000000"] is target
    assert filled.f_get_from_runs("linked", with_links=False) == {}


def test_run_groups_that_are_links_are_followed(explored):
    group = explored.f_add_result_group("kept")
    group.f_add_leaf("z", 4)
    explored.f_get("results").f_add_link("run_00000002", group)
    assert dict(explored.f_get_from_runs("z", fast_access=True)) == {"run_00000002": 4}


def test_depth_counts_from_the_parent_of_the_run_group(filled):
    assert len(filled.f_get_from_runs("z", max_depth=3)) == 2
    assert len(filled.f_get_from_runs("z", max_depth=2)) == 0
    assert len(filled.f_get_from_runs("z", shortcuts=False)) == 0
    assert len(filled.f_get_from_runs("sub.z", shortcuts=False)) == 2


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_wildcards_stand_for_each_run(explored):
    for idx in range(3):
        explored.f_add_result(f"runs.r_{idx}.sub.r_{idx}", idx)
    found = explored.f_get_from_runs("sub.$", fast_access=True)
    assert list(found.values()) == [0, 1, 2]


def test_current_run_is_restored(filled):
    filled.f_set_crun(2)
    filled.f_get_from_runs("z")
    assert (filled.v_idx, filled.x) == (2, 12)


@pytest.mark.parametrize("keyword", ["where", "backwards_search"])
def test_old_keywords_are_ignored_with_a_warning(filled, keyword):
    with pytest.warns(DeprecationWarning, match=keyword):
        assert len(filled.f_get_from_runs("z", **{keyword: "results"})) == 2


# ----- names that no run has -----------------------------------------------------------------


def test_a_mistyped_name_is_an_error_with_the_nearest_ones(filled):
    filled.f_add_result("runs.r_0.sub.spikes", 1)
    with pytest.raises(AttributeError, match=r"No run .*`spiks`.*`spikes`.*Did you mean 'spikes'"):
        filled.f_get_from_runs("spiks")


def test_what_is_outside_runs_only_is_in_no_run(filled):
    with pytest.raises(AttributeError, match=r"No run .* has `x`"):
        filled.f_get_from_runs("x")


def test_without_anything_of_runs_the_error_says_how_to_load(stored):
    with pytest.raises(AttributeError, match=r"no runs are in memory.*`auto_load=True`"):
        stored.f_get_from_runs("z")
    with pytest.raises(DataNotInStorageError, match="or in the storage"):
        stored.f_get_from_runs("z", auto_load=True)
    assert stored.v_idx == -1


@pytest.mark.parametrize(
    "options", [{"max_depth": 2}, {"shortcuts": False}, {"include_default_run": False}]
)
def test_what_other_arguments_exclude_is_no_error(explored, options):
    explored.f_add_result("runs.run_ALL.sub.z", 1)
    assert len(explored.f_get_from_runs("z", max_depth=3)) == 3
    assert explored.f_get_from_runs("z", **options) == {}


# ----- items that are not loaded -------------------------------------------------------------


class CountingService(MemoryStorageService):
    """Counts messages that load."""

    def __init__(self):
        super().__init__()
        self.messages = []

    def load(self, msg, *args, **kwargs):
        self.messages.append(msg)
        return super().load(msg, *args, **kwargs)


@pytest.fixture
def finished():
    """A trajectory whose runs stored a result each; a second one goes into a bucket."""
    service = CountingService()
    traj = Trajectory("done", storage_service=service)
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [10, 11, 12]})
    traj.f_store()
    for idx in range(3):
        traj.f_start_run(idx)
        traj.f_add_result("sub.z", idx * 100)
        traj.f_add_derived_parameter("twice", 2 * idx)
        traj.f_store()
        traj.f_finalize_run()
    return service


def loaded(service, **options):
    traj = load_trajectory("done", storage_service=service, **options)
    service.messages.clear()
    return traj


@pytest.mark.parametrize("level", [0, 1, 2])
def test_auto_load_brings_what_is_not_in_memory(finished, level):
    traj = loaded(finished, load_results=level, load_derived_parameters=level)
    found = traj.f_get_from_runs("z", fast_access=True, auto_load=True, use_indices=True)
    assert found == {0: 0, 1: 100, 2: 200}
    found = traj.f_get_from_runs("twice", fast_access=True, auto_load=True, use_indices=True)
    assert found == {0: 0, 1: 2, 2: 4}


def test_the_data_of_all_runs_is_loaded_by_one_message(finished):
    traj = loaded(finished)
    traj.f_get_from_runs("z", auto_load=True)
    assert finished.messages == ["LIST"]
    traj.f_get_from_runs("z", auto_load=True)
    assert finished.messages == ["LIST"]
    traj = loaded(finished, load_results=0)
    traj.f_get_from_runs("z", auto_load=True)
    assert finished.messages == ["TRAJECTORY", "LIST"]


def test_runs_that_were_not_executed_are_not_looked_for(finished):
    traj = loaded(finished)
    traj.f_expand({"x": [13]})
    assert len(traj.f_get_from_runs("z", auto_load=True)) == 3
    assert finished.messages == ["LIST"]


def test_values_that_are_not_loaded_are_told(finished, caplog):
    traj = loaded(finished)
    found = traj.f_get_from_runs("z", fast_access=True)
    assert all(item.f_is_empty() for item in found.values())
    assert "3 of 3 items called `z` have no data in memory" in caplog.text
    assert "`auto_load=True`" in caplog.text
    caplog.clear()
    assert all(item.f_is_empty() for item in traj.f_get_from_runs("z").values())
    traj.f_get_from_runs("z", fast_access=True, auto_load=True)
    assert caplog.text == ""
