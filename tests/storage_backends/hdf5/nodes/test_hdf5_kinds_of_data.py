"""Whatever a user stores comes back equal and of the same type, or is refused by its name."""

from __future__ import annotations

import datetime
import decimal
import fractions

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("pandas")

import pandas as pd

from pypet import (
    ArrayParameter,
    ObjectTable,
    Parameter,
    PickleParameter,
    PickleResult,
    Result,
    Trajectory,
    load_trajectory,
)
from pypet.utils.comparisons import nested_equal

VALUES = {
    # pandas
    "text": pd.Series(["a", "ü"]),
    "string": pd.Series(["a", None, "ü"], dtype="string"),
    "string column": pd.DataFrame({"a": pd.array(["x", None], dtype="string"), "b": ["p", "q"]}),
    "categorical": pd.Series(pd.Categorical(["a", "b", "a"], ordered=True)),
    "time zone": pd.Series(pd.date_range("2020-01-01", periods=3, tz="Europe/Berlin")),
    "time zone column": pd.DataFrame({"t": pd.date_range("2020-01-01", periods=2, tz="UTC")}),
    "nullable": pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64")}),
    "nullable bool": pd.Series(pd.array([True, None], dtype="boolean")),
    "multi-index": pd.DataFrame(
        {"x": [1, 2, 3, 4]},
        index=pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["k", "l"]),
    ),
    "multi-index columns": pd.DataFrame(
        np.ones((2, 4)), columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    ),
    "periods": pd.Series(pd.period_range("2020", periods=3, freq="M")),
    "intervals": pd.Series(pd.interval_range(0, 3)),
    "durations": pd.Series(pd.to_timedelta([1, 2], unit="s")),
    "empty frame": pd.DataFrame(),
    "names": pd.Series([1.0, 2.0], name="series", index=pd.Index([5, 6], name="index")),
    "repeated index": pd.Series([1, 2], index=[0, 0]),
    "object table": ObjectTable({"a": [1, 2], "b": ["x", "y"]}),
    # numpy
    "largest uint64": np.uint64(2**64 - 1),
    "empty array": np.zeros((0, 3)),
    "array of no axes": np.array(3.5),
    "structured": np.array([(1, 2.5, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U3")]),
    "times": np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]"),
    "differences of times": np.array([1, 2], dtype="timedelta64[ms]"),
    "time": np.datetime64("2020-01-01T01:02"),
    "half": np.float16(1.5),
    "long double": np.longdouble(1) / 3,
    "complex long doubles": np.ones(2, dtype=np.clongdouble),
    "array of text": np.array(["ü", "bb"]),
    "array of objects": np.array([1, "a", None], dtype=object),
    "array of bytes": np.array([b"a", b"bb"]),
    "new text dtype": np.array(["a", "ü"], dtype=np.dtypes.StringDType())
    if hasattr(np.dtypes, "StringDType")
    else np.array(["a"]),
    "masked": np.ma.array([1, 2], mask=[0, 1]),
    "matrix": np.arange(2).view(np.matrix),
    "Fortran order": np.asfortranarray(np.arange(6).reshape(2, 3)),
    # Python
    "non-ASCII": "żółć 日本 😀",
    "bytes": b"\x00a\xff",
    "NUL in text": "a\x00b\x00",
    "large int": 2**100,
    "large negative int": -(2**70),
    "complex": 1 + 2j,
    "not a number": float("nan"),
    "empty text": "",
    "nested list": [[1, 2], [3, [4]]],
    "nested dict": {"a": {"b": [1, "x"]}},
    "mixed list": [1, "a", 2.5],
    "mixed tuple": (1, "a"),
    "empty list": [],
    "empty tuple": (),
    "empty dict": {},
    "list of arrays": [np.arange(3), np.arange(4)],
    "list of numpy ints": [np.int32(1), np.int32(2)],
    "list of bools": [True, False],
    "list of bytes": [b"a", b"\x00"],
    "list of large ints": [2**80, 1],
    "dict of large ints": {"a": 2**80},
    "dict of text": {"ü": "ż"},
    "date": datetime.datetime(2020, 1, 1),
    "decimal": decimal.Decimal("1.1"),
    "fraction": fractions.Fraction(1, 3),
    "set": {1, 2},
    "range": range(3),
}
PARAMETERS = (Parameter, ArrayParameter, PickleParameter)
RESULTS = (Result, PickleResult)


def is_same(found, value):
    if type(found) is not type(value) or not nested_equal(found, value):
        return False
    if isinstance(value, np.ndarray):
        return found.dtype == value.dtype and found.shape == value.shape
    if isinstance(value, pd.Series):
        return found.dtype == value.dtype and found.name == value.name
    if isinstance(value, pd.DataFrame):
        return list(found.dtypes) == list(value.dtypes)
    return True


def check_refusal(error, name):
    text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    assert name in text, f"{error!r} does not name {name}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", VALUES)
def test_it_comes_back_equal_or_is_refused_by_name(tmp_path, kind):
    value = VALUES[kind]
    traj = Trajectory("t", filename=str(tmp_path / "data.hdf5"))
    traj.f_store()
    stored = []
    for number, leaf_class in enumerate((*PARAMETERS, *RESULTS)):
        name = f"leaf{number}"
        try:
            if leaf_class in RESULTS:
                leaf = traj.f_add_result(leaf_class, name, item=value, other=1)
            else:
                leaf = traj.f_add_parameter(leaf_class, name, value)
            traj.f_store_item(leaf)
            stored.append(leaf.v_full_name)
        except Exception as error:
            check_refusal(error, name)
    assert any("results" in name for name in stored), "the way out is a PickleResult"
    loaded = load_trajectory("t", filename=str(tmp_path / "data.hdf5"), load_data=2)
    for name in stored:
        leaf = loaded.f_get(name)
        found = leaf.f_get("item") if name.startswith("results") else leaf.f_get()
        assert is_same(found, value), f"{name}: {value!r} became {found!r}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", VALUES)
def test_a_range_of_it_comes_back_equal_or_is_refused_by_name(tmp_path, kind):
    value = VALUES[kind]
    for number, leaf_class in enumerate(PARAMETERS):
        filename = str(tmp_path / f"data{number}.hdf5")
        traj = Trajectory("t", filename=filename)
        try:
            traj.f_add_parameter(leaf_class, "explored", value)
            traj.f_explore({"explored": [value] * 3})
            traj.f_store()
        except Exception as error:
            check_refusal(error, "explored")
            continue
        found = load_trajectory("t", filename=filename, load_data=2).explored
        values = (
            load_trajectory("t", filename=filename, load_data=2).f_get("explored").f_get_range()
        )
        assert is_same(found, value)
        assert len(values) == 3
        assert all(is_same(each, value) for each in values), f"{value!r} became {values!r}"
