"""Ranges of parameters: their values, bounds and scales."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.sampling import choice, integers, uniform
from pypet.sampling.ranges import range_from

POSITIONS = st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5).map(np.array)
BOUNDS = st.floats(-1e300, 1e300)
POSITIVE = st.floats(1e-300, 1e300)


def uniforms():
    linear = st.tuples(BOUNDS, BOUNDS, st.just(False))
    log = st.tuples(POSITIVE, POSITIVE, st.just(True))
    given = (linear | log).filter(lambda each: each[0] != each[1])
    return given.map(lambda each: uniform(min(each[:2]), max(each[:2]), log=each[2]))


def whole():
    linear = st.tuples(st.integers(-(2**40), 2**40), st.integers(0, 2**40), st.just(False))
    log = st.tuples(st.integers(1, 2**20), st.integers(0, 2**20), st.just(True))
    return (linear | log).map(lambda each: integers(each[0], each[0] + each[1], log=each[2]))


@settings(max_examples=60, deadline=None)
@given(uniforms() | whole(), POSITIONS)
def test_values_lie_between_the_bounds_and_have_the_type_of_the_range(held, positions):
    values = held.values_at(positions)
    assert len(values) == len(positions)
    for value in values:
        assert type(value) is type(held.low)
        assert held.low <= value <= held.high
        assert held.contains(value)


@settings(max_examples=40, deadline=None)
@given(uniforms() | whole(), POSITIONS)
def test_values_rise_with_the_position(held, positions):
    values = held.values_at(np.sort(positions))
    assert values == sorted(values)


@settings(max_examples=40, deadline=None)
@given(uniforms() | whole())
def test_a_description_in_json_makes_the_same_range(held):
    assert range_from(json.loads(json.dumps(held.describe()))) == held
    assert pickle.loads(pickle.dumps(held)) == held


def test_all_integers_are_equally_likely_and_both_bounds_are_included():
    values = integers(-2, 2).values_at((np.arange(500) + 0.5) / 500)
    assert {value: values.count(value) for value in set(values)} == dict.fromkeys(range(-2, 3), 100)


def test_a_logarithmic_scale_gives_each_decade_the_same_share():
    positions = (np.arange(300) + 0.5) / 300
    decades = [
        math.floor(math.log10(value)) for value in uniform(1e-3, 1, log=True).values_at(positions)
    ]
    assert [decades.count(decade) for decade in (-3, -2, -1)] == [100, 100, 100]
    values = integers(1, 1000, log=True).values_at(positions)
    share = math.log(31.5 / 0.5) / math.log(1000.5 / 0.5)  # each integer has what rounds to it
    assert sum(value <= 31 for value in values) == pytest.approx(300 * share, abs=1)


def test_options_come_as_they_are():
    marker = object()
    held = choice(["a", marker, None])
    assert held.values_at(np.array([0.0, 0.5, 0.999])) == ["a", marker, None]
    assert held.contains(None)
    assert not held.contains("b")
    assert not choice([1]).contains(True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: uniform(1, 1), "lower first"),
        (lambda: uniform(0, math.inf), "finite"),
        (lambda: uniform(0, 1, log=True), "positive"),
        (lambda: integers(3, 2), "lower bound first"),
        (lambda: integers(0, 2, log=True), "positive"),
        (lambda: choice([]), "at least one"),
    ],
)
def test_wrong_bounds_are_errors(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make", [lambda: uniform("0", 1), lambda: integers(0.5, 1), lambda: choice("abc")]
)
def test_wrong_types_are_errors(make):
    with pytest.raises(TypeError):
        make()
