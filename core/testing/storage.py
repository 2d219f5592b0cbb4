"""The conformance suite of storage services: everything a user may rely on, through trajectories.

Data is written through one service object and read through another that `reopen` gives, so that
nothing is read from what the first one still has in memory. Tests of things that a service
declares not to do (``keeps_data = False``) are skipped with that reason.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet.errors import (
    DataNotInStorageError,
    NoSuchServiceError,
    ParameterLockedException,
    RefusedPickleError,
)
from pypet.interfaces.storage import StorageService
from pypet.leaves import ArrayParameter, Parameter, PickleResult, Result
from pypet.records import DeleteLink, DeleteNode, PutNode, StoreRequest
from pypet.services.record_service import RecordStorageService
from pypet.shareddata import SharedArray, SharedResult
from pypet.testing.equality import assert_same_tree, assert_same_value
from pypet.trajectory import Trajectory, load_trajectory

NAME = "conformance"

VALUES: list[Any] = [
    True,
    42,
    2**40,
    2.5,
    1 + 2j,
    "text",
    "Grüße, 世界",
    b"bytes",
    [1, 2, 3],
    (1.5, 2.5),
    ["a", "ßb"],
    [],
    (),
    {},
    {"a": 1, "b": "two", "c": 3.0},
    np.float32(1.5),
    np.int8(-3),
    np.arange(6).reshape(2, 3),
    np.zeros((0, 3)),
    np.array([True, False]),
    np.array(["a", "bc"]),
    np.ones(3, dtype=complex),
]
"""What a result may hold, one of each kind."""


class Undeclared:
    """A class that a pickle may hold and nobody declared."""


class StorageConformance(ABC):
    """Derive, implement `make_service`, and override `reopen` if data outlives the object."""

    @abstractmethod
    def make_service(self, folder: Path) -> StorageService:
        """Return a new service that keeps its data, if anywhere outside itself, in ``folder``."""

    def reopen(self, service: StorageService, folder: Path) -> StorageService:
        """Return a service that reads what ``service`` stored."""
        return service

    # ----- fixtures ------------------------------------------------------------------------

    @pytest.fixture
    def service(self, tmp_path: Path) -> StorageService:
        """The service under test, empty."""
        return self.make_service(tmp_path)

    @pytest.fixture
    def traj(self, service: StorageService) -> Trajectory:
        """A trajectory with some of everything, attached to the service, not stored."""
        return sample_trajectory(service)

    @pytest.fixture
    def stored(self, traj: Trajectory, service: StorageService) -> Trajectory:
        """The same, stored; services that keep nothing skip."""
        if not service.keeps_data:
            pytest.skip("the service declares that it keeps no data")
        traj.f_store()
        return traj

    def load(self, stored: Trajectory, folder: Path, **kwargs: Any) -> Trajectory:
        """Load what was stored into a new trajectory, all data unless told otherwise."""
        kwargs.setdefault("load_data", 2)
        service = self.reopen(stored.v_storage_service, folder)
        return load_trajectory(stored.v_name, storage_service=service, **kwargs)

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

    def test_only_init_stores_no_data(self, service: StorageService, tmp_path: Path) -> None:
        traj = sample_trajectory(service)
        traj.f_store(only_init=True)
        if not service.keeps_data:
            pytest.skip("the service declares that it keeps no data")
        loaded = self.load(traj, tmp_path)
        assert len(loaded) == len(traj)
        assert "parameters.numbers.x" not in loaded

    def test_a_second_trajectory_has_its_own_data(self, stored: Trajectory, tmp_path: Path) -> None:
        other = Trajectory("other_one", storage_service=stored.v_storage_service)
        other.f_add_parameter("x", 99)
        other.f_store()
        assert self.load(stored, tmp_path).f_get("numbers.x").f_get_default() == 1.5
        service = self.reopen(other.v_storage_service, tmp_path)
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
        if not service.keeps_data:
            pytest.skip("the service declares that it keeps no data")
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

    # ----- robustness ----------------------------------------------------------------------

    def test_stored_data_is_a_copy(self, service: StorageService, tmp_path: Path) -> None:
        if not service.keeps_data:
            pytest.skip("the service declares that it keeps no data")
        traj = Trajectory(NAME, storage_service=service)
        array = np.arange(5)
        traj.f_add_result("array", array)
        traj.f_store()
        array[:] = -1
        first = self.load(traj, tmp_path).f_get("results.array").f_get()
        np.testing.assert_array_equal(first, np.arange(5))
        first[:] = -2
        second = self.load(traj, tmp_path).f_get("results.array").f_get()
        np.testing.assert_array_equal(second, np.arange(5))

    # ----- how data is kept ----------------------------------------------------------------

    def test_items_stored_by_flags_come_back(self, stored: Trajectory, tmp_path: Path) -> None:
        matrix = np.arange(6.0).reshape(2, 3)
        flags = {"plain": "ARRAY", "chunks": "CARRAY", "growing": "EARRAY", "ragged": "VLARRAY"}
        leaf = stored.f_add_result(
            "kinds", plain=matrix, chunks=matrix, growing=matrix, ragged=matrix[0]
        )
        stored.f_store_item(leaf, store_flags=flags)
        found = self.load(stored, tmp_path).f_get("results.kinds")
        for name in ("plain", "chunks", "growing"):
            np.testing.assert_array_equal(found[name], matrix)
        (row,) = found["ragged"]
        np.testing.assert_array_equal(row, matrix[0])

    def test_unknown_flags_are_refused(self, stored: Trajectory) -> None:
        leaf = stored.f_add_result("kinds", x=1)
        with pytest.raises(RuntimeError, match="NONE"):
            stored.f_store_item(leaf, store_flags={"x": "NONE"})

    def test_pickled_data_comes_back(self, stored: Trajectory, tmp_path: Path) -> None:
        value = [None, {"a": {1, 2}}]
        leaf = stored.f_add_result(PickleResult, "anything", value=value, nothing=None)
        stored.f_store_item(leaf)
        found = self.load(stored, tmp_path).f_get("results.anything")
        assert found["value"] == value
        assert found["nothing"] is None

    def test_pickles_are_loaded_as_the_service_is_told(
        self, stored: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        if not hasattr(service, "unpickle"):
            pytest.skip("the service has no rule about pickles")
        stored.f_store_item(stored.f_add_result(PickleResult, "data", [1, None]))
        stored.f_store_item(stored.f_add_result(PickleResult, "code", Undeclared()))
        reader: Any = self.reopen(service, tmp_path)
        before, reader.unpickle = reader.unpickle, "safe"
        try:
            again = Trajectory(NAME, add_time=False, storage_service=reader)
            again.f_load(name=NAME, load_data=1)
            again.f_load_item("results.data")
            assert again.f_get("results.data").f_get() == [1, None]
            with pytest.raises(RefusedPickleError, match=r"results\.code.*Undeclared"):
                again.f_load_item("results.code")
            again.f_add_to_dynamic_imports(Undeclared)
            again.f_load_item("results.code")
            assert type(again.f_get("results.code").f_get()) is Undeclared
            reader.unpickle = "never"
            with pytest.raises(RefusedPickleError, match=r"results\.data.*'never'"):
                again.f_load_item("results.data", load_data=3)
        finally:
            reader.unpickle = before

    # ----- requests ------------------------------------------------------------------------

    def test_a_replayed_request_changes_nothing(
        self, stored: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        if not isinstance(service, RecordStorageService):
            pytest.skip("the service knows no requests")
        first = StoreRequest(
            NAME,
            (
                PutNode("results.again", False, None, "", {}, ()),
                DeleteNode("results.again", recursive=False),
                DeleteNode("results.outcome", recursive=True),
                DeleteLink("results.shortcut"),
            ),
        )
        then = StoreRequest(NAME, (PutNode("results.again.below", False, None, "late", {}, ()),))
        service.apply(first)
        service.apply(then)
        with pytest.raises((DataNotInStorageError, TypeError)):
            service.apply(first)
        service.apply(first._replace(replayed=True))
        service.apply(then._replace(replayed=True))
        found = self.load(stored, tmp_path)
        assert found.f_get("results.again.below").v_comment == "late"
        assert not found.f_contains("results.outcome", shortcuts=False)
        assert not found.f_contains("results.shortcut", shortcuts=False)

    def test_failed_store_leaves_earlier_data_readable(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        bad = stored.f_add_result("bad", fine=1, broken={"a": object()})
        with pytest.raises((TypeError, NoSuchServiceError)) as failure:
            stored.f_store_item(bad)
        told = [str(failure.value), *getattr(failure.value, "__notes__", ())]
        assert any("results.bad" in line for line in told)
        assert self.load(stored, tmp_path).f_get("results.outcome").value == 42

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_value_types_come_back(
        self, service: StorageService, tmp_path: Path, value: Any
    ) -> None:
        if not service.keeps_data:
            pytest.skip("the service declares that it keeps no data")
        traj = Trajectory(NAME, storage_service=service)
        traj.f_add_result("thing", item=value)
        traj.f_store()
        assert_same_value(self.load(traj, tmp_path).f_get("results.thing").f_get("item"), value)


def sample_trajectory(service: StorageService) -> Trajectory:
    """Return a trajectory with parameters, an exploration, results, links and annotations."""
    traj = Trajectory(NAME, comment="for the suite", storage_service=service)
    traj.v_annotations.f_set(purpose="test")
    traj.f_add_parameter("numbers.x", 1.5, comment="a number")
    traj.f_add_parameter("numbers.n", 3)
    traj.f_add_parameter("lists.words", ("a", "b"))
    traj.f_add_parameter(ArrayParameter, "lists.matrix", np.eye(2))
    traj.f_add_derived_parameter("twice", 3.0)
    traj.f_add_config("threads", 2)
    traj.f_get("parameters.numbers").v_annotations.f_set(colour="red", size=3)
    traj.f_add_result("outcome", value=42, text="mostly harmless", items=[1, 2], comment="the end")
    traj.f_get("results.outcome").v_annotations.f_set(quality=0.5)
    traj.f_add_link("results.shortcut", traj.f_get("parameters.numbers"))
    traj.f_add_leaf(Parameter, "elsewhere.y", 4)
    traj.f_add_result(Result, "empty")
    traj.f_explore({"numbers.x": [1.5, 2.5, 3.5]})
    return traj
