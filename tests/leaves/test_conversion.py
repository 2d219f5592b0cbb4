"""Entries of ranges become the type of the default where nothing is lost by it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pypet.leaves import ArrayParameter, Parameter, PickleParameter
from tests import leaf_calls
from tests.encoding.exactly import same

CONVERTED = [
    (0.3, np.linspace(0, 1, 3), [0.0, 0.5, 1.0]),
    (1.0, [1, 2, 3], [1.0, 2.0, 3.0]),
    (1.0, range(2), [0.0, 1.0]),
    (1.0, [1, 2.5, np.float32(0.5), np.int8(3), np.float16(2)], [1.0, 2.5, 0.5, 3.0, 2.0]),
    (1.0, [2**53, -(2**53)], [2.0**53, -(2.0**53)]),
    (1.0, np.array([1, 2**53]), [1.0, 2.0**53]),
    (1.0, [np.longdouble(0.5)], [0.5]),
    (1.0, np.array([np.nan, -0.0, np.inf], dtype="f4"), [math.nan, -0.0, math.inf]),
    (np.sqrt(10.0), [1.5, 2], [np.float64(1.5), np.float64(2)]),
    (np.float32(1), [0.5, 1], [np.float32(0.5), np.float32(1)]),
    (np.float32(1), np.array([0.5, np.nan]), [np.float32(0.5), np.float32("nan")]),
    (1, np.arange(2), [0, 1]),
    (1, np.array([2**64 - 1], dtype="u8"), [2**64 - 1]),
    (1, [np.uint8(7)], [7]),
    (np.int8(1), [-128, 127], [np.int8(-128), np.int8(127)]),
    (np.uint8(1), np.array([0, 255]), [np.uint8(0), np.uint8(255)]),
    (1j, [1, 2.5, np.complex64(1j)], [1 + 0j, 2.5 + 0j, 1j]),
    (np.complex64(1), np.array([0.5, 2]), [np.complex64(0.5), np.complex64(2)]),
    (True, np.array([True, False]), [True, False]),
    (np.bool_(True), [True, False], [np.bool_(True), np.bool_(False)]),
    ("a", np.array(["b", "cd"]), ["b", "cd"]),
    (np.str_("a"), ["b"], [np.str_("b")]),
    (b"a", np.array([b"b", b"cd"]), [b"b", b"cd"]),
    ((1.0, 2.0), [(1, 2), (1, 2.5), (np.float64(3), 4)], [(1.0, 2.0), (1.0, 2.5), (3.0, 4.0)]),
    ((1, 2), np.array([[3, 4]]), [(3, 4)]),
    ([0.5], [[1, 2.5]], [[1.0, 2.5]]),
    ([0], [[1, 2.5, np.float32(0.5)]], [[1.0, 2.5, 0.5]]),
    ([0], [[np.float32(0.5), np.float64(0.1)]], [[np.float64(0.5), np.float64(0.1)]]),
    (["a"], [[1, 2j, 0.5]], [[1 + 0j, 2j, 0.5 + 0j]]),
    ([0, 0], np.array([[1.5, 2.5], [3, 4]]), [[1.5, 2.5], [3.0, 4.0]]),
    (["a"], [np.array(["b", "cd"])], [["b", "cd"]]),
]

REFUSED = [
    (1, [1.0], r"type int.*`int\(value\)`.*default of type float"),
    (1, [np.float64(1)], r"`int\(value\)`.*default of type numpy.float64"),
    (1, [True], "default of type bool"),
    (1.0, [True], "default of type bool"),
    (1.0, np.array([True]), "default of type numpy.bool"),
    (True, [1], "must be of type bool"),
    (1.0, ["1"], "must be of type float.*default of type str"),
    (1.0, [None], "None means no value"),
    (1.0, [1j], "default of type complex"),
    (1.0, [2**53 + 2], r"`float\(value\)`"),
    (1.0, np.array([1, 2**60]), r"Entry 1 .*`float\(value\)`"),
    (1.0, [10**400], r"`float\(value\)`"),
    (np.float32(1), [0.5, 0.1], r"Entry 1 .*`numpy.float32\(value\)`"),
    (np.float32(1), np.array([0.5, 1e300]), r"Entry 1 .*`.astype\(numpy.float32\)`"),
    (np.int8(1), [127, 128], "Entry 1 .*integers within its limits"),
    (np.int8(1), np.array([0, -129]), "Entry 1 .*integers within its limits"),
    (np.uint8(1), [-1], "must be of type numpy.uint8"),
    ("a", [b"a"], "must be of type str"),
    ("a", [1], "default of type int"),
    (1.0, [np.timedelta64(1, "s")], "PickleParameter"),
    (1.0, [np.array(1.0)], r"`value.item\(\)`"),
    (np.zeros(2), [[0.0, 1.0]], r"type ndarray.*`numpy.array\(value\)`"),
    ([1], [(1,)], r"`list\(value\)`"),
    ((1, 2), [(1,)], "length of the default, 2.*ArrayParameter"),
    ((1, 2), [(1, 2.5)], "convert to int without loss"),
    ([1], [[]], "ArrayParameter takes empty"),
    ([1], [[1, "a"]], "one scalar type"),
    ([1], [[1, True]], "one scalar type"),
    ([1], [[2**60 + 1, 0.5]], "one scalar type"),
    ([1], [[1, None]], "one scalar type"),
    ([1], [[[1], 2]], "one scalar type"),
]


@pytest.mark.parametrize(
    ("cls", "default", "values", "kept"),
    [
        (cls, *case)
        for case in CONVERTED
        for cls in (Parameter, ArrayParameter, PickleParameter)
        if cls is Parameter or not isinstance(case[0], list | tuple)
    ],
)
def test_entries_become_the_type_of_the_default(cls, default, values, kept):
    for entries in (values, list(values)):
        param = cls("parameters.x", default)

        leaf_calls.explore(param, entries)

        assert same(param.f_get_range(), kept)
        param.f_unlock()
        leaf_calls.expand(param, entries)
        assert same(param.f_get_range(), kept + kept)


@pytest.mark.parametrize(("default", "values", "text"), REFUSED)
def test_the_message_says_what_is_needed_and_how_to_get_it(default, values, text):
    with pytest.raises(TypeError, match=text):
        leaf_calls.explore(Parameter("parameters.x", default), values)
    with pytest.raises(TypeError, match=text):
        leaf_calls.explore(Parameter("parameters.x", default), list(values))


NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.complex_numbers(),
    st.integers(-128, 127).map(np.int8),
    st.integers(0, 2**64 - 1).map(np.uint64),
    st.integers(-(2**63), 2**63 - 1).map(np.int64),
    st.floats(width=32).map(np.float32),
    st.floats().map(np.float64),
    st.booleans(),
)
DEFAULTS = [1, 1.0, 1j, np.int8(1), np.uint64(1), np.int64(1), np.float32(1), np.complex64(1)]


@given(st.sampled_from(DEFAULTS), NUMBERS)
def test_what_is_taken_is_the_same_number_and_of_the_type_of_the_default(default, number):
    one, many = Parameter("x", default), Parameter("x", default)
    try:
        leaf_calls.explore(one, [number])
    except TypeError:
        if isinstance(number, np.generic):
            with pytest.raises(TypeError):
                leaf_calls.explore(many, np.array([number]))
        return
    (kept,) = one.f_get_range()
    assert type(kept) is type(default)
    assert number is not True
    exact = kept.item() if isinstance(kept, np.generic) else kept
    given_number = number.item() if isinstance(number, np.generic) else number
    assert exact == given_number or (exact != exact and given_number != given_number)
    if isinstance(number, np.generic):
        leaf_calls.explore(many, np.array([number]))
        assert same(many.f_get_range(), [kept])


def test_a_lenient_class_of_ones_own_keeps_what_it_takes():
    class Lenient(Parameter):
        def _values_of_same_type(self, a, b):
            return isinstance(a, int | float) and isinstance(b, int | float)

    param = Lenient("x", 1.0)
    leaf_calls.explore(param, [1, 2.5, np.int64(3)])

    assert same(param.f_get_range(), [1, 2.5, 3.0])


def test_a_strict_class_of_ones_own_is_asked_about_the_converted_value():
    class Positive(Parameter):
        def f_supports(self, data):
            return super().f_supports(data) and data > 0

    param = Positive("x", 1.0)
    leaf_calls.explore(param, np.array([1, 2]))
    assert same(param.f_get_range(), [1.0, 2.0])
    with pytest.raises(TypeError, match="Entry 1"):
        leaf_calls.explore(Positive("x", 1.0), [1, -1])
