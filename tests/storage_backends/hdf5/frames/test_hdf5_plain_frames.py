"""Common frames are made without PyTables, exactly as pandas makes them."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pd = pytest.importorskip("pandas")

from pypet import Trajectory, load_trajectory  # noqa: E402 - needs h5py
from pypet.errors import RefusedPickleError  # noqa: E402
from pypet.storage_backends.hdf5.compression import filters  # noqa: E402
from pypet.storage_backends.hdf5.nodes import item_reading  # noqa: E402

COLUMNS = {"a": np.arange(3), "b": np.arange(3.0), "c": [True, False, True]}
COMMON = {
    "numbers": pd.DataFrame(COLUMNS),
    "one block": pd.DataFrame({"x": [1.5, np.nan], "y": [np.inf, -0.0]}),
    "mixed order": pd.DataFrame({"x": [1.5], "n": [1], "y": [2.5], "m": [2]}),
    "small types": pd.DataFrame({"i": np.arange(2, dtype="i1"), "f": np.ones(2, "f4")}),
    "unsigned": pd.DataFrame({"u": np.array([0, 2**64 - 1], "u8"), "c": [1j, 2]}),
    "other order of bytes": pd.DataFrame({"x": np.arange(3, dtype=">i4")}),
    "names": pd.DataFrame(
        [[1, 2]], columns=pd.Index(["a", "b"], name="c"), index=pd.Index([7], name="")
    ),
    "integer columns": pd.DataFrame({0: [1.0], 5: [2.0]}),
    "text index": pd.DataFrame({"a": [1, 2]}, index=["ü", "b"]),
    "float index": pd.DataFrame({"a": [1, 2]}, index=[0.5, np.nan]),
    "times": pd.DataFrame({"t": np.array(["2020", "NaT"], "M8[ns]"), "s": np.ones(2, "m8[s]")}),
    "text": pd.DataFrame({"a": ["x", "ü"], "b": [1, 2]}),
    "text with none": pd.DataFrame({"a": ["x", None], "b": ["y", "z"]}),
    "objects": pd.DataFrame({"a": np.array([1, "x"], object), "b": ["y", "z"]}),
    "string": pd.DataFrame({"a": pd.array(["x", None], dtype="string")}),
    "series": pd.Series([1.5, 2.5], name="n"),
    "integer series": pd.Series([1, 2], index=["a", "b"]),
    "text series": pd.Series(["a", "b"]),
    "object series": pd.Series(np.array([1, None, "a"], dtype=object)),
    "time series": pd.Series(np.array(["2020", "NaT"], "M8[s]")),
}
OTHERS = {
    "label like a missing one": pd.DataFrame({"nan": [1]}),
    "missing label": pd.Series([1, 2], index=["a", None]),
    "multi-index": pd.Series([1, 2], index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    "categories": pd.DataFrame({"a": [1, 2]}, index=pd.CategoricalIndex(["x", "y"])),
    "time index": pd.Series([1, 2], index=pd.date_range("2020", periods=2)),
    "time zone": pd.Series(pd.date_range("2020", periods=2, tz="UTC")),
    "periods": pd.Series(pd.period_range("2020", periods=2, freq="M")),
    "no rows": pd.DataFrame({"a": np.empty(0)}),
    "no columns": pd.DataFrame(index=[1, 2]),
    "nothing": pd.DataFrame(),
    "missing objects": pd.DataFrame({"a": np.array([None, np.nan], object)}),
    "strange name": pd.Series([1, 2], name=("a", 1)),
}


@pytest.fixture
def stored(tmp_path):
    def store(value, **options):
        filename = str(tmp_path / "data.hdf5")
        traj = Trajectory("t", add_time=False, filename=filename)
        traj.f_add_result("r", value)
        traj.f_store()
        if options:
            traj.f_store_item("r", overwrite=True, **options)
        return filename

    return store


def loaded(filename, monkeypatch, *, by_pandas=False, **options):
    """Return what is loaded, and what was made without pandas."""
    made = []

    def read(*args):
        made.append(None if by_pandas else plain_frame(*args))
        return made[-1]

    plain_frame = item_reading.plain_frame
    with monkeypatch.context() as patch:
        patch.setattr(item_reading, "plain_frame", read)
        traj = load_trajectory("t", filename=filename, load_data=2, **options)
    return traj.results.r, made[0] if made else None


def assert_identical(found, value):
    assert type(found) is type(value)
    if isinstance(value, pd.Series):
        pd.testing.assert_series_equal(found, value, check_index_type="exact")
    else:
        pd.testing.assert_frame_equal(
            found, value, check_index_type="exact", check_column_type="exact"
        )
        assert [type(label) for label in found.columns] == [type(label) for label in value.columns]
    assert type(found.index) is type(value.index)


@pytest.mark.parametrize("unpickle", ["trust", "safe"])
@pytest.mark.parametrize("kind", COMMON)
def test_common_frames_are_made_as_pandas_does_it(stored, monkeypatch, kind, unpickle):
    filename = stored(COMMON[kind])

    expected, nothing = loaded(filename, monkeypatch, by_pandas=True, unpickle=unpickle)
    found, made = loaded(filename, monkeypatch, unpickle=unpickle)

    assert nothing is None
    assert made is not None
    assert_identical(found, expected)


@pytest.mark.parametrize("kind", OTHERS)
def test_other_frames_are_left_to_pandas(stored, monkeypatch, kind):
    filename = stored(OTHERS[kind])

    expected, _ = loaded(filename, monkeypatch, by_pandas=True)
    found, made = loaded(filename, monkeypatch)

    assert made is None
    assert_identical(found, expected)


@pytest.mark.parametrize("options", [{"format": "table"}, {"append": True}])
def test_other_ways_of_storing_load_the_same(stored, monkeypatch, options):
    value = COMMON["numbers"]

    found, _ = loaded(stored(value, **options), monkeypatch)

    assert found.equals(value)


@pytest.mark.filterwarnings("ignore")
def test_what_only_pytables_can_unpack_is_left_to_it(stored, monkeypatch):
    filename = stored(COMMON["one block"])
    with pd.HDFStore(filename, "a", complib="bzip2", complevel=9) as file:
        file.put("/t/results/r/r", COMMON["numbers"])
        file.get_node("/t/results/r/r")._v_attrs["SRVC_STORE"] = "FRAME"
    monkeypatch.setattr(filters, "make_available", lambda number: number != 307)

    found, made = loaded(filename, monkeypatch)

    assert made is None
    assert found.equals(COMMON["numbers"])


def test_objects_are_loaded_by_the_rule_only(stored):
    filename = stored(COMMON["objects"])

    with pytest.raises(RefusedPickleError, match=r"/t/results/r"):
        load_trajectory("t", filename=filename, load_data=2, unpickle="never")


def test_frames_without_objects_are_loaded_by_every_rule(stored, monkeypatch):
    found, made = loaded(stored(COMMON["numbers"]), monkeypatch, unpickle="never")

    assert made is not None
    assert found.equals(COMMON["numbers"])


@pytest.mark.parametrize("kind", ["one block", "numbers", "text", "series"])
def test_what_was_loaded_may_be_changed(stored, monkeypatch, kind):
    found, _ = loaded(stored(COMMON[kind]), monkeypatch)

    found.iloc[0] = found.iloc[-1]

    assert found[:1].reset_index(drop=True).equals(found[-1:].reset_index(drop=True))
