"""The conformance suite of storage services: everything a user may rely on, through trajectories.

Data is written through one service object and read through another that `reopen` gives, so that
nothing is read from what the first one still has in memory. Tests of things that a service
declares not to do (``keeps_data = False``) are skipped with that reason.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pypet.errors import (
    DataNotInStorageError,
    NoSuchServiceError,
    ParameterLockedException,
)
from pypet.interfaces.storage import StorageService
from pypet.runs import run_table_of
from pypet.shareddata import SharedArray, SharedResult
from pypet.testing.equality import assert_same_tree
from pypet.testing.storage_data import DataConformance
from pypet.testing.storage_suite import NAME, sample_trajectory
from pypet.trajectory import Trajectory, load_trajectory


class StorageConformance(DataConformance):
    """Derive, implement `make_service`, and override `reopen` if data outlives the object."""

    # ----- whole trajectories --------------------------------------------------------------

    def test_storing_marks_everything_as_stored(self, traj: Trajectory) -> None:
        traj.f_store()
        assert traj.v_stored
        if traj.v_storage_service.keeps_data:
            assert all(node.v_stored for node in traj.f_iter_nodes(recursive=True))

    def test_everything_comes_back_equal(self, stored: Trajectory, tmp_path: Path) -> None:
        assert_same_tree(stored, self.load(stored, tmp_path))

    def test_identity_comes_back(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path)
        assert loaded.v_name == stored.v_name
        assert loaded.v_comment == stored.v_comment
        assert loaded.v_time == stored.v_time
        assert loaded.v_timestamp == stored.v_timestamp
        assert len(loaded) == len(stored)

    def test_run_information_comes_back(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path)
        assert loaded.f_get_run_names() == stored.f_get_run_names()
        before, after = stored.f_get_run_information(), loaded.f_get_run_information()
        for name, record in before.items():
            assert after[name]["idx"] == record["idx"]
            assert after[name]["completed"] == record["completed"]

    def test_finished_runs_are_completed_after_loading(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        stored.f_set_crun(1)
        stored.f_start_run(turn_into_run=False)
        stored.f_finalize_run()
        stored.f_restore_default()
        loaded = self.load(stored, tmp_path)
        assert loaded.f_is_completed(1)
        assert not loaded.f_is_completed(0)
        record, original = (t.f_get_run_information(1) for t in (loaded, stored))
        assert record["timestamp"] == original["timestamp"]
        assert record["runtime"] == original["runtime"]
        assert record["parameter_summary"] == original["parameter_summary"]

    def test_errors_of_failed_runs_come_back(self, stored: Trajectory, tmp_path: Path) -> None:
        try:
            raise ValueError("Grüße, " + "long " * 500)
        except ValueError as failure:
            run_table_of(stored).fail(1, failure, 12.5)
        run_table_of(stored).fail(0, KeyError("x"), 13.5)
        stored.f_store(only_init=True)
        loaded = self.load(stored, tmp_path)
        if not loaded.f_get_run_errors():
            pytest.skip("the service keeps no errors of runs")
        assert loaded.f_get_run_errors() == stored.f_get_run_errors()
        assert loaded.f_get_run_states(1) == "failed"
        assert not loaded.f_is_completed(1)

    def test_errors_are_gone_with_what_they_were_about(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        for idx in (0, 1):
            run_table_of(stored).fail(idx, ValueError(f"attempt at {idx}"), 12.5)
        stored.f_store(only_init=True)
        run_table_of(stored).complete(1, 13.0, 14.0)
        run_table_of(stored).fail(0, ValueError("another one"), 15.0)
        stored.f_store(only_init=True)
        loaded = self.load(stored, tmp_path)
        assert loaded.f_get_run_errors(1) is None
        assert loaded.f_get_run_states(1) == "completed"
        if loaded.f_get_run_errors():
            assert loaded.f_get_run_errors(0).message == "another one"
        run_table_of(stored).reset(len(stored))
        stored.f_store(only_init=True)
        assert self.load(stored, tmp_path).f_get_run_errors() == {}

    def test_only_init_stores_no_data(self, service: StorageService, tmp_path: Path) -> None:
        traj = sample_trajectory(service)
        traj.f_store(only_init=True)
        self.skip_without_data(service)
        loaded = self.load(traj, tmp_path)
        assert len(loaded) == len(traj)
        assert "parameters.numbers.x" not in loaded

    def test_a_second_trajectory_has_its_own_data(self, stored: Trajectory, tmp_path: Path) -> None:
        other = Trajectory("other_one", storage_service=stored.v_storage_service)
        other.f_add_parameter("x", 99)
        other.f_store()
        assert self.load(stored, tmp_path).f_get("numbers.x").f_get_default() == 1.5
        service = self.reopened(other.v_storage_service, tmp_path)
        assert load_trajectory("other_one", storage_service=service, load_data=2).x == 99
        assert load_trajectory(index=1, storage_service=service, load_data=2).v_name == "other_one"
        assert load_trajectory(index=-2, storage_service=service, load_data=2).v_name == NAME

    def test_new_trajectory_of_a_stored_name_is_refused(self, stored: Trajectory) -> None:
        twin = Trajectory(NAME, storage_service=stored.v_storage_service)
        twin.f_add_parameter("x", 99)
        with pytest.raises(RuntimeError, match=NAME):
            twin.f_store()

    def test_unknown_trajectory_is_refused(self, stored: Trajectory) -> None:
        with pytest.raises(ValueError, match="nobody"):
            load_trajectory("nobody", storage_service=stored.v_storage_service)
        with pytest.raises(ValueError, match="17"):
            load_trajectory(index=17, storage_service=stored.v_storage_service)

    def test_unknown_message_is_refused(self, service: StorageService, traj: Trajectory) -> None:
        if not service.keeps_data:
            pytest.skip("a service that keeps nothing accepts every message")
        with pytest.raises(NoSuchServiceError, match="SING_A_SONG"):
            service.store("SING_A_SONG", traj, trajectory_name=traj.v_name)
        with pytest.raises(NoSuchServiceError, match="SING_A_SONG"):
            service.load("SING_A_SONG", traj, trajectory_name=traj.v_name)

    # ----- levels --------------------------------------------------------------------------

    def test_skeleton_has_comments_but_no_data(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path, load_data=1)
        x = loaded.f_get("parameters.numbers.x")
        assert x.f_is_empty()
        assert x.v_comment == "a number"
        assert loaded.f_get("parameters.numbers").v_annotations.colour == "red"

    def test_nothing_is_loaded_at_level_zero(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path, load_data=0)
        assert not loaded.f_contains("parameters.numbers")
        assert set(loaded.f_get_explored_parameters()) == {"parameters.numbers.x"}

    def test_data_level_keeps_what_is_in_memory(self, stored: Trajectory) -> None:
        result = stored.f_get("results.outcome")
        result.f_set_single("value", -1)
        stored.f_load(load_data=2)
        assert result.value == -1

    def test_overwriting_load_replaces_what_is_in_memory(self, stored: Trajectory) -> None:
        result = stored.f_get("results.outcome")
        result.f_set_single("value", -1)
        stored.f_load(load_data=3)
        assert stored.f_get("results.outcome").value == 42

    def test_plain_storing_never_changes_stored_data(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        result = stored.f_get("results.outcome")
        result.f_set(value=-1, extra="new")
        stored.f_store()
        loaded = self.load(stored, tmp_path).f_get("results.outcome")
        assert loaded.value == 42
        assert loaded.extra == "new"

    def test_overwriting_store_replaces_stored_data(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        stored.f_get("results.outcome").f_set(value=-1)
        stored.f_store(store_data=3)
        assert self.load(stored, tmp_path).f_get("results.outcome").value == -1

    def test_single_items_can_be_overwritten(self, stored: Trajectory, tmp_path: Path) -> None:
        result = stored.f_get("results.outcome")
        result.f_set(value=-1, text="other")
        stored.f_store_item("results.outcome", overwrite="value")
        loaded = self.load(stored, tmp_path).f_get("results.outcome")
        assert loaded.value == -1
        assert loaded.text == "mostly harmless"

    def test_skipping_level_stores_only_new_nodes(self, stored: Trajectory, tmp_path: Path) -> None:
        stored.f_get("results.outcome").f_set(more=1)
        stored.f_add_result("late", 3)
        stored.f_store(store_data=1)
        loaded = self.load(stored, tmp_path)
        assert loaded.f_get("results.late").f_get() == 3
        assert "more" not in loaded.f_get("results.outcome")

    def test_depth_limits_storing(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
        traj = sample_trajectory(service)
        traj.f_store(max_depth=2)
        loaded = self.load(traj, tmp_path)
        assert loaded.f_contains("parameters.numbers")
        assert not loaded.f_contains("parameters.numbers.x")

    def test_depth_limits_loading(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path, max_depth=2)
        assert loaded.f_contains("results.outcome")
        assert not loaded.f_contains("parameters.numbers.x")

    def test_loading_as_new_takes_parameters_only(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(
            stored,
            tmp_path,
            load_data=None,
            load_derived_parameters=0,
            load_results=0,
            load_other_data=0,
            as_new=True,
            new_name="fresh",
            add_time=False,
        )
        assert loaded.v_name == "fresh"
        assert not loaded.v_stored
        assert len(loaded) == len(stored)
        assert not loaded.f_get("parameters.numbers.x").v_locked
        assert not loaded.f_contains("results.outcome")

    # ----- parts of the tree ---------------------------------------------------------------

    def test_children_are_stored_and_loaded_alone(self, stored: Trajectory, tmp_path: Path) -> None:
        stored.f_add_result("deep.down.below", 7)
        stored.results.f_store_child("deep", recursive=True)
        stored.f_remove_child("results", recursive=True)
        stored.f_load_child("results.deep", recursive=True)
        assert stored.f_get("results.deep.down.below").f_get() == 7
        assert not stored.f_contains("results.outcome")

    def test_missing_child_is_reported(self, stored: Trajectory) -> None:
        with pytest.raises(DataNotInStorageError, match="unheard_of"):
            stored.results.f_load_child("unheard_of")

    def test_auto_loading_finds_data_on_access(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path, load_data=0)
        loaded.v_auto_load = True
        assert loaded.results.outcome.value == 42
        with pytest.raises(DataNotInStorageError):
            loaded.results.unheard_of  # noqa: B018

    def test_items_of_a_leaf_are_loaded_in_part(self, stored: Trajectory) -> None:
        result = stored.f_get("results.outcome")
        result.f_empty()
        stored.f_load_item(result, load_only="value")
        assert result.f_to_dict() == {"value": 42}
        stored.f_load_item(result, load_except=["value", "items"])
        assert "text" in result
        assert "items" not in result
        with pytest.raises(ValueError, match="load_only"):
            stored.f_load_item(result, load_only="value", load_except="text")

    def test_locked_parameters_are_not_loaded_in_part(self, stored: Trajectory) -> None:
        with pytest.raises(ParameterLockedException, match=r"numbers\.x"):
            stored.f_load_item("parameters.numbers.x", load_only="data")

    def test_loaded_parameters_are_locked(self, stored: Trajectory, tmp_path: Path) -> None:
        assert self.load(stored, tmp_path).f_get("parameters.numbers.x").v_locked

    # ----- links, comments, annotations ----------------------------------------------------

    def test_links_lead_to_the_same_node(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path)
        assert loaded.results.f_links() == 1
        assert loaded.f_get("results.shortcut") is loaded.f_get("parameters.numbers")

    def test_links_can_be_left_out(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path, load_data=0)
        loaded.f_load_child("results", load_data=2)
        assert not loaded.f_contains("results.shortcut")

    def test_links_are_deleted(self, stored: Trajectory, tmp_path: Path) -> None:
        stored.f_delete_link("results.shortcut", remove_from_trajectory=True)
        assert not stored.f_contains("results.shortcut")
        loaded = self.load(stored, tmp_path)
        assert not loaded.f_contains("results.shortcut")
        assert loaded.f_contains("parameters.numbers.x")

    def test_annotations_come_back(self, stored: Trajectory, tmp_path: Path) -> None:
        loaded = self.load(stored, tmp_path)
        for node in ("parameters.numbers", "results.outcome"):
            before = stored.f_get(node).v_annotations.f_to_dict()
            after = loaded.f_get(node).v_annotations.f_to_dict()
            assert set(before) == set(after)
            for name, value in before.items():
                np.testing.assert_equal(after[name], value)
        assert loaded.v_annotations.f_get("purpose") == "test"

    # ----- deleting ------------------------------------------------------------------------

    def test_deleted_items_are_gone(self, stored: Trajectory, tmp_path: Path) -> None:
        stored.f_delete_item("results.outcome", remove_from_trajectory=True)
        assert not stored.f_contains("results.outcome")
        loaded = self.load(stored, tmp_path)
        assert not loaded.f_contains("results.outcome")
        assert loaded.f_contains("parameters.numbers.x")

    def test_groups_with_children_are_deleted_only_recursively(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        group = stored.f_get("parameters.lists")
        with pytest.raises(TypeError, match="recursive"):
            stored.f_delete_item(group)
        stored.f_delete_item(group, recursive=True)
        assert not self.load(stored, tmp_path).f_contains("parameters.lists")

    def test_parts_of_a_leaf_are_deleted(self, stored: Trajectory, tmp_path: Path) -> None:
        stored.f_delete_item("results.outcome", delete_only=["text"], remove_from_item=True)
        assert "text" not in stored.f_get("results.outcome")
        loaded = self.load(stored, tmp_path).f_get("results.outcome")
        assert "text" not in loaded
        assert loaded.value == 42

    # ----- shared data -----------------------------------------------------------------------

    def test_shared_data_is_kept_or_refused(self, stored: Trajectory, tmp_path: Path) -> None:
        result = stored.f_add_result(SharedResult, "shared", SharedArray())
        refusal = None
        try:
            result.create_shared_data(obj=np.arange(3))
        except NoSuchServiceError as err:
            refusal = str(err)
        if refusal is not None:
            assert "results.shared" in refusal
        else:
            result.shared[0] = 7
            loaded = self.load(stored, tmp_path).f_get("results.shared").f_get()
            assert type(loaded) is SharedArray
            np.testing.assert_array_equal(loaded.read(), [7, 1, 2])
        assert self.load(stored, tmp_path).f_get("results.outcome").value == 42
