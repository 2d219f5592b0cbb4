"""`parameters_equal` and `results_equal`."""

from __future__ import annotations

import numpy as np
import pytest

from pypet import ArrayParameter, BaseResult, Parameter, PickleParameter, PickleResult, Result
from pypet.utils.comparisons import parameters_equal, results_equal
from tests import leaf_calls


def explored(values, default=None):
    parameter = Parameter("parameters.x", values[0] if default is None else default)
    leaf_calls.explore(parameter, values)
    return parameter


class Constant(BaseResult):
    """A result of a class of its own, which has nothing but what it stores."""

    def __init__(self, full_name, value=None, comment=""):
        super().__init__(full_name, comment)
        self._value = value

    def f_is_empty(self):
        return self._value is None

    def _store(self):
        return {"value": self._value}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Parameter("a.x", 1), Parameter("a.x", 1, comment="other")),
        (Parameter("a.x"), Parameter("a.x")),
        (explored([1, 2]), explored([1, 2])),
        (ArrayParameter("a.x", np.arange(3)), ArrayParameter("a.x", np.arange(3))),
        (PickleParameter("a.x", {"a": [1]}), PickleParameter("a.x", {"a": [1]})),
    ],
)
def test_parameters_of_equal_name_value_and_range_are_equal(a, b):
    assert parameters_equal(a, b) is True
    assert parameters_equal(b, a) is True


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Parameter("a.x", 1), Parameter("a.y", 1)),
        (Parameter("a.x", 1), Parameter("b.x", 1)),
        (Parameter("a.x", 1), Parameter("a.x", 2)),
        (Parameter("a.x", 1), Parameter("a.x", 1.0)),
        (Parameter("a.x", 1), Parameter("a.x")),
        (Parameter("a.x", "abc"), Parameter("a.x", "abd")),
        (explored([1, 2]), Parameter("parameters.x", 1)),
        (explored([1, 2]), explored([1, 2, 3])),
        (explored([1, 2]), explored([1, 3])),
    ],
)
def test_parameters_that_differ_are_unequal(a, b):
    assert parameters_equal(a, b) is False
    assert parameters_equal(b, a) is False


def test_comparing_locks_parameters():
    a, b = Parameter("a.x", 1), Parameter("a.x", 1)
    assert parameters_equal(a, b)
    assert a.v_locked
    assert b.v_locked


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Result("r.z", 1, b="x"), Result("r.z", 1, b="x", comment="other")),
        (Result("r.z"), Result("r.z")),
        (Result("r.z", [1, 2]), Result("r.z", (1, 2))),
        (Result("r.z", np.array([1.0, np.nan])), Result("r.z", np.array([1.0, np.nan]))),
        (Result("r.z", 1), PickleResult("r.z", 1)),
        (Constant("r.z", [1]), Constant("r.z", [1])),
        (Constant("r.z"), Constant("r.z")),
    ],
)
def test_results_of_equal_name_and_data_are_equal(a, b):
    assert results_equal(a, b) is True
    assert results_equal(b, a) is True


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Result("r.z", 1), Result("r.y", 1)),
        (Result("r.z", 1), Result("r.z", 2)),
        (Result("r.z", 1), Result("r.z", 1, 2)),
        (Result("r.z", 1), Result("r.z")),
        (Constant("r.z", [1]), Constant("r.z", [2])),
        (Constant("r.z", [1]), Constant("r.z")),
    ],
)
def test_results_that_differ_are_unequal(a, b):
    assert results_equal(a, b) is False
    assert results_equal(b, a) is False


def test_a_parameter_and_a_result_are_unequal():
    parameter, result = Parameter("a.x", 1), Result("a.x", 1)
    assert parameters_equal(parameter, result) is False
    assert results_equal(result, parameter) is False


def test_the_wrong_kind_of_leaf_is_refused():
    with pytest.raises(ValueError, match="results_equal"):
        parameters_equal(Result("r.z", 1), Result("r.z", 1))
    with pytest.raises(ValueError, match="parameters_equal"):
        results_equal(Parameter("a.x", 1), Parameter("a.x", 1))
