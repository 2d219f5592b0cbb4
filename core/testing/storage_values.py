"""The part of the suite of storage services about values: each comes back equal, with its type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet.errors import NoSuchServiceError
from pypet.interfaces.storage import StorageService
from pypet.leaves import Parameter
from pypet.testing.equality import assert_same_annotation, assert_same_value
from pypet.testing.storage_suite import NAME, StorageSuite
from pypet.trajectory import Trajectory

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16"]
ANNOTATIONS: dict[str, Any] = {
    "flag": True,
    "count": 3,
    "ratio": 1 / 3,
    "text": "Grüße",
    "nothing": "",
    "array": np.arange(4, dtype="i2"),
    "matrix": np.eye(2, dtype="f4"),
    "scalar": np.float32(1.5),
    "words": ["a", "b"],
    "pair": (1, 2),
}
COMMENT = "Grüße,\n世界: " + "a long comment " * 20


class ValueConformance(StorageSuite):
    """Values of all types, comments and annotations."""

    def stored_and_loaded(self, service: StorageService, folder: Path, value: Any) -> Any:
        """Store a value as an item of a result, and return what a reopened service loads."""
        self.skip_without_data(service)
        traj = Trajectory(NAME, storage_service=service)
        traj.f_add_result("thing", item=value)
        traj.f_store()
        return self.load(traj, folder).f_get("results.thing").f_get("item")

    def check(self, service: StorageService, folder: Path, *values: Any) -> None:
        """Assert that values come back equal and of the same types, items of one result."""
        self.skip_without_data(service)
        traj = Trajectory(NAME, storage_service=service)
        items = {f"item{index}": value for index, value in enumerate(values)}
        traj.f_add_result("thing", **items)
        traj.f_store()
        found = self.load(traj, folder).f_get("results.thing").f_to_dict()
        assert set(found) == set(items)
        for name, value in items.items():
            assert_same_value(found[name], value)

    # ----- arrays and numbers ----------------------------------------------------------------

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_dtypes_of_arrays_come_back(
        self, service: StorageService, tmp_path: Path, dtype: str
    ) -> None:
        array = np.array([[0, 1, 1], [1, 0, 1]], dtype)
        self.check(service, tmp_path, array, array[0, 1])

    @pytest.mark.parametrize("order", [">", "<"])
    def test_byte_order_of_arrays_comes_back(
        self, service: StorageService, tmp_path: Path, order: str
    ) -> None:
        self.check(
            service, tmp_path, np.arange(5, dtype=f"{order}i4"), np.ones(3, dtype=f"{order}f8")
        )

    def test_shapes_of_arrays_come_back(self, service: StorageService, tmp_path: Path) -> None:
        array = np.arange(24.0).reshape(2, 3, 4)
        shapes = [array, array.T, array[:, ::2], np.asfortranarray(array[0]), array[:1, :1, :1]]
        self.check(service, tmp_path, *shapes, np.zeros((2, 0)), np.zeros(0))

    def test_thirds_come_back_exactly(self, service: StorageService, tmp_path: Path) -> None:
        third = np.array([1 / 3, -2 / 3])
        self.check(service, tmp_path, 1 / 3, [1 / 3, 0.1], third, complex(1 / 3, -1 / 3))
        self.check_numbers(service, tmp_path, np.float32(1) / np.float32(3), third.astype("f4"))

    def check_numbers(self, service: StorageService, folder: Path, *values: Any) -> None:
        """Like `check`, in a second trajectory."""
        traj = Trajectory("numbers", storage_service=service)
        traj.f_add_parameter("third", 1 / 3)
        traj.f_add_result("thing", **{f"item{index}": each for index, each in enumerate(values)})
        traj.f_store()
        loaded = self.load(traj, folder)
        assert loaded.f_get("parameters.third").f_get() == 1 / 3
        for index, value in enumerate(values):
            assert_same_value(loaded.f_get("results.thing").f_get(f"item{index}"), value)

    def test_integers_of_64_bits_come_back_exactly(
        self, service: StorageService, tmp_path: Path
    ) -> None:
        limits = np.iinfo(np.int64)
        array = np.array([limits.min, limits.max, 2**53 + 1])
        unsigned = np.array([2**64 - 1, 2**53 + 1], dtype=np.uint64)
        self.check(service, tmp_path, int(limits.max), int(limits.min), 2**53 + 1, array, unsigned)

    def test_nan_and_infinity_come_back(self, service: StorageService, tmp_path: Path) -> None:
        values = [float("nan"), float("inf"), -float("inf"), -0.0]
        found = self.stored_and_loaded(service, tmp_path, np.array(values))
        np.testing.assert_array_equal(found, values)
        assert np.signbit(found[3])
        for index, value in enumerate(values):
            traj = Trajectory(f"number_{index}", storage_service=service)
            traj.f_add_result("thing", value)
            traj.f_store()
            number = self.load(traj, tmp_path).f_get("results.thing").f_get()
            assert type(number) is float
            np.testing.assert_equal(number, value)

    def test_arrays_beyond_a_megabyte_come_back(
        self, service: StorageService, tmp_path: Path
    ) -> None:
        noise = np.random.default_rng(1).bytes(3 << 20)
        large = np.frombuffer(noise, np.uint8)
        self.check(service, tmp_path, large, np.arange(200_000.0).reshape(400, 500))

    # ----- text ------------------------------------------------------------------------------

    def test_empty_text_comes_back(self, service: StorageService, tmp_path: Path) -> None:
        self.check(service, tmp_path, "", b"", ["", "a"], ("", ""), [b"", b"a"])

    def test_trailing_nuls_come_back(self, service: StorageService, tmp_path: Path) -> None:
        self.check(service, tmp_path, "a\0", "\0", b"a\0\0", b"\0", "a\0b", ["a\0", "b"])

    def test_long_text_comes_back(self, service: StorageService, tmp_path: Path) -> None:
        self.check(service, tmp_path, "0123456789" * 20_000, "Grüße, 世界 " * 500, " padded\t\n")

    # ----- containers and tables --------------------------------------------------------------

    def test_nested_dictionaries_come_back(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
        row = {"b": 1, "a": "two", "c": [1 / 3, 2.0], "d": (), "e": None, "f": np.arange(3)}
        nested = {"a.b.c": 1, "a.b.d": [1.5, 2.5], "a.e": "text", "f": np.arange(3), "g.h": row}
        traj = Trajectory(NAME, storage_service=service)
        traj.f_add_result("nested", **nested)
        traj.f_add_result("row", row)
        traj.f_store()
        loaded = self.load(traj, tmp_path)
        assert_same_value(loaded.f_get("results.nested").f_to_dict(), nested)
        assert_same_value(loaded.f_get("results.row").f_get(), row)

    def test_lists_and_tuples_come_back_as_such(
        self, service: StorageService, tmp_path: Path
    ) -> None:
        self.check(service, tmp_path, [1, 2], (1, 2), [], (), [True, False], (1.5,), ["a"], ("b",))

    def test_order_of_lists_comes_back(self, service: StorageService, tmp_path: Path) -> None:
        self.check(service, tmp_path, [3, 1, 2], ("b", "a", "c"), np.array([3, 1, 2]))

    def test_object_tables_come_back(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
        pytest.importorskip("pandas")
        from pypet.leaves import ObjectTable

        table = ObjectTable(data={"n": [1, 2, 3], "x": [1 / 3, 2.5, -1.0], "s": ["a", "", "cä"]})
        found = self.stored_and_loaded_or_skipped(service, tmp_path, table)
        assert type(found) is type(table)
        assert set(found.columns) == {"n", "x", "s"}
        for name in table.columns:
            before, after = list(table[name]), list(found[name])
            assert before == after
            assert [*map(type, before)] == [*map(type, after)], name

    def test_frames_come_back(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
        pandas = pytest.importorskip("pandas")
        index = pandas.Index([3, 1, 2], name="row")
        frame = pandas.DataFrame(
            {"n": np.array([1, 2, 3], "i4"), "x": [1 / 3, np.nan, 2.0], "s": ["a", "b", ""]}, index
        )
        found = self.stored_and_loaded_or_skipped(service, tmp_path, frame)
        pandas.testing.assert_frame_equal(found, frame)

    def test_series_come_back(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
        pandas = pytest.importorskip("pandas")
        series = pandas.Series(np.array([1.5, 2.5], "f4"), index=["a", "b"], name="numbers")
        found = self.stored_and_loaded_or_skipped(service, tmp_path, series)
        pandas.testing.assert_series_equal(found, series)

    def stored_and_loaded_or_skipped(
        self, service: StorageService, folder: Path, value: Any
    ) -> Any:
        """Like `stored_and_loaded`; skip if the service refuses values of this type."""
        try:
            return self.stored_and_loaded(service, folder, value)
        except NoSuchServiceError as refusal:
            pytest.skip(f"the service keeps no {type(value).__name__}: {refusal}")

    def test_parameters_come_back_with_types_and_ranges(
        self, service: StorageService, tmp_path: Path
    ) -> None:
        self.skip_without_data(service)
        traj = Trajectory(NAME, storage_service=service)
        ranges: dict[str, list[Any]] = {
            "n": [1, 2, 3, 4, 5],
            "x": [1 / 3, 0.1, -0.0, 1e300, 5e-324],
            "s": ["", "a", "Grüße", "long " * 50, "z"],
            "flag": [True, False, True, True, False],
            "array": [np.full(3, index, "f4") for index in range(5)],
        }
        for name, values in ranges.items():
            traj.f_add_parameter(Parameter, name, values[0])
        traj.f_explore(ranges)
        traj.f_store()
        loaded = self.load(traj, tmp_path)
        assert set(loaded.f_get_explored_parameters()) == {f"parameters.{name}" for name in ranges}
        for name, values in ranges.items():
            parameter = loaded.f_get(f"parameters.{name}")
            assert_same_value(parameter.f_get_default(), values[0])
            assert_same_value(list(parameter.f_get_range()), values)

    # ----- comments and annotations ------------------------------------------------------------

    def test_comments_of_all_nodes_come_back(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
        traj = Trajectory(NAME, comment=COMMENT, storage_service=service)
        traj.f_add_parameter_group("group", comment=f"group: {COMMENT}")
        for index in range(3):
            traj.f_add_parameter(f"group.x{index}", index, comment=f"parameter {index}: {COMMENT}")
            traj.f_add_result(f"deep.z{index}", index, comment=f"result {index}")
        traj.f_add_result("silent", 1)
        traj.f_store()
        loaded = self.load(traj, tmp_path)
        assert loaded.v_comment == COMMENT
        before = {node.v_full_name: node.v_comment for node in traj.f_iter_nodes()}
        assert {node.v_full_name: node.v_comment for node in loaded.f_iter_nodes()} == before

    def test_types_of_annotations_come_back(self, service: StorageService, tmp_path: Path) -> None:
        self.skip_without_data(service)
        traj = Trajectory(NAME, storage_service=service)
        traj.f_add_parameter("group.x", 1)
        traj.f_add_result("z", 2)
        names = ["", "parameters.group", "parameters.group.x", "results.z"]
        for name in names:
            node = traj.f_get(name) if name else traj
            node.v_annotations.f_set(**ANNOTATIONS)
        traj.f_store()
        loaded = self.load(traj, tmp_path)
        for name in names:
            node = loaded.f_get(name) if name else loaded
            found = node.v_annotations.f_to_dict()
            assert set(found) == set(ANNOTATIONS), name
            for key, value in ANNOTATIONS.items():
                assert_same_annotation(found[key], value)

    def test_plain_storing_keeps_stored_comments_and_annotations(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        """What exists is changed only by overwriting; annotations that are new are added."""
        result = stored.f_get("results.outcome")
        result.v_comment = "another end"
        result.v_annotations.f_set(quality=-1.0, extra="new")
        stored.f_store_item(result, store_data=2)
        loaded = self.load(stored, tmp_path).f_get("results.outcome")
        assert loaded.v_comment == "the end"
        assert loaded.v_annotations.f_to_dict()["quality"] == 0.5

    def test_overwriting_replaces_comments_and_annotations(
        self, stored: Trajectory, tmp_path: Path
    ) -> None:
        result = stored.f_get("results.outcome")
        result.v_comment = "another end"
        result.v_annotations.f_set(quality=-1.0, extra="new")
        stored.f_store_item(result, overwrite=True)
        loaded = self.load(stored, tmp_path).f_get("results.outcome")
        assert loaded.v_comment == "another end"
        assert loaded.v_annotations.f_to_dict() == {"quality": -1.0, "extra": "new"}
