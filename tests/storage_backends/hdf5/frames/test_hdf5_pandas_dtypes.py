"""Every dtype of pandas comes back, or is refused in words before its leaf is stored."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
tables = pytest.importorskip("tables")
pd = pytest.importorskip("pandas")

from pypet import Trajectory, load_trajectory  # noqa: E402 - needs h5py
from pypet.errors import StorageFormatError  # noqa: E402

DAYS = pd.date_range("2020-01-01", periods=3)
ARRAYS = {
    "Int64": pd.array([1, None, 3], dtype="Int64"),
    "Int64 without missing ones": pd.array([1, 2, 3], dtype="Int64"),
    "UInt64": pd.array([1, None, 2**64 - 1], dtype="UInt64"),
    "Int8": pd.array([1, None, 3], dtype="Int8"),
    "Float64": pd.array([1.5, None, 2], dtype="Float64"),
    "Float32": pd.array([1.5, 2, 3], dtype="Float32"),
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "category": pd.Categorical(["a", None, "b"], categories=["b", "c", "a"]),
    "ordered category": pd.Categorical([1, 2, 1], ordered=True),
    "interval": pd.interval_range(0, 3).array,
    "interval with missing one": pd.arrays.IntervalArray.from_tuples([(0, 1), None, (1, 2.5)]),
    "interval of times": pd.interval_range(pd.Timestamp("2020"), periods=3).array,
    "sparse": pd.arrays.SparseArray([0.0, np.nan, 1]),
    "sparse integers": pd.arrays.SparseArray([0, 0, 3]),
    "sparse booleans": pd.arrays.SparseArray([True, False, False]),
    "string": pd.array(["a", None, "ü"], dtype="string"),
    "time zone": DAYS.tz_localize("Europe/Berlin").array,
    "period": pd.period_range("2020", periods=3, freq="M").array,
    "times": DAYS.as_unit("s").array,
    "differences of times": (DAYS - DAYS[0]).as_unit("ms").array,
    "objects": np.array([1, "a", None], dtype=object),
    "text as objects": np.array(["a", "b", "c"], dtype=object),
    "half": np.ones(3, dtype="f2"),
    "complex": np.array([1, 2j, 3]),
}
NO_INDEX = {"half", "complex"}
LEVELS = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])
OBJECTS = {
    "levels": pd.DataFrame(np.eye(2), index=LEVELS, columns=LEVELS.set_names(["x", None])),
    "level with time zone": pd.Series(
        [1, 2], index=pd.MultiIndex.from_arrays([DAYS[:2].tz_localize("UTC"), ["a", "b"]])
    ),
    "repeated columns": pd.DataFrame(np.eye(2), columns=["a", "a"]),
    "missing integers beside categories": pd.DataFrame(
        {"i": ARRAYS["Int64"], "c": ARRAYS["category"], "o": ARRAYS["objects"]}
    ),
    "object labels": pd.DataFrame(
        [[1]], index=pd.Index(["a"], dtype=object), columns=pd.Index(["b"], dtype=object, name="n")
    ),
    "categories as columns": pd.DataFrame(np.eye(2), columns=pd.CategoricalIndex(["x", "y"])),
    "name that is no text": pd.Series([1, 2], name=5),
    "no rows": pd.DataFrame({name: array[:0] for name, array in ARRAYS.items()}),
    "no rows of levels": pd.DataFrame({"a": [1, 2]}, index=LEVELS)[:0],
    "no columns": pd.DataFrame(index=[1, 2]),
    "nothing": pd.DataFrame(),
    "empty series": pd.Series([], dtype="Int64", name="n"),
}


def stored(tmp_path, value, **options):
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", add_time=False, filename=filename, **options)
    traj.f_add_result("r", before=1, item=value)
    traj.f_store()
    return filename


def assert_comes_back(filename, value, **options):
    found = load_trajectory("t", filename=filename, load_data=2, **options).results.r.item
    assert type(found) is type(value)
    if isinstance(value, pd.Series):
        pd.testing.assert_series_equal(found, value, check_freq=False)
    else:
        pd.testing.assert_frame_equal(found, value, check_freq=False)


@pytest.mark.parametrize("pandas_format", ["fixed", "table"])
@pytest.mark.parametrize("kind", ARRAYS)
def test_columns_come_back(tmp_path, kind, pandas_format):
    value = pd.DataFrame({"a": ARRAYS[kind], "b": np.arange(3.0), "c": ["x", "y", "z"]})

    filename = stored(tmp_path, value, pandas_format=pandas_format)

    for unpickle in ("trust", "safe"):
        assert_comes_back(filename, value, unpickle=unpickle)


@pytest.mark.parametrize("kind", ARRAYS)
def test_series_come_back(tmp_path, kind):
    value = pd.Series(ARRAYS[kind], name="n", dtype=ARRAYS[kind].dtype)

    assert_comes_back(stored(tmp_path, value), value)


@pytest.mark.parametrize("kind", sorted(ARRAYS.keys() - NO_INDEX))
def test_indexes_come_back(tmp_path, kind):
    labels = pd.Index(ARRAYS[kind], dtype=ARRAYS[kind].dtype, name="labels")
    value = pd.DataFrame({"a": [1, 2, 3]}, index=labels)

    assert_comes_back(stored(tmp_path, value), value)


@pytest.mark.parametrize("pandas_format", ["fixed", "table"])
@pytest.mark.parametrize("kind", OBJECTS)
def test_frames_and_series_come_back(tmp_path, kind, pandas_format):
    value = OBJECTS[kind]

    assert_comes_back(stored(tmp_path, value, pandas_format=pandas_format), value)


def test_missing_and_undefined_numbers_stay_apart(tmp_path):
    numbers = pd.array([0.0, 1.5, None], dtype="Float64") / pd.array([0, 1, 1], dtype="Int64")
    value = pd.Series(numbers)

    filename = stored(tmp_path, value)
    found = load_trajectory("t", filename=filename, load_data=2).results.r.item

    assert found.isna().tolist() == value.isna().tolist()
    assert found.array.to_numpy(float, na_value=-1).tolist()[1:] == [1.5, -1]


def test_other_readers_get_dtypes_of_numpy(tmp_path):
    value = pd.DataFrame(
        {"i": pd.array([1, 2], dtype="Int64"), "s": pd.arrays.SparseArray([0.0, 1.0])}
    )

    with pd.HDFStore(stored(tmp_path, value), "r") as file:
        found = file.get("/t/results/r/item")

    assert list(found.dtypes) == [np.dtype("int64"), np.dtype("float64")]


@pytest.mark.parametrize("pandas_format", ["fixed", "table"])
def test_what_no_format_keeps_is_refused_before_anything_is_stored(tmp_path, pandas_format):
    value = pd.DataFrame({"a": [1, 2]}, index=[1j, 2])

    with pytest.raises(TypeError, match=r"'item'.*pandas_format.*PickleResult") as caught:
        stored(tmp_path, value, pandas_format=pandas_format)

    assert any("results.r" in note for note in caught.value.__notes__)
    with tables.open_file(tmp_path / "data.hdf5") as file:
        assert "/t/results/r" not in file


def test_a_format_that_was_asked_for_is_not_changed(tmp_path):
    value = pd.DataFrame({"a": np.array([1, "x"], dtype=object)})
    traj = Trajectory("t", add_time=False, filename=str(tmp_path / "data.hdf5"))
    traj.f_add_result("r", value)
    traj.f_store(only_init=True)

    with pytest.raises(TypeError, match="serialize") as caught:
        traj.f_store_item("r", format="table")

    assert any("PickleResult" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    "note", ["{", "[]", '{"Int64": 3}', '{"os.system": [0]}', '{"category {": [0]}']
)
def test_damaged_notes_are_refused(tmp_path, note):
    filename = stored(tmp_path, pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}))
    with tables.open_file(filename, "a") as file:
        group = file.get_node("/t/results/r/item")
        group._v_attrs["SRVC_PANDAS_DTYPES"] = note

    with pytest.raises(StorageFormatError, match=r"item.*damaged|item.*nobody writes"):
        load_trajectory("t", filename=filename, load_data=2, checksums=False)


class Reluctant:
    """An object that shows whether it was unpickled."""

    unpickled = 0

    def __setstate__(self, state):
        Reluctant.unpickled += 1

    def __getstate__(self):
        return {"some": "state"}


def test_storing_unpickles_nothing(tmp_path):
    Reluctant.unpickled = 0

    stored(tmp_path, pd.DataFrame({"a": [Reluctant(), None], "c": DAYS[:2].to_period("D")}))

    assert Reluctant.unpickled == 0
