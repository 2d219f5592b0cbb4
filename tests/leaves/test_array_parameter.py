"""`ArrayParameter`: distinct arrays of a range are kept once."""

from __future__ import annotations

import numpy as np
import pytest

from pypet.errors import DataNotInStorageError
from pypet.leaves import ArrayParameter, Parameter
from tests import leaf_calls
from tests.encoding.exactly import matrix, same


def items_of(param):
    return {item.name: item for item in leaf_calls.encode(param)}


def reloaded(param, cls=ArrayParameter):
    twin = cls("parameters.x")
    leaf_calls.decode(twin, items_of(param))
    return twin


def explored(default, values):
    param = ArrayParameter("parameters.x", default)
    leaf_calls.explore(param, values)
    return param


@pytest.mark.parametrize("data", [[], (), np.array([]), np.array([], dtype="U3"), (1, 2), 5])
def test_empty_sequences_are_supported_too(data):
    param = ArrayParameter("parameters.x", data)

    assert same(reloaded(param).f_get(), data)


@pytest.mark.parametrize(
    "data", [(1, "a"), ((1,), (2,)), (None,), np.empty((0, 2)), np.empty(0, dtype=object)]
)
def test_data_that_could_not_be_stored_is_refused(data):
    with pytest.raises(TypeError, match="does not support"):
        ArrayParameter("x", data)


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (np.arange(2), np.eye(3), True),
        ((1, 2), ("a",), True),
        ((), (1,), True),
        ([1, 2], ["a"], True),
        (np.arange(2), matrix([[0, 1]]), False),
        (np.arange(2), [0, 1], False),
        (1, 1.0, False),
    ],
)
def test_containers_of_one_class_match(a, b, verdict):
    assert leaf_calls.same_type(ArrayParameter("x"), a, b) is verdict


def test_mixed_shapes_are_kept_in_sets_of_a_thousand():
    values = [np.full(1 + index % 1003, index) for index in range(1003)]
    param = explored(np.arange(2), values + values)

    items = items_of(param)

    assert len(items) == 1005
    assert items["data__rr__"].flag == "CARRAY"
    assert "explored__rr__.set_00000.xa_00000999" in items
    assert "explored__rr__.set_00001.xa_00001000" in items
    (column,) = items["explored_data__rr__"].columns
    assert column.name == "idx"
    assert column.values.tolist() == [*range(1003), *range(1003)]
    assert same(reloaded(param).f_get_range(), values + values)


def test_distinct_entries_differ_in_any_bit_shape_or_type():
    values = [
        np.ones(3),
        np.ones((1, 3)),
        np.zeros(1),
        np.zeros(1, dtype=int),
        np.array(1.0),
        np.array([-0.0]),
        np.array([np.nan]),
        np.arange(6)[::2],
        np.array(["a"], dtype="U5"),
    ]
    param = explored(np.ones(1), values + [value.copy() for value in values])

    assert len(items_of(param)) == 2 + len(values)
    assert same(reloaded(param).f_get_range()[: len(values)], values)


def test_tuples_of_equal_numbers_are_distinct():
    values = [(1, 2), (1.0, 2.0), (1, 2), (True, True), (0.0,), (-0.0,), ()]

    param = explored((1,), values)

    assert len(items_of(param)) == 2 + 6
    assert same(reloaded(param).f_get_range(), values)


def test_three_distinct_arrays_need_few_items():
    arrays = [np.random.default_rng(0).random((5, 5)) for _ in range(3)]

    assert len(items_of(explored(arrays[0], arrays * 10))) < 7


def test_other_data_is_stored_as_by_parameter():
    param = explored(1.0, [1.0, 2.0])

    assert list(items_of(param)) == ["data", "explored_data"]
    assert same(reloaded(param, Parameter).f_get_range(), [1.0, 2.0])


def test_files_of_parameter_can_be_read():
    for data in (np.arange(3), (1, 2), 7):
        param = Parameter("parameters.x", data)
        leaf_calls.explore(param, [data, data])

        twin = reloaded(param)

        assert same(twin.f_get(), data)
        assert same(twin.f_get_range(), [data, data])


def test_flat_items_of_old_files_can_be_read():
    items = items_of(explored(np.arange(2), [np.arange(2), np.arange(3)]))
    for index in range(2):
        old_name = f"xa__rr__{index:08d}"
        items[old_name] = items.pop(f"explored__rr__.set_00000.xa_{index:08d}")

    twin = ArrayParameter("x")
    leaf_calls.decode(twin, items)

    assert same(twin.f_get_range(), [np.arange(2), np.arange(3)])


def test_missing_entry_names_itself():
    items = items_of(explored(np.arange(2), [np.arange(2)]))
    del items["explored__rr__.set_00000.xa_00000000"]

    with pytest.raises(DataNotInStorageError, match="xa_00000000"):
        leaf_calls.decode(ArrayParameter("x"), items)


def test_store_dictionary_and_items_agree():
    pytest.importorskip("pandas")
    values = [np.arange(2), np.eye(2), np.arange(2)]
    param = explored(np.arange(2), values)

    stored = leaf_calls.store(param)
    twin = ArrayParameter("", 3)
    leaf_calls.load(twin, stored)

    assert set(stored) == set(items_of(param))
    assert stored["data__rr__"] is param.f_get()
    assert list(stored["explored_data__rr__"]["idx"]) == [0, 1, 0]
    assert same(twin.f_get_range(), values)
