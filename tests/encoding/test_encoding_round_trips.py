"""Whatever is encoded comes back with its exact type and value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

from pypet.encoding import decode_item, encode_value
from pypet.records import ArrayItem, TableItem
from tests.encoding.exactly import matrix, same
from tests.encoding.strategies import ARRAY_DTYPES, DICTIONARIES, SCALARS, SEQUENCES, SHAPES, TEXT


def round_trip(value, flag=None, encoding="utf8"):
    return decode_item(encode_value("x", value, flag, encoding), encoding)


@given(SCALARS)
def test_scalars_come_back_exactly(value):
    item = encode_value("x", value)

    assert item.flag == "ARRAY"
    assert item.collection == "COLL_SCALAR"
    assert same(decode_item(item), value)


@given(SEQUENCES)
def test_lists_and_tuples_come_back_exactly(values):
    assert same(round_trip(values), values)
    assert same(round_trip(tuple(values)), tuple(values))


@given(hnp.arrays(ARRAY_DTYPES, SHAPES))
def test_arrays_come_back_exactly(array):
    back = round_trip(array)

    assert back.shape == array.shape
    if array.dtype.kind == "U":
        assert np.array_equal(back, array)
    else:
        assert same(back, array)


@given(DICTIONARIES)
def test_dictionaries_come_back_exactly_with_sorted_keys(value):
    back = round_trip(value)

    assert list(back) == sorted(value)
    assert same(back, {key: value[key] for key in sorted(value)})


@given(TEXT)
def test_text_survives_every_encoding_that_has_it(value):
    for encoding in ("utf8", "utf16", "utf32", "cp037"):
        try:
            value.encode(encoding)
        except UnicodeEncodeError:
            continue
        assert round_trip(value, encoding=encoding) == value
        assert round_trip([value, "a"], encoding=encoding) == [value, "a"]


@pytest.mark.parametrize(
    "text", [b"", b"\0", b"\0\0", b"a\0", b"a\0b", b"\1\0", "", "\0", "ü\0", "a\0\0"]
)
def test_nul_characters_are_kept(text):
    assert same(round_trip(text), text)
    assert same(round_trip([text, text]), [text, text])
    assert same(round_trip({"k": text}), {"k": text})
    assert same(round_trip({"k": [text, text + text]}), {"k": [text, text + text]})


@pytest.mark.parametrize(
    ("value", "dtype", "scalar", "flavor"),
    [
        (True, "?", "bool", "python"),
        (7, "i8", "int", "python"),
        (-(2**63), "i8", "int", "python"),
        (2**64 - 1, "u8", "int", "python"),
        (1.5, "f8", "float", "python"),
        (1j, "c16", "complex", "python"),
        ("hä", "S3", "str", "python"),
        ("", "S1", "str", "python"),
        (b"ab\0", "S3", "bytes", "python"),
        (np.int8(3), "i1", "int8", "numpy"),
        (np.bool_(True), "?", "bool_", "numpy"),
        (np.float32(3), "f4", "float32", "numpy"),
        (np.str_("ü"), "S2", "str_", "numpy"),
    ],
)
def test_scalars_are_arrays_without_axes(value, dtype, scalar, flavor):
    item = encode_value("x", value)

    assert item == ArrayItem("x", "ARRAY", item.value, "COLL_SCALAR", scalar, flavor)
    assert item.value.shape == ()
    assert item.value.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("value", "dtype", "shape", "collection", "scalar"),
    [
        ([1, 2], "i8", (2,), "COLL_LIST", "int"),
        ((1, 2**63), "u8", (2,), "COLL_TUPLE", "int"),
        (["a", "äb"], "S3", (2,), "COLL_LIST", "str"),
        ([], "f8", (0,), "COLL_LIST", None),
        ((), "f8", (0,), "COLL_TUPLE", None),
        ({}, "f8", (0,), "COLL_EMPTY_DICT", None),
        (np.zeros((0, 3), "i2"), "i2", (0, 3), "COLL_NDARRAY", None),
        (np.zeros((3, 0)), "f8", (3, 0), "COLL_NDARRAY", None),
        (np.array(4.5), "f8", (), "COLL_NDARRAY", None),
    ],
)
def test_what_has_no_chunks_is_kept_as_plain_array(value, dtype, shape, collection, scalar):
    item = encode_value("x", value)

    assert (item.flag, item.collection, item.scalar) == ("ARRAY", collection, scalar)
    assert (item.value.dtype, item.value.shape) == (np.dtype(dtype), shape)
    assert same(decode_item(item), value)


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), matrix([[1, 2], [3, 4]])])
def test_arrays_are_chunked_and_share_their_memory(array):
    item = encode_value("x", array)

    assert item.flag == "CARRAY"
    assert type(item.value) is np.ndarray
    assert np.shares_memory(item.value, array)
    assert same(decode_item(item), array)


def test_zero_dimensional_array_stays_an_array():
    back = round_trip(np.array(2))

    assert type(back) is np.ndarray
    assert back.shape == ()


@pytest.mark.parametrize("text", ["abc", "äöü", "a€\U0001f40d"])
def test_unicode_arrays_are_encoded(text):
    array = np.array([[text, "x"], ["", "yz"]])

    item = encode_value("x", array)

    assert item.value.dtype.kind == "S"
    assert item.scalar == "str"
    assert np.array_equal(decode_item(item), array)
    assert np.array_equal(round_trip(array, encoding="utf16"), array)


def test_ascii_arrays_keep_their_width():
    array = np.array(["a", "b"], dtype="U10")

    assert round_trip(array).dtype == array.dtype


def test_matrix_of_text_comes_back_as_matrix():
    value = matrix([["a", "b"]])

    assert same(round_trip(value), value)


def test_dictionary_is_a_table_of_one_row():
    value = {"b": 1, "a": "hä", "c": [1.0], "d": np.eye(2), "e": (), "f": np.float32(2), "g": 1j}

    item = encode_value("x", value)

    assert isinstance(item, TableItem)
    assert item.flag == "DICT"
    assert [column.name for column in item.columns] == list("abcdefg")
    columns = {column.name: column for column in item.columns}
    assert columns["b"].values.dtype == np.int64
    assert columns["a"].values.dtype == np.dtype("S4")
    assert columns["c"].values.shape == (1, 1)
    assert columns["d"].values.shape == (1, 2, 2)
    assert same(decode_item(item), dict(sorted(value.items())))


def test_dictionary_with_matrix_and_text_array():
    value = {"m": matrix([[1, 2]]), "t": np.array(["ä", "bc"]), "z": np.array(3)}

    assert same(round_trip(value), value)


@pytest.mark.parametrize("flag", ["ARRAY", "CARRAY", "EARRAY"])
@pytest.mark.parametrize("value", [np.arange(3), matrix([[1, 2]]), [1, 2], ("a", "b")])
def test_explicit_array_flags_are_kept(flag, value):
    item = encode_value("x", value, flag)

    assert item.flag == flag
    assert same(decode_item(item), value)


def test_array_of_variable_length_comes_back_as_list_of_its_rows():
    item = encode_value("x", np.arange(3), "VLARRAY")
    rows = np.empty(2, dtype=object)
    rows[0], rows[1] = np.arange(2), np.arange(3)

    assert item.flag == "VLARRAY"
    assert same(decode_item(item), [np.arange(3)])
    assert same(decode_item(item._replace(value=rows)), [np.arange(2), np.arange(3)])


def test_list_of_variable_length_comes_back_as_it_was():
    assert round_trip(["a", "b"], "VLARRAY") == ["a", "b"]


def test_list_of_variable_length_without_rows_is_empty():
    item = encode_value("x", ["a"], "VLARRAY")

    assert decode_item(item._replace(value=np.empty(0, dtype=object))) == []


def test_empty_arrays_have_no_chunks_but_can_be_extended():
    assert encode_value("x", np.empty(0), "CARRAY").flag == "ARRAY"
    assert encode_value("x", np.empty((0, 3)), "EARRAY").flag == "EARRAY"
    assert encode_value("x", np.empty((0, 0)), "EARRAY").flag == "ARRAY"


def test_explicit_array_flag_serves_scalars_and_empty_dictionaries():
    assert round_trip(5, "ARRAY") == 5
    assert round_trip({}, "ARRAY") == {}


def test_scalar_without_type_comes_back_as_numpy_scalar():
    item = ArrayItem("x", "ARRAY", np.array(3, dtype="i2"), "COLL_SCALAR", None)

    assert same(decode_item(item), np.int16(3))


def test_unknown_collection_leaves_the_array():
    item = ArrayItem("x", "ARRAY", np.arange(3), "COLL_STRANGE", None)

    assert same(decode_item(item), np.arange(3))
