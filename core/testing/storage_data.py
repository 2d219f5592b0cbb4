"""The part of the suite of storage services about data: kinds, pickles, requests, faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet.errors import DataNotInStorageError, NoSuchServiceError, RefusedPickleError
from pypet.interfaces.storage import StorageService
from pypet.leaves import PickleResult
from pypet.records import ArrayItem, DeleteLink, DeleteNode, PutNode, StoreRequest
from pypet.services.record_service import RecordStorageService
from pypet.testing.equality import assert_same_value
from pypet.testing.storage_faults import FaultConformance
from pypet.testing.storage_processes import ProcessConformance
from pypet.testing.storage_raw import RawConformance
from pypet.testing.storage_runs import RunConformance
from pypet.testing.storage_suite import NAME
from pypet.testing.storage_values import ValueConformance
from pypet.trajectory import Trajectory

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
    None,
    [0.0, np.float64(1.5)],
    (0, 2.5, None),
    [1, "a", b"b", np.str_("c")],
    {"a": None, "b": [None, 1], "c": (1.5, 0)},
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
    """A class that a pickle may hold and that was not declared."""


class DataConformance(
    ValueConformance, RunConformance, ProcessConformance, FaultConformance, RawConformance
):
    """Whatever is stored comes back as it was."""

    # ----- robustness ----------------------------------------------------------------------

    def test_stored_data_is_a_copy(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
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
        reader: Any = self.reopened(service, tmp_path)
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

    def test_a_replayed_request_is_applied_if_it_was_not(
        self, stored: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        if not isinstance(service, RecordStorageService):
            pytest.skip("the service knows no requests")
        put = PutNode("results.late", False, None, "late", {}, ())
        service.apply(StoreRequest(NAME, (put,), replayed=True))
        service.apply(StoreRequest(NAME, (put,), replayed=True))
        assert self.load(stored, tmp_path).f_get("results.late").v_comment == "late"

    def test_failed_replacement_keeps_the_old_value(
        self, stored: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        """A value is replaced by one that cannot be stored, which only the backend finds out."""
        if not isinstance(service, RecordStorageService):
            pytest.skip("the service knows no requests")
        broken: Any = np.empty(1, dtype=object)
        broken[0] = (letter for letter in "generators cannot be stored")
        item = ArrayItem("value", "ARRAY", broken, "COLL_NDARRAY", None)
        put = PutNode("results.outcome", True, "Result", "", {}, (item,), overwrite=True)
        try:
            service.apply(StoreRequest(NAME, (put,)))
        except Exception:
            assert self.load(stored, tmp_path).f_get("results.outcome").value == 42
        else:
            pytest.skip("the service keeps objects of every kind")
        stored.f_get("results.outcome").f_set(value=43)
        stored.f_store_item("results.outcome", overwrite=True)
        assert self.load(stored, tmp_path).f_get("results.outcome").value == 43

    def test_failed_store_leaves_earlier_data_readable(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        bad = stored.f_add_result("bad", fine=1, broken={"a": object()})
        with pytest.raises((TypeError, NoSuchServiceError)) as failure:
            stored.f_store_item(bad)
        told = [str(failure.value), *getattr(failure.value, "__notes__", ())]
        assert any("results.bad" in line for line in told)
        assert self.load(stored, tmp_path).f_get("results.outcome").value == 42

    def test_what_fails_is_logged_and_raised(
        self, stored: Trajectory, service: StorageService, caplog: pytest.LogCaptureFixture
    ) -> None:
        if not isinstance(service, RecordStorageService):
            pytest.skip("the service does not turn messages into records")
        bad = stored.f_add_result("bad", broken={"a": object()})
        attempts: list[tuple[str, Callable[[], Any], str]] = [
            ("storing", lambda: stored.f_store_item(bad), "LIST"),
            ("storing", stored.f_store, NAME),
            ("loading", lambda: stored.f_load("unheard_of"), NAME),
        ]
        for verb, action, culprit in attempts:
            caplog.clear()
            with pytest.raises((TypeError, ValueError)):
                action()
            (record,) = (each for each in caplog.records if each.levelname == "ERROR")
            assert f"Failed {verb}" in record.getMessage()
            assert culprit in record.getMessage()
            assert record.exc_info is not None
            assert record.name.endswith(type(service).__name__)

    def test_an_unknown_message_is_refused_as_both_kinds_of_error(
        self, service: StorageService
    ) -> None:
        if not isinstance(service, RecordStorageService):
            pytest.skip("the service does not turn messages into records")
        for kind in (NoSuchServiceError, ValueError):
            with pytest.raises(kind, match="UNHEARD_OF"):
                service.store("UNHEARD_OF", None, trajectory_name="never_stored")
            with pytest.raises(kind, match="UNHEARD_OF"):
                service.load("UNHEARD_OF", None, trajectory_name="never_stored")

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_value_types_come_back(
        self, service: StorageService, tmp_path: Path, value: Any
    ) -> None:
        self.skip_without_data(service)
        traj = Trajectory(NAME, storage_service=service)
        traj.f_add_result("thing", item=value)
        traj.f_store()
        assert_same_value(self.load(traj, tmp_path).f_get("results.thing").f_get("item"), value)
