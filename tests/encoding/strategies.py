"""Hypothesis strategies for everything that can be stored."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

INTS = st.integers(-(2**63), 2**64 - 1)
TEXT = st.text(st.characters(codec="utf-8"))
BYTES = st.binary()
COMPLEX = st.complex_numbers(allow_nan=False)
NUMPY_DTYPES = st.sampled_from(
    ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "f4", "f8", "c8", "c16"]
)
NUMPY_SCALARS = NUMPY_DTYPES.flatmap(
    lambda code: hnp.from_dtype(np.dtype(code), allow_nan=False)
) | TEXT.map(np.str_)
SCALARS = st.booleans() | INTS | st.floats() | COMPLEX | TEXT | BYTES | NUMPY_SCALARS
ARRAY_DTYPES = NUMPY_DTYPES.map(np.dtype) | st.sampled_from(
    [np.dtype("f2"), np.dtype("S3"), np.dtype("U4"), np.dtype(">i4")]
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


def homogeneous(elements: st.SearchStrategy, min_size: int = 0) -> st.SearchStrategy:
    return st.lists(elements, min_size=min_size, max_size=4)


SAME_SIGN_INTS = homogeneous(st.integers(-(2**63), 2**63 - 1)) | homogeneous(
    st.integers(0, 2**64 - 1)
)
SEQUENCES = (
    SAME_SIGN_INTS
    | homogeneous(st.booleans())
    | homogeneous(st.floats())
    | homogeneous(COMPLEX)
    | homogeneous(TEXT)
    | homogeneous(BYTES)
    | NUMPY_DTYPES.flatmap(
        lambda code: homogeneous(hnp.from_dtype(np.dtype(code), allow_nan=False))
    )
    | homogeneous(TEXT.map(np.str_))
)

COLUMN_NAMES = st.text(st.characters(codec="ascii", exclude_characters="/\0"), min_size=1)
DICTIONARIES = st.dictionaries(COLUMN_NAMES, SCALARS | SEQUENCES | SEQUENCES.map(tuple), max_size=4)
