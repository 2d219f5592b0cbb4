"""Data that is not taken is refused with the reason and a way out."""

from __future__ import annotations

from collections import OrderedDict
from enum import IntEnum

import numpy as np
import pytest

from pypet.leaves import Parameter, Result, SparseResult


class OwnText(str):
    """Text of a type of one's own."""


class Answer(IntEnum):
    """Integers with names."""

    YES = 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ([1, 2.0], r"of one scalar type, but are of float, int\."),
        ([[1], [2]], r"have to be scalars, but are of type list\."),
        ([], "An ArrayParameter takes empty lists"),
        (np.array([]), "An ArrayParameter takes arrays without elements"),
        (np.array([None]), "dtype object are not supported"),
        (OwnText("a"), "OwnText only derives from str"),
        (np.ma.array([1], mask=[True]), r"The mask .* cannot be stored"),
        ({"a": 1}, r"type dict\. `f_add_parameter"),
    ],
)
def test_parameters_say_why_and_what_to_do(data, reason):
    with pytest.raises(TypeError, match=reason) as caught:
        Parameter("parameters.x", data)
    assert "`f_add_parameter(PickleParameter, name, ...)` takes anything" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (OrderedDict(), "OrderedDict only derives from dict"),
        (object(), r"type object\. `f_add_result\("),
        (OwnText("a"), r"OwnText only derives from str\. Convert it, for example by `str\(...\)`"),
        (Answer.YES, r"Answer only derives from int\. .*`\.value`"),
        (np.ma.array([1], mask=[True]), r"The mask .* cannot be stored"),
    ],
)
def test_results_say_why_and_what_to_do(data, reason):
    with pytest.raises(TypeError, match=reason) as caught:
        Result("results.x", data)
    assert "`f_add_result(PickleResult, name, ...)` takes anything" in str(caught.value)


def test_sparse_matrices_are_sent_to_their_classes():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"f_add_result\(SparseResult, name, ...\)"):
        Result("results.x", sparse.csr_matrix((2, 2)))
    with pytest.raises(TypeError, match=r"f_add_parameter\(SparseParameter, name, ...\)"):
        Parameter("parameters.x", sparse.lil_array((2, 2)))

    class OwnMatrix(sparse.csr_matrix):
        pass

    with pytest.raises(TypeError, match=r"convert it, for example by `.tocsr\(\)`"):
        SparseResult("results.x", OwnMatrix((2, 2)))


def test_messages_stay_on_one_line_and_short():
    pd = pytest.importorskip("pandas")
    with pytest.raises(TypeError) as caught:
        Parameter("parameters.x", pd.DataFrame({"a": range(100)}))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
