"""Deep equality of values from packages that pypet does not need."""

from __future__ import annotations

import numpy as np
import pytest

from pypet.support.comparisons import nested_equal

pd = pytest.importorskip("pandas")
sparse = pytest.importorskip("scipy.sparse")


def frame(**columns):
    return pd.DataFrame(columns)


def cells(*values):
    return pd.Series(list(values), dtype=object)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (frame(a=[1, 2], b=["x", "y"]), frame(a=[1.0, 2.0], b=["x", "y"])),
        (frame(a=[1.0, np.nan]), frame(a=[1.0, np.nan])),
        (frame(a=cells("x", None)), frame(a=cells("x", np.nan))),
        (frame(a=[1], b=[2]), frame(b=[2], a=[1])),
        (frame(), frame()),
        (frame(a=cells(np.arange(3), [1])), frame(a=cells(np.arange(3), [1]))),
        (frame(a=pd.array([1, None], dtype="Int64")), frame(a=pd.array([1, None], dtype="Int64"))),
        (pd.Series([1, 2], name="a"), pd.Series([1.0, 2.0], name="b")),
        (pd.Series([np.nan, 2.0]), pd.Series([np.nan, 2.0])),
        (pd.Index([1, 2]), pd.Index([1, 2])),
    ],
)
def test_equal_frames_and_series(a, b):
    assert nested_equal(a, b)
    assert nested_equal(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (frame(a=[1, 2]), frame(a=[1, 3])),
        (frame(a=[1]), frame(a=[1], b=[2])),
        (frame(a=[1, 2]), frame(a=[1, 2]).set_index(pd.Index([5, 6]))),
        (frame(a=[1, 2]), frame(a=[1, 2, 3])),
        (frame(a=[1.0, np.nan]), frame(a=[1.0, 2.0])),
        (frame(a=cells(np.arange(3), 1)), frame(a=cells(np.arange(4), 1))),
        (frame(a=[1]), pd.Series([1])),
        (frame(a=[1]), {"a": [1]}),
        (pd.Series([1, 2]), pd.Series([1, 2], index=[1, 2])),
        (pd.Series([1, 2]), np.array([1, 2])),
        (pd.Index([1, 2]), pd.Index([1, 3])),
    ],
)
def test_unequal_frames_and_series(a, b):
    assert not nested_equal(a, b)
    assert not nested_equal(b, a)


def test_the_format_of_a_sparse_matrix_does_not_matter():
    matrix = sparse.csr_matrix(np.diag([1.0, 0.0, np.nan]))
    for convert in ("tocsc", "tobsr", "todia", "tocoo"):
        assert nested_equal(matrix, getattr(matrix, convert)())


def test_explicit_zeros_of_a_sparse_matrix_do_not_matter():
    with_zero = sparse.csr_matrix(([0.0, 1.0], ([0, 1], [0, 1])), shape=(2, 2))
    assert nested_equal(with_zero, sparse.csc_matrix(np.diag([0.0, 1.0])))


@pytest.mark.parametrize(
    "other",
    [sparse.csr_matrix((3, 3)), sparse.csr_matrix(np.eye(2)), np.zeros((2, 2)), None],
)
def test_an_empty_sparse_matrix_differs_from_other_shapes_and_contents(other):
    assert not nested_equal(sparse.csr_matrix((2, 2)), other)
    assert not nested_equal(other, sparse.csr_matrix((2, 2)))
