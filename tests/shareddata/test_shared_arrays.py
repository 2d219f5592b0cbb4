"""Handles on arrays, with the store closed and open."""

from __future__ import annotations

import numpy as np
import pytest
import tables
from pandas import DataFrame

from pypet import (
    SharedArray,
    SharedCArray,
    SharedEArray,
    SharedPandasFrame,
    SharedResult,
    SharedTable,
    SharedVLArray,
    StorageContextManager,
)


def add(traj, handle, name="x", **kwargs):
    result = traj.f_add_result(SharedResult, f"group.{name}", handle)
    result.create_shared_data(**kwargs)
    return handle


@pytest.mark.parametrize("kind", [SharedArray, SharedCArray, SharedEArray])
def test_content_can_be_read_and_changed(traj, store, kind):
    content = np.arange(12).reshape(4, 3)
    handle = add(traj, kind(), obj=content)
    np.testing.assert_array_equal(handle.read(), content)
    np.testing.assert_array_equal(handle.read(1, 3), content[1:3])
    np.testing.assert_array_equal(handle.read(start=0, stop=4, step=2), content[::2])
    assert len(handle) == handle.nrows == 4
    assert handle.rowsize == 24
    assert handle.atom.dtype == np.int64
    handle[1] = [7, 8, 9]
    assert handle[1].tolist() == [7, 8, 9]
    assert [row.tolist() for row in handle][:2] == [[0, 1, 2], [7, 8, 9]]
    out = np.zeros((4, 3), dtype=np.int64)
    handle.read(out=out)
    assert out[1].tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("kind", "classname"),
    [(SharedArray, "ARRAY"), (SharedCArray, "CARRAY"), (SharedEArray, "EARRAY")],
)
def test_data_is_kept_as_the_flag_says(traj, kind, classname):
    handle = add(traj, kind(), data=np.ones((2, 2)))
    with StorageContextManager(traj):
        node = handle.get_data_node()
        assert classname == node._v_attrs.CLASS
        assert node._v_attrs.SRVC_STORE == "SHARED_DATA_"
        assert node._v_attrs.SRVC_SHARED_TYPE == handle.FLAG == classname
        assert node._v_attrs.SRVC_DATA_COLL_TYPE == "COLL_NDARRAY"


def test_data_can_be_described_instead(traj, store):
    handle = add(traj, SharedCArray(), shape=(2, 3), atom=tables.Float64Atom())
    assert handle.read().shape == (2, 3)
    growing = add(traj, SharedEArray(), "e", shape=(0, 2), atom=tables.Int64Atom(), expectedrows=9)
    assert len(growing) == 0
    growing.append(np.array([[1, 2], [3, 4]]))
    assert growing.read().tolist() == [[1, 2], [3, 4]]


def test_filters_come_from_the_service_or_the_options(traj):
    plain = add(traj, SharedCArray(), obj=np.ones(5))
    chosen = add(traj, SharedCArray(), "y", obj=np.ones(5), complevel=2, fletcher32=True)
    given = add(traj, SharedCArray(), "z", obj=np.ones(5), filters=tables.Filters(0))
    with StorageContextManager(traj):
        assert plain.get_data_node().filters.complevel == 9
        assert plain.get_data_node().filters.complib == "zlib"
        assert chosen.get_data_node().filters.complevel == 2
        assert chosen.get_data_node().filters.fletcher32
        assert given.get_data_node().filters.complevel == 0


def test_the_flag_can_be_chosen(traj):
    handle = add(traj, SharedArray(), obj=np.ones(3), flag="EARRAY")
    with StorageContextManager(traj):
        assert isinstance(handle.get_data_node(), tables.EArray)


def test_an_unknown_flag_is_refused(traj):
    with pytest.raises(RuntimeError, match="'NOTHING'; there are ARRAY"):
        add(traj, SharedArray(), obj=np.ones(3), flag="NOTHING")


def test_lists_are_kept_as_lists(traj, store):
    handle = add(traj, SharedArray(), obj=[1, 2, 3])
    assert handle.read() == [1, 2, 3]


def test_text_is_encoded(traj, store):
    handle = add(traj, SharedArray(), obj=["ä", "bc"])
    assert handle.read() == ["ä".encode(), b"bc"]


def test_ragged_arrays_take_rows_of_any_length(traj, store):
    handle = add(traj, SharedVLArray(), obj=np.array([1, 2, 3]))
    handle.append(np.array([4]))
    handle.append([5, 6])
    assert [row.tolist() for row in handle.read()] == [[1, 2, 3], [4], [5, 6]]
    assert [row.tolist() for row in handle.read(1, 3)] == [[4], [5, 6]]
    assert handle[0].tolist() == [1, 2, 3]
    assert len(handle) == 3
    assert [len(row) for row in handle] == [3, 1, 2]
    with pytest.raises(TypeError, match="into `out`"):
        handle.read(out=np.zeros(3))


def test_arrays_without_enumeration_say_so(traj, store):
    with pytest.raises(TypeError):
        add(traj, SharedArray(), obj=np.ones(3)).get_enum()


def test_enumerations_are_given_back(traj, store):
    colors = tables.Enum({"red": 0, "green": 1})
    handle = add(traj, SharedEArray(), atom=tables.EnumAtom(colors, "red", "uint8"), shape=(0,))
    assert handle.get_enum() == colors


def test_iterating_in_the_store_needs_it_open(traj):
    handle = add(traj, SharedArray(), obj=np.arange(4))
    for iterate in (handle.iterrows, handle.next):
        with pytest.raises(TypeError, match="needs an open store"):
            iterate()
    with StorageContextManager(traj):
        assert list(handle.iterrows(1, 3)) == [1, 2]
        iter(handle)
        assert [handle.next(), handle.next()] == [0, 1]


def test_creating_twice_is_refused_and_keeps_the_data(traj, store):
    handle = add(traj, SharedArray(), obj=np.arange(4))
    with pytest.raises(ValueError, match=r"There is data at .* already"):
        handle.create_shared_data(obj=np.zeros(2))
    assert handle.read().tolist() == [0, 1, 2, 3]


def test_a_failing_creation_leaves_nothing(traj, store):
    handle = SharedCArray()
    traj.f_add_result(SharedResult, "x", handle)
    with pytest.raises(TypeError):
        handle.create_shared_data(obj=np.ones(3), no_such_option=1)
    with pytest.raises(TypeError):
        handle.create_shared_data()
    handle.create_shared_data(obj=np.ones(3))
    assert handle.read().tolist() == [1.0, 1.0, 1.0]


def test_names_with_dots_are_nested(traj, store):
    result = traj.f_add_result(SharedResult, "x", **{"a.b": SharedArray(), "a.c": SharedArray()})
    result["a.b"].create_shared_data(obj=np.arange(2))
    result["a.c"].create_shared_data(obj=np.arange(3))
    assert result["a.c"].read().tolist() == [0, 1, 2]
    traj.f_load_item(result, load_data=3)
    assert sorted(result.f_to_dict()) == ["a.b", "a.c"]
    assert result["a.b"].read().tolist() == [0, 1]


@pytest.mark.parametrize("complib", ["blosc:zstd", "bzip2", "blosc2"])
def test_data_may_be_compressed_by_another_library(traj, complib):
    pytest.importorskip("hdf5plugin")
    traj.v_storage_service.complib = complib
    content = np.arange(6000).reshape(100, 60)
    chunks = add(traj, SharedCArray(), "c", obj=content)
    growing = add(traj, SharedEArray(), "e", obj=content)
    ragged = add(traj, SharedVLArray(), "v", obj=content[0])
    frame = add(traj, SharedPandasFrame(), "f", obj=DataFrame({"t": ["a", "b"]}), format="fixed")
    np.testing.assert_array_equal(chunks.read(), content)
    np.testing.assert_array_equal(growing.read(), content)
    assert len(ragged) == 1
    assert frame.read()["t"].tolist() == ["a", "b"]
    with StorageContextManager(traj):
        assert chunks.get_data_node().filters.complib.removesuffix(":blosclz") == complib


def test_masked_elements_are_refused_before_anything_changes(traj, store):
    shared = traj.f_add_result(SharedResult, "arrays", grows=SharedEArray(), new=SharedArray())
    shared.create_shared_data("grows", obj=np.arange(3))
    masked = np.ma.array([7, 8, 9], mask=[0, 1, 0])

    for change in (
        lambda: shared.grows.append(masked),
        lambda: shared.grows.__setitem__(slice(0, 3), masked),
        lambda: shared.create_shared_data("new", obj=masked),
    ):
        with pytest.raises(TypeError, match=r"results\.arrays.*mask"):
            change()
    shared.grows.append(np.ma.array([3, 4]))

    assert shared.grows.read().tolist() == [0, 1, 2, 3, 4]


def test_masked_rows_are_refused(traj, store):
    shared = traj.f_add_result(SharedResult, "table", SharedTable())
    rows = np.ma.array([(1, 2.0)], mask=[(True, False)], dtype=[("a", "i4"), ("b", "f8")])

    with pytest.raises(TypeError, match="mask"):
        shared.create_shared_data(obj=rows)
    shared.create_shared_data(obj=rows.data)
    with pytest.raises(TypeError, match="mask"):
        shared.table.append(rows)

    assert shared.table.read().tolist() == [(1, 2.0)]
