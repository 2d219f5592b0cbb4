"""Items with attributes as older versions wrote them."""

from __future__ import annotations

import numpy as np
import pytest

from pypet.encoding import decode_column, decode_item
from pypet.records import ArrayItem, Column, TableItem
from tests.encoding.exactly import same


def array_item(value, collection, scalar):
    return ArrayItem("x", "ARRAY", np.asarray(value), collection, scalar)


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [
        (np.int64(3), "<type 'int'>", 3),
        (np.int64(2**40), "long", 2**40),
        (np.int64(2**40), "<type 'long'>", 2**40),
        (np.float64(2.5), "<type 'float'>", 2.5),
        (np.int16(7), "<type 'numpy.int16'>", np.int16(7)),
        (np.int16(7), b"int16", np.int16(7)),
        (np.uint8(1), "<type 'bool'>", True),
        (np.bool_(True), "bool_", np.bool_(True)),
        (b"text", "<type 'str'>", "text"),
        (b"\xc3\xbc", "<type 'unicode'>", "ü"),
        (b"\xc3\xbc", b"unicode", "ü"),
        (b"abc", "string_", np.bytes_(b"abc")),
        (b"abc", "<class 'bytes'>", b"abc"),
    ],
)
def test_spellings_of_scalar_types(raw, name, value):
    assert same(decode_item(array_item(raw, "COLL_SCALAR", name)), value)
    assert same(decode_item(array_item(raw, b"COLL_SCALAR", name)), value)
    column = Column("data", np.array([raw, raw]), np.bytes_(b"COLL_SCALAR"), name)
    assert same(decode_column(column), [value, value])


@pytest.mark.parametrize(
    ("raw", "name", "element"),
    [(5, "int", 5), (b"a", "str", "a"), (2.5, "float64", np.float64(2.5))],
)
def test_sequence_of_one_element_kept_as_scalar(raw, name, element):
    assert same(decode_item(array_item(raw, "COLL_LIST", name)), [element])
    assert same(decode_item(array_item(raw, "COLL_TUPLE", name)), (element,))
    column = Column("data", np.array([raw]), "COLL_TUPLE", name)
    assert same(decode_column(column), [(element,)])


def test_numbers_become_the_type_of_the_first_element():
    assert same(decode_item(array_item([1.0, 2.5], "COLL_LIST", "int")), [1, 2])


def test_small_integers_of_tables_come_back_as_int():
    assert same(decode_column(Column("c", np.arange(2, dtype="i4"), "COLL_SCALAR", "int")), [0, 1])


def test_text_padded_by_wide_columns_is_trimmed():
    column = Column("c", np.array([b"aa", b"b"], dtype="S6"), "COLL_SCALAR", "str")

    assert same(decode_column(column), ["aa", "b"])


def test_padded_text_in_cells_that_are_arrays_is_trimmed():
    column = Column("c", np.array([[b"aa", b"b"]], dtype="S6"), "COLL_NDARRAY", "str")

    assert same(decode_column(column), [np.array(["aa", "b"])])


def test_text_that_was_decoded_already_is_taken():
    assert same(decode_item(array_item("abc", "COLL_SCALAR", "str")), "abc")
    assert same(decode_item(array_item(["a", "b"], "COLL_LIST", "str")), ["a", "b"])


def test_columns_without_type_come_back_as_numpy_types():
    assert same(
        decode_column(Column("c", np.arange(2.0), None, None)), [np.float64(0), np.float64(1)]
    )


def test_flag_in_bytes_is_understood():
    column = Column("a", np.array([1]), "COLL_SCALAR", "int")

    assert decode_item(TableItem("d", b"DICT", (column,))) == {"a": 1}


def test_text_in_another_encoding():
    assert decode_item(array_item("ü".encode("latin1"), "COLL_SCALAR", "str"), "latin1") == "ü"


def test_text_in_the_wrong_encoding_names_the_item():
    with pytest.raises(UnicodeDecodeError) as caught:
        decode_item(array_item(b"\xfc", "COLL_SCALAR", "str"), "utf8")

    assert "'x'" in caught.value.__notes__[0]
