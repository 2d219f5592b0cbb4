"""Leaves become items and leaves again without any loss."""

from __future__ import annotations

import pickle
from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pypet.leaves import ArrayParameter, Parameter, PickleParameter, PickleResult, Result
from pypet.leaves.codec import decode_leaf, encode_leaf
from tests import leaf_calls
from tests.encoding.exactly import same
from tests.encoding.strategies import DICTIONARIES, SCALARS, SEQUENCES

RANGES = SEQUENCES.filter(len)
TUPLES = st.lists(SEQUENCES.map(tuple), min_size=1, max_size=4)
ARRAYS = st.lists(hnp.arrays("f8", hnp.array_shapes(max_dims=3, max_side=3)), min_size=1)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda part: (
        st.lists(part, max_size=3)
        | st.tuples(part, part)
        | st.dictionaries(st.text(), part, max_size=2)
    ),
    max_leaves=6,
)
ITEMS = st.dictionaries(st.text(min_size=1), SCALARS | SEQUENCES | DICTIONARIES, max_size=4)


def through_items(leaf):
    items = pickle.loads(pickle.dumps(encode_leaf(leaf), 5))
    twin = type(leaf)(leaf.v_full_name)
    decode_leaf(twin, {item.name: item for item in items})
    return twin


def through_dictionary(leaf):
    twin = type(leaf)(leaf.v_full_name)
    leaf_calls.load(twin, leaf_calls.store(leaf))
    return twin


def agree(a, b):
    return (
        same(a.f_get(), b.f_get())
        and a.v_explored == b.v_explored
        and (not a.f_has_range() or same(a.f_get_range(), b.f_get_range()))
    )


@given(RANGES)
def test_parameters_with_ranges_of_scalars(values):
    param = Parameter("parameters.x", values[0])
    leaf_calls.explore(param, values)

    assert agree(through_items(param), param)


@given(RANGES, st.integers(1, 3))
def test_parameters_with_ranges_of_lists(values, times):
    for default in (values, tuple(values)):
        param = Parameter("parameters.x", default)
        leaf_calls.explore(param, [deepcopy(default) for _ in range(times)])

        assert agree(through_items(param), param)


@given(TUPLES | ARRAYS)
def test_array_parameters(values):
    param = ArrayParameter("parameters.x", values[0])
    leaf_calls.explore(param, values + deepcopy(values))

    assert len(encode_leaf(param)) <= 2 + len(values)
    assert agree(through_items(param), param)


@given(st.lists(st.lists(ANYTHING, max_size=2), min_size=1, max_size=3))
def test_pickle_parameters(values):
    param = PickleParameter("parameters.x", values[0])
    leaf_calls.explore(param, values)

    twin = through_items(param)

    assert all(map(same, twin.f_get_range(), param.f_get_range()))


@given(ITEMS)
def test_results(data):
    result = Result("results.r")
    for name, value in data.items():
        result[name] = value

    expected = {
        name: dict(sorted(value.items())) if isinstance(value, dict) else value
        for name, value in data.items()
    }
    assert same(through_items(result).f_to_dict(), expected)


@given(st.dictionaries(st.sampled_from("abcd"), ANYTHING))
def test_pickle_results(data):
    result = PickleResult("results.r")
    for name, value in data.items():
        result[name] = value

    assert same(through_items(result).f_to_dict(), data)


@pytest.mark.parametrize("values", [[1.0, 2.0], ["a", "ü"], [(1, 2), (3, 4)], [[1], [2]]])
@pytest.mark.parametrize("cls", [Parameter, ArrayParameter, PickleParameter])
def test_items_and_dictionaries_agree(cls, values):
    pytest.importorskip("pandas")
    param = cls("parameters.x", values[0])
    leaf_calls.explore(param, values)

    by_items, by_dictionary = through_items(param), through_dictionary(param)

    assert agree(by_items, param)
    assert agree(by_dictionary, param)
    assert {item.name for item in encode_leaf(param)} == set(leaf_calls.store(param))
