"""Sequences of several types, and None: nothing of them is lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet.encoding import decode_column, decode_item, encode_column, encode_value
from pypet.encoding.mixtures import MAX_LENGTH
from tests.encoding.exactly import same
from tests.encoding.strategies import COLUMN_NAMES, SCALARS

MIXTURES = st.lists(SCALARS | st.none(), max_size=6)


def round_trip(value):
    return decode_item(encode_value("x", value))


@given(MIXTURES)
def test_mixtures_come_back_exactly(values):
    if set(map(type, values)) == {int}:
        values = [*values, None]  # integers alone share one dtype, which 64 bits do not always do
    assert same(round_trip(values), values)
    assert same(round_trip(tuple(values)), tuple(values))


@given(st.dictionaries(COLUMN_NAMES, SCALARS | st.none() | MIXTURES.map(tuple), max_size=3))
def test_dictionaries_with_mixtures_and_none_come_back_exactly(value):
    for key, cell in value.items():
        if type(cell) is tuple and set(map(type, cell)) == {int}:
            value[key] = (*cell, None)
    assert same(round_trip(value), {key: value[key] for key in sorted(value)})


@pytest.mark.parametrize(
    ("value", "kept", "scalar", "types"),
    [
        ([0.0, np.float64(1.5)], [0.0, 1.5], "float", "float float64"),
        ([0, np.int64(3)], [0, 3], "int", "int int64"),
        ([1.5, 0], [1.5, 0.0], "float", "float int"),
        ([0, 1.5, 2.5], [0.0, 1.5, 2.5], "float", "int 2*float"),
        ([True, 2], [1, 2], "int", "bool int"),
        ([True, np.bool_(False)], [True, False], "bool", "bool bool_"),
        ([1, 2j], [1, 2j], "complex", "int complex"),
        ([np.int8(1), np.int16(2)], [1, 2], "int", "int8 int16"),
        ([np.uint64(2**64 - 1), 1], [2**64 - 1, 1], "int", "uint64 int"),
        (["a", np.str_("b")], [b"a", b"b"], "str", "str str_"),
        ([b"a", np.bytes_(b"b")], [b"a", b"b"], "bytes", "bytes bytes_"),
        ([1, None], [b"1", b"None"], "str", "int None"),
        ([None, None], [b"None", b"None"], "str", "2*None"),
        ([1, "a"], [b"1", b"a"], "str", "int str"),
        ([2**53 + 1, 0.5], [b"9007199254740993", b"0.5"], "str", "int float"),
        ([-1, np.uint64(2**64 - 1)], [b"-1", b"18446744073709551615"], "str", "int uint64"),
        ([b"\xff", "ü"], ["ÿ".encode(), "ü".encode()], "str", "bytes str"),
    ],
)
def test_readers_that_know_no_element_types_get_numbers_or_text(value, kept, scalar, types):
    item = encode_value("x", value)

    assert (item.flag, item.collection, item.scalar) == ("ARRAY", "COLL_LIST", scalar)
    assert item.value.tolist() == kept
    assert item.types == types
    assert same(decode_item(item), value)
    established = decode_item(item._replace(types=None))
    assert len(established) == len(value)
    assert {type(element).__name__ for element in established} == {scalar}


def test_none_is_text_for_readers_that_do_not_know_it():
    item = encode_value("x", None)

    assert (item.flag, item.collection, item.scalar) == ("ARRAY", "COLL_SCALAR", "str")
    assert decode_item(item) is None
    assert decode_item(item._replace(types=None)) == "None"


@pytest.mark.parametrize("value", ["None", ["None"], {"a": "None"}, b"None"])
def test_text_that_looks_like_none_stays_text(value):
    assert same(round_trip(value), value)


def test_many_changes_of_type_are_noted_in_the_elements():
    value = [1, "a:b", None, 2.5] * (MAX_LENGTH // 4)

    item = encode_value("x", value)

    assert item.types == "*"
    assert item.value[:4].tolist() == [b"int:1", b"str:a:b", b"None:None", b"float:2.5"]
    assert same(decode_item(item), value)


def test_integers_of_many_digits_are_kept_in_mixtures():
    value = [10**5000, None, -(10**5000)]

    assert round_trip(value) == value


@pytest.mark.parametrize(
    "cells",
    [
        [1, 2.0, None],
        [None, 1],
        ["a", None, "b\0"],
        [[1, None], [2.5, "a"]],
        [(None, None), (1, 2)],
        [np.int8(1), 1, True],
    ],
)
def test_cells_of_tables_may_differ_in_type(cells):
    assert same(decode_column(encode_column("c", cells)), cells)


def test_elements_that_were_added_by_others_are_read_by_the_scalar_type():
    item = encode_value("x", [0.0, 1])

    assert decode_item(item._replace(value=np.arange(3.0))) == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("types", ["int quaternion", "-1*int 3*float", "x*int"])
def test_damaged_element_types_are_refused(types):
    item = encode_value("x", [1, 2.5])

    with pytest.raises((TypeError, ValueError)):
        decode_item(item._replace(types=types))


@pytest.mark.parametrize("flag", ["CARRAY", "EARRAY"])
def test_mixtures_may_be_kept_in_chunks(flag):
    assert same(decode_item(encode_value("x", [1, 2.5], flag)), [1, 2.5])
