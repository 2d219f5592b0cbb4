"""Stored items become shared data and ordinary ones again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pypet import (
    DataNotInStorageError,
    ObjectTable,
    Result,
    SharedArray,
    SharedCArray,
    SharedEArray,
    SharedPandasFrame,
    SharedResult,
    SharedTable,
    SharedVLArray,
    make_ordinary_result,
    make_shared_result,
)
from pypet.utils.comparisons import nested_equal

ITEMS = [
    (np.arange(6).reshape(2, 3), SharedCArray),
    (np.array(["ä", "b"]), SharedCArray),
    (np.array([[1, 2]]).view(np.matrix), SharedCArray),
    ([1, 2, 3], SharedArray),
    (("a", "bc"), SharedArray),
    (ObjectTable({"a": [1, 2], "b": ["u", "ö"]}), SharedTable),
    (pd.DataFrame({"a": [1, 2]}), SharedPandasFrame),
]


@pytest.mark.parametrize(("value", "kind"), ITEMS, ids=lambda value: type(value).__name__)
def test_items_become_shared_and_ordinary_again(traj, store, value, kind):
    result = traj.f_add_result(SharedResult, "x", item=value, other=5)
    traj.f_store()
    assert make_shared_result(result, "item", traj) is result
    assert type(result.item) is kind
    traj.f_load_item(result, load_data=3)
    assert type(result.item) is kind
    assert result.item.read() is not None
    assert make_ordinary_result(result, "item") is result
    assert type(result.item) is type(value)
    assert nested_equal(result.item, value)
    assert result.other == 5


def test_shared_data_of_every_kind_becomes_ordinary(traj, store):
    result = traj.f_add_result(
        SharedResult,
        "x",
        array=SharedArray(),
        earray=SharedEArray(),
        vlarray=SharedVLArray(),
        table=SharedTable(),
        frame=SharedPandasFrame(),
    )
    result.create_shared_data("array", obj=[1, 2])
    result.create_shared_data("earray", obj=np.ones((2, 2)))
    result.create_shared_data("vlarray", obj=np.array([1, 2]))
    result.create_shared_data("table", first_row={"a": 1})
    result.create_shared_data("frame", obj=pd.DataFrame({"a": [1]}))
    result.vlarray.append(np.array([3]))
    for name in list(result):
        make_ordinary_result(result, name, traj)
    assert result.array == [1, 2]
    assert result.earray.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert [row.tolist() for row in result.vlarray] == [[1, 2], [3]]
    assert type(result.table) is ObjectTable
    assert result.table["a"].tolist() == [1]
    assert_frame_equal(result.frame, pd.DataFrame({"a": [1]}))


def test_the_class_of_the_handle_can_be_chosen(traj):
    result = traj.f_add_result(SharedResult, "x", np.arange(3))
    traj.f_store()
    make_shared_result(result, 0, traj, new_class=SharedArray)
    assert type(result.x) is SharedArray
    assert result.x.read().tolist() == [0, 1, 2]


def test_without_reloading_the_item_is_only_dropped(traj):
    result = traj.f_add_result(SharedResult, "x", a=SharedArray(), b=2)
    result.create_shared_data("a", obj=np.arange(3))
    make_ordinary_result(result, "a", reload=False)
    assert list(result) == ["b"]
    traj.f_load_item(result, load_data=3)
    assert result.a.tolist() == [0, 1, 2]


def test_items_that_are_not_stored_are_kept(traj):
    result = traj.f_add_result(SharedResult, "x", np.arange(3))
    with pytest.raises(DataNotInStorageError):
        make_shared_result(result, "x", traj)
    assert result.x.tolist() == [0, 1, 2]
    handle = traj.f_add_result(SharedResult, "y", SharedArray())
    with pytest.raises(DataNotInStorageError):
        make_ordinary_result(handle, "y")
    assert type(handle.y) is SharedArray


@pytest.mark.parametrize("value", [5, "text", {"a": 1}, pd.Series([1])])
def test_other_types_cannot_be_shared(traj, value):
    result = traj.f_add_result(SharedResult, "x", value)
    traj.f_store()
    with pytest.raises(RuntimeError, match="shared data is made of"):
        make_shared_result(result, "x", traj)


def test_items_kept_in_another_way_cannot_be_shared(traj):
    table = ObjectTable({f"c{number:03}": [number] for number in range(520)})
    result = traj.f_add_result(SharedResult, "x", split=table, mapping={"a": 1})
    traj.f_store()
    with pytest.raises(TypeError, match="too many columns"):
        make_shared_result(result, "split", traj)
    with pytest.raises(TypeError, match="kept as DICT"):
        make_shared_result(result, "mapping", traj, new_class=SharedTable)
    assert result.mapping == {"a": 1}


def test_wrong_arguments_are_refused(traj):
    result = traj.f_add_result(SharedResult, "x", a=1)
    traj.f_store()
    with pytest.raises(TypeError, match="ordinary already"):
        make_ordinary_result(result, "a")
    with pytest.raises(AttributeError, match="no item 'b'"):
        make_shared_result(result, "b", traj)
    plain = Result("y", 1)
    for convert in (make_shared_result, make_ordinary_result):
        with pytest.raises(TypeError, match="not a Result"):
            convert(plain, "y", traj)


@pytest.mark.parametrize(
    "first", [[1, 2, 3], (1, 2, 3), np.arange(1, 4)], ids=["list", "tuple", "array"]
)
def test_rows_that_were_added_come_back_as_ordinary_data(traj, first):
    result = traj.f_add_result(SharedResult, "rows", rows=SharedVLArray())
    traj.f_store()
    result.rows.create_shared_data(obj=first)
    result.rows.append([4, 5])
    make_ordinary_result(result, "rows", traj)
    assert [list(row) for row in result.rows] == [[1, 2, 3], [4, 5]]
