"""What cannot be kept without loss is refused, with the item's name and a way out."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime
from enum import IntEnum

import numpy as np
import pytest

from pypet.encoding import decode_item, encode_column, encode_value
from pypet.errors import NoSuchServiceError
from pypet.records import ArrayItem


class Colour(IntEnum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        datetime(2020, 1, 1),
        np.float16(1),
        np.ma.array([1]),
        OrderedDict(a=1),
        Colour.RED,
        range(3),
    ],
)
def test_unknown_types_are_refused_by_name(value):
    with pytest.raises(NoSuchServiceError, match=r"'my\.item'.*PickleResult") as caught:
        encode_value("my.item", value)

    assert type(value).__name__ in str(caught.value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ([[1], [2]], "list"),
        ([1, [2]], "list"),
        ([{}], "dict"),
        ([Colour.RED], r"\S*Colour"),
        ([Colour.RED, 1], r"\S*Colour"),
        ([np.arange(2)], r"numpy\.ndarray"),
        ([np.ma.masked, 1], r"\S*MaskedConstant"),
        ((None, object()), "object"),
    ],
)
def test_sequences_of_more_than_scalars_are_refused(value, kind):
    with pytest.raises(TypeError, match=rf"'my_list'.*hold scalars.*type {kind}\..*PickleResult"):
        encode_value("my_list", value)


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, [1, 2**64], [-1, 2**63], {"k": 2**70}])
def test_integers_beyond_64_bit_are_refused(value):
    with pytest.raises(TypeError, match=r"'big(\.k)?'.*64 bit.*PickleParameter or PickleResult"):
        encode_value("big", value)


@pytest.mark.parametrize(
    "array",
    [
        np.array([None, 1]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.zeros(2, dtype=[("a", "i4")]),
    ],
)
def test_arrays_of_other_kinds_are_refused(array):
    with pytest.raises(TypeError, match=r"'arr'.*dtype.*PickleResult"):
        encode_value("arr", array)


@pytest.mark.parametrize("key", [1, None, ("a",), "", "a/b", "a\0", np.str_("a")])
def test_keys_that_cannot_name_columns_are_refused(key):
    with pytest.raises(TypeError, match=r"'d'.*key"):
        encode_value("d", {key: 1})


@pytest.mark.parametrize(
    "value",
    [{}, {"a": 1}, set(), [[1]], [1, {}], np.empty(0), Colour.RED, np.ma.array([1], mask=[1])],
)
def test_values_that_fit_in_no_cell_are_refused(value):
    with pytest.raises(TypeError, match=r"'d\.key'.*PickleResult"):
        encode_value("d", {"key": value})


@pytest.mark.parametrize(
    "cells",
    [
        [1, [1]],
        [None, np.arange(2)],
        [[1], [1, 2]],
        [[1], (1,)],
        [[1], None],
        [np.arange(2), np.arange(3)],
        [np.arange(2), np.arange(2.0)],
        [np.arange(2), [0, 1]],
    ],
)
def test_cells_of_one_column_must_agree(cells):
    with pytest.raises(TypeError, match=r"'tab\.col'"):
        encode_column("col", cells, "utf8", "tab")


def test_text_that_the_encoding_lacks_names_the_item():
    with pytest.raises(UnicodeEncodeError) as caught:
        encode_value("txt", "\ud800")

    assert "'txt'" in caught.value.__notes__[0]


@pytest.mark.parametrize("flag", ["ARRAYS", "", "SPLIT_TABLE"])
def test_unknown_flags_are_refused(flag):
    with pytest.raises(RuntimeError, match=r"'x'.*unknown flag"):
        encode_value("x", 1, flag)


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("CARRAY", "text"),
        ("CARRAY", np.array(1)),
        ("EARRAY", 5),
        ("VLARRAY", np.eye(2)),
        ("TABLE", {"a": 1}),
        ("DICT", [1]),
        ("FRAME", np.eye(2)),
        ("SERIES", [1]),
        ("ARRAY", {"a": 1}),
        ("CARRAY", None),
    ],
)
def test_flags_that_do_not_go_with_the_type_are_refused(flag, value):
    with pytest.raises(TypeError, match=rf"'x'.*'{flag}'"):
        encode_value("x", value, flag)


def test_unknown_scalar_type_is_refused_when_decoding():
    item = ArrayItem("x", "ARRAY", np.array(1), "COLL_SCALAR", "quaternion")

    with pytest.raises(TypeError, match="quaternion") as caught:
        decode_item(item)

    assert "'x'" in caught.value.__notes__[0]
