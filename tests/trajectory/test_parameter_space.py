"""Cartesian products and unique points."""

from __future__ import annotations

import doctest
import logging

import numpy as np
import pytest

from pypet.trajectory import parameter_space
from pypet.trajectory.parameter_space import cartesian_product, find_unique_points


class Ranged:
    """The part of a parameter that is asked for points."""

    def __init__(self, *values):
        self._values = list(values)

    def f_get_range(self, copy=True):
        if not self._values:
            raise TypeError("no range")
        return self._values

    def _equal_values(self, a, b):
        return a == b


def test_examples_of_the_documentation_hold():
    assert doctest.testmod(parameter_space).failed == 0


def test_the_last_name_varies_fastest():
    product = cartesian_product({"a": [1, 2, 3], "b": [42.0, 52.5]}, ("b", "a"))
    assert product == {"a": [1, 2, 3, 1, 2, 3], "b": [42.0] * 3 + [52.5] * 3}
    assert list(product) == ["a", "b"]


def test_linked_parameters_go_in_lockstep():
    product = cartesian_product(
        {"p1": [42.0, 52.5], "p2": ["a", "b", "ignored"], "p3": [1, 2, 3]}, ("p3", ("p1", "p2"))
    )
    assert product == {
        "p1": [42.0, 52.5] * 3,
        "p2": ["a", "b"] * 3,
        "p3": [1, 1, 2, 2, 3, 3],
    }


def test_generators_are_consumed_once_and_uncombined_names_are_empty():
    product = cartesian_product({"a": iter("xy"), "b": (i for i in range(2)), "c": [1]}, ("a", "b"))
    assert product == {"a": ["x", "x", "y", "y"], "b": [0, 1, 0, 1], "c": []}


def test_no_names_and_empty_factors_give_nothing():
    assert cartesian_product({}) == {}
    assert cartesian_product({"a": [1, 2], "b": []}) == {"a": [], "b": []}


def test_a_name_without_values_is_refused():
    with pytest.raises(KeyError, match="'z' is to be combined"):
        cartesian_product({"a": [1]}, ("a", "z"))


def test_a_name_given_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        cartesian_product({"a": [1], "b": [2]}, ("a", ("b", "a")))


def test_unique_points_come_in_the_order_of_their_first_visit():
    points = find_unique_points([Ranged(1, 2, 1, 3), Ranged("a", "b", "a", "a")])
    assert points == [((1, "a"), [0, 2]), ((2, "b"), [1]), ((3, "a"), [3])]


def test_the_shortest_range_ends_the_points():
    assert find_unique_points([Ranged(1, 2, 3), Ranged(1)]) == [((1, 1), [0])]


def test_no_parameters_have_no_points():
    assert find_unique_points([]) == []


def test_arrays_and_lists_are_hashed_without_complaint(caplog):
    zeros = np.zeros(2)
    points = find_unique_points(
        [
            Ranged(zeros, -zeros, np.zeros((1, 2)), np.zeros(2, dtype=int), zeros),
            Ranged([1], [1], [1], [1], [2]),
        ]
    )
    assert [indices for _, indices in points] == [[0, 1], [2], [3], [4]]
    assert points[0][0][0] is zeros
    assert not caplog.records


def test_values_that_cannot_be_hashed_are_compared_by_their_parameters(caplog):
    with caplog.at_level(logging.ERROR, logger="pypet.find_unique"):
        points = find_unique_points([Ranged({"a": 1}, {"a": 2}, {"a": 1}), Ranged(0, 0, 0)])
    assert points == [(({"a": 1}, 0), [0, 2]), (({"a": 2}, 0), [1])]
    assert [record.name for record in caplog.records] == ["pypet.find_unique"]


def test_a_parameter_without_range_is_refused():
    with pytest.raises(TypeError, match="no range"):
        find_unique_points([Ranged()])


def test_values_that_are_not_iterable_are_named():
    with pytest.raises(TypeError, match=r"values of 'b' have to be iterable.*not 2 \(int\)"):
        cartesian_product({"a": [1], "b": 2})
