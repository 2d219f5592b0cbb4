"""Columns as axes, samples, grids, and growing columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.plugins.dashboard.model.axes import axis_of, cell_text
from pypet.plugins.dashboard.model.columns import GrowingColumns
from pypet.plugins.dashboard.model.grid import MAX_CELLS, grid_of
from pypet.plugins.dashboard.model.view import sampled
from pypet.tables import Column


def column(values, missing=None, name="c"):
    values = np.asarray(values)
    absent = np.zeros(len(values), bool) if missing is None else np.asarray(missing)
    return Column(name, values, absent, "result")


def axis(values, missing=None):
    return axis_of("c", column(values, missing))


def test_numbers_are_their_own_coordinates_and_missing_ones_nan():
    found = axis([1, 2, 3], [False, True, False])
    assert found.coordinates.tolist()[::2] == [1.0, 3.0]
    assert np.isnan(found.coordinates[1])
    assert found.limits == (1.0, 3.0)
    assert found.categories is None


def test_text_has_the_number_of_its_category():
    found = axis(["b", "a", "b"])
    assert found.coordinates.tolist() == [1.0, 0.0, 1.0]
    assert found.ticks() == {0.0: "a", 1.0: "b"}


def test_limits_of_a_constant_leave_room_for_it():
    low, high = axis([5.0, 5.0]).limits
    assert low < 5.0 < high
    assert axis([np.nan]).limits == (0.0, 1.0)


@settings(max_examples=25)
@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20), st.floats(0, 1))
def test_scaling_back_gives_the_coordinate(values, fraction):
    found = axis(values)
    rows = np.arange(len(values))
    back = [found.unscaled(each) for each in found.scaled(rows)]
    assert back == pytest.approx(values, rel=1e-6, abs=1e-3)
    place = found.unscaled(fraction)
    assert found.scaled_interval((place, place))[0] == pytest.approx(fraction, abs=1e-6)


def test_text_of_a_cell_calls_nothing_of_other_classes():
    class Hostile:
        def __repr__(self):
            raise AssertionError

        __str__ = __repr__

    assert cell_text(Hostile()) == "<Hostile>"
    assert cell_text(np.zeros((2, 3))) == "array (2, 3) of float64"
    assert len(cell_text("long" * 1000)) == 200


def test_a_sample_is_ascending_and_always_the_same():
    rows = np.arange(10_000, dtype=np.int64)
    sample = sampled(rows, 100)
    assert len(sample) == 100
    assert (np.diff(sample) > 0).all()
    assert (sampled(rows, 100) == sample).all()
    assert sampled(rows, 10_000) is rows


def test_a_grid_has_means_of_each_pair_of_values():
    x, y = axis([0, 0, 1, 1, 1]), axis(["a", "a", "a", "b", "b"])
    values = axis([1.0, 3.0, 5.0, 7.0, np.nan])
    grid = grid_of(x, y, values, np.arange(5))
    assert grid.counts.tolist() == [[2, 1], [0, 1]]
    assert grid.means[0].tolist() == [2.0, 5.0]
    assert np.isnan(grid.means[1, 0])
    assert (grid.x_labels, grid.y_labels) == (("0", "1"), ("a", "b"))


def test_many_values_are_gathered_in_bins():
    numbers = axis(np.arange(1000.0))
    grid = grid_of(numbers, axis(np.zeros(1000)), numbers, np.arange(1000))
    assert grid.counts.shape == (1, MAX_CELLS)
    assert grid.counts.sum() == 1000
    assert grid.x_labels[0].startswith("0 to ")


def test_an_empty_grid_has_no_cells():
    numbers = axis([np.nan])
    assert grid_of(numbers, numbers, numbers, np.arange(1)).counts.size == 0


# ----- growing -----------------------------------------------------------------------------------


def test_columns_grow_and_what_was_given_out_stays():
    growing = GrowingColumns()
    growing.resize(3)
    growing.fill(np.array([1]), {"c": column([7])})
    first = growing.columns()["c"]
    assert first.missing.tolist() == [True, False, True]
    growing.resize(4)
    growing.fill(np.array([3, 0]), {"c": column([1.5, 2.5])})
    second = growing.columns()["c"]
    assert second.values.tolist()[:2] == [2.5, 7.0]
    assert second.missing.tolist() == [False, False, True, False]
    assert first.values[1] == 7
    assert len(first.values) == 3


def test_columns_of_several_types_become_objects():
    growing = GrowingColumns()
    growing.resize(2)
    growing.fill(np.array([0]), {"c": column([1])})
    growing.fill(np.array([1]), {"c": column(["text"])})
    assert growing.columns()["c"].values.tolist() == [1, "text"]


def test_a_run_that_was_executed_again_may_have_lost_a_result():
    growing = GrowingColumns()
    growing.resize(1)
    growing.fill(np.array([0]), {"c": column([1])})
    growing.fill(np.array([0]), {"d": column([2])})
    columns = growing.columns()
    assert columns["c"].missing.tolist() == [True]
    assert columns["d"].values.tolist() == [2]
