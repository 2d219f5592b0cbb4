"""From values of runs to arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.tables.column import NO_VALUE, array_of


def packed(values, *, objects=False):
    return array_of(values, range(len(values)), "z", objects=objects)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1.5, 2.0], "f8"),
        ([1, -2], "i8"),
        ([2**63, 1], "u8"),
        ([True, np.False_], "?"),
        (["a", "größer"], "U6"),
        ([np.float32(1), np.float32(2)], "f4"),
        ([np.int8(1), np.int8(2)], "i1"),
        ([np.int8(1), 300], "i8"),
        ([np.float32(1.5), 2.5], "f8"),
        ([1, 2.5], "f8"),
        ([1j, 2], "c16"),
        ([b"a\0", b"b"], "O"),
        (["a\0", "b"], "O"),
        ([], "f8"),
    ],
)
def test_dtypes(values, dtype):
    array, missing = packed(values)
    assert array.dtype == np.dtype(dtype)
    assert array.tolist() == values
    assert not missing.any()


@pytest.mark.parametrize(
    "values",
    [
        [1, "a"],
        [True, 1],
        [True, 1.5],
        [2**53 + 1, 0.5],
        [2**63, -1],
        [2**70],
        [[1, 2]],
        [np.zeros(3), np.zeros(3)],
        [{"a": 1}],
        [b"a", "a"],
    ],
)
def test_what_has_no_common_type_is_refused_or_kept_as_objects(values):
    with pytest.raises(TypeError, match="objects=True"):
        packed(values)
    array, _ = packed([*values, NO_VALUE], objects=True)
    assert array.dtype == object
    assert all(kept is value for kept, value in zip(array, values, strict=False))
    assert array[-1] is None


@pytest.mark.parametrize(
    ("value", "fill"), [(1.5, np.nan), (1, 0), (True, False), ("a", ""), (1j, complex(np.nan))]
)
def test_what_is_missing_is_filled(value, fill):
    array, missing = packed([NO_VALUE, value, None])
    assert missing.tolist() == [True, False, True]
    assert array[1] == value
    assert np.array_equal(array[[0, 2]], [fill, fill], equal_nan=fill != "")


def test_only_missing_values():
    array, missing = packed([None, NO_VALUE])
    assert array.dtype == np.float64
    assert np.isnan(array).all()
    assert missing.all()


def test_long_text_does_not_blow_up():
    array, _ = packed(["x" * 10**6, *["y"] * 99])
    assert array.dtype == object


NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.integers(-128, 127).map(np.int8),
    st.floats(width=32, allow_nan=False).map(np.float32),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(NUMBERS, max_size=6))
def test_numbers_are_exact_or_refused(values):
    try:
        array, _ = packed(values)
    except TypeError:
        assert len(set(map(type, values))) > 1 or max(map(abs, values)) >= 2**63
        return
    for kept, value in zip(array.tolist(), values, strict=True):
        assert kept == value
