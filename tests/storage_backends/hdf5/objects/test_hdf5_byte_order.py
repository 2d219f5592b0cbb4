"""Arrays come back in the byte order that they had."""

from __future__ import annotations

import sys

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("pandas")
pytest.importorskip("tables")

import pandas as pd
import tables

from pypet import ObjectTable, Trajectory, load_trajectory

NATIVE, OTHER = ("<", ">") if sys.byteorder == "little" else (">", "<")
ARRAYS = {
    "small": np.arange(6, dtype=f"{OTHER}f8"),
    "large": np.arange(60_000, dtype=f"{OTHER}i4").reshape(300, 200),
    "no axis": np.array(3, f"{OTHER}i8"),
    "no elements": np.zeros((0, 3), f"{OTHER}u2"),
    "complex": np.arange(3, dtype=f"{OTHER}c16"),
    "text": np.array(["a", "größer"], dtype=f"{OTHER}U6"),
    "not contiguous": np.arange(12, dtype=f"{OTHER}i2").reshape(3, 4).T,
    "native": np.arange(6, dtype=f"{NATIVE}f8"),
    "bytes": np.array([b"a", b"bc"]),
}


def round_trip(tmp_path, value, **options):
    path = tmp_path / "data.hdf5"
    traj = Trajectory("t", filename=path, add_time=False, **options)
    traj.f_add_result("r", v=value)
    traj.f_store()
    return load_trajectory("t", filename=path, load_data=2).f_get("r").v


def check_same(back, value):
    assert type(back) is type(value)
    assert back.dtype == value.dtype
    np.testing.assert_array_equal(back, value)


@pytest.mark.parametrize("complevel", [0, 9])
@pytest.mark.parametrize("value", ARRAYS.values(), ids=ARRAYS)
def test_arrays_keep_their_byte_order(tmp_path, value, complevel):
    check_same(round_trip(tmp_path, value, complevel=complevel), value)


def test_matrices_keep_their_byte_order(tmp_path):
    value = np.arange(6, dtype=f"{OTHER}f4").reshape(2, 3).view(np.matrix)
    check_same(round_trip(tmp_path, value), value)


def test_arrays_in_dictionaries_and_tables_keep_their_byte_order(tmp_path):
    value = ARRAYS["small"]
    back = round_trip(tmp_path, {"a": value, "b": 1, "t": ARRAYS["text"]})
    check_same(back["a"], value)
    check_same(back["t"], ARRAYS["text"])
    (tmp_path / "data.hdf5").unlink()
    table = round_trip(tmp_path, ObjectTable({"c": [value, (value + 1).astype(value.dtype)]}))
    check_same(table["c"][0], value)


def test_a_dictionary_of_very_many_arrays_keeps_their_byte_order(tmp_path):
    value = {f"key{number}": ARRAYS["small"] for number in range(600)}
    back = round_trip(tmp_path, value)
    assert {array.dtype for array in back.values()} == {ARRAYS["small"].dtype}


def test_rows_of_any_length_keep_their_byte_order(tmp_path):
    path = tmp_path / "data.hdf5"
    traj = Trajectory("t", filename=path, add_time=False)
    traj.f_add_result("r", v=ARRAYS["small"])
    traj.f_store(only_init=True)
    traj.f_store_item("r", store_flags={"v": "VLARRAY"})
    (row,) = load_trajectory("t", filename=path, load_data=2).f_get("r").v
    check_same(row, ARRAYS["small"])


@pytest.mark.parametrize("pandas_format", ["fixed", "table"])
def test_columns_of_pandas_keep_their_byte_order(tmp_path, pandas_format):
    frame = pd.DataFrame(
        {"a": np.arange(3, dtype=f"{OTHER}i4"), "b": [1.0, 2.0, 3.0]},
        index=np.arange(3, dtype=f"{OTHER}i8"),
    )
    back = round_trip(tmp_path, frame, pandas_format=pandas_format)
    assert list(back.dtypes) == list(frame.dtypes)
    assert back.index.dtype == frame.index.dtype
    assert back.astype(float).equals(frame.astype(float))
    (tmp_path / "data.hdf5").unlink()
    series = round_trip(tmp_path, frame["a"], pandas_format=pandas_format)
    assert series.dtype == frame["a"].dtype


def test_other_programs_read_the_order_of_the_machine(tmp_path):
    round_trip(tmp_path, ARRAYS["small"])
    with tables.open_file(tmp_path / "data.hdf5") as file:
        node = file.get_node("/t/results/r/v")
        assert node.byteorder == sys.byteorder
        assert node.attrs["SRVC_DATA_BYTE_ORDER"] == ("big" if OTHER == ">" else "little")
        np.testing.assert_array_equal(node[:], ARRAYS["small"])


def test_a_big_endian_dataset_of_another_version_is_read_in_the_order_of_the_machine(tmp_path):
    round_trip(tmp_path, ARRAYS["native"])
    with tables.open_file(tmp_path / "data.hdf5", "a") as file:
        old = file.get_node("/t/results/r/v")
        attributes = {name: old.attrs[name] for name in old.attrs._f_list("user")}
        old.remove()
        new = file.create_carray("/t/results/r", "v", obj=ARRAYS["small"], byteorder="big")
        for name, value in attributes.items():
            new.attrs[name] = value
    back = load_trajectory("t", filename=tmp_path / "data.hdf5", load_data=2).f_get("r").v
    check_same(back, ARRAYS["native"])


def test_parameters_refuse_another_byte_order():
    traj = Trajectory("t")
    with pytest.raises(TypeError, match="does not support"):
        traj.f_add_parameter("p", ARRAYS["small"])
