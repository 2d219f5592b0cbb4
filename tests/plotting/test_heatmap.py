"""Heat maps: cells, bins, colours, numbers."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot

from pypet import plotting
from pypet.errors import PlotError
from tests.plotting.conftest import grid, make_table


def cells_of(axes):
    mesh = axes.collections[0]
    rows, columns, _ = mesh.get_coordinates().shape
    return np.ma.filled(mesh.get_array().reshape(rows - 1, columns - 1), np.nan)


def ticks_of(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


@pytest.fixture
def table():
    points = grid(x=[3.0, 1.0], y=["b", "a", "c"], seed=[0, 1])
    z = points["x"] * 10 + points["seed"]
    return make_table(**points, results=[("z", (z, "rate"))])


def test_each_cell_is_the_mean_of_its_runs(table):
    axes = plotting.heatmap(table, x="x", y="y")
    assert cells_of(axes).tolist() == [[10.5, 30.5]] * 3
    assert ticks_of(axes.xaxis) == ["1", "3"]
    assert ticks_of(axes.yaxis) == ["a", "b", "c"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x", "y")
    assert axes.figure.axes[1].get_ylabel() == "z (rate)"
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("10.5") == texts.count("30.5") == 3
    assert "mean of 2 runs each" in texts


def test_other_estimators(table):
    assert cells_of(plotting.heatmap(table, "x", "y", "z", estimator="max"))[0, 0] == 11


def test_empty_cells_stay_empty():
    table = make_table(x=[0, 1, 1], y=[0, 0, 1], results=[("z", [1.0, 2.0, 3.0])])
    axes = plotting.heatmap(table)
    assert np.isnan(cells_of(axes)[1, 0])
    assert sorted(text.get_text() for text in axes.texts) == ["1", "2", "3"]


def test_numbers_can_be_read_on_their_colours():
    table = make_table(x=[0, 1], y=[0, 1], results=[("z", [0.0, 100.0])])
    colours = {text.get_text(): text.get_color() for text in plotting.heatmap(table).texts}
    assert colours == {"0": "white", "100": "black"}


def test_random_points_are_binned():
    generator = np.random.default_rng(1)
    x, y = generator.uniform(size=(2, 4000))
    table = make_table(x=x, y=y, results=[("z", x)])
    axes = plotting.heatmap(table)
    cells = cells_of(axes)
    assert cells.shape == (20, 20)
    assert np.allclose(cells, (np.arange(20) + 0.5) / 20, atol=0.03)
    assert cells_of(plotting.heatmap(table, bins=5)).shape == (5, 5)
    assert axes.get_xlim() == pytest.approx((x.min(), x.max()))


def test_all_runs_are_in_the_bins():
    x = np.linspace(0, 1, 101)
    table = make_table(x=x, y=x[::-1], results=[("z", np.ones(101))])
    axes = plotting.heatmap(table, bins=3)
    assert np.nansum(cells_of(axes)) == 3
    assert "mean of 33 to 34 runs each" in [text.get_text() for text in axes.texts]


def test_a_large_grid_is_no_grid_of_bins():
    points = grid(x=list(range(60)), y=list(range(50)))
    table = make_table(**points, results=[("z", points["x"] * 1.0)])
    axes = plotting.heatmap(table)
    assert cells_of(axes).shape == (50, 60)
    assert len(ticks_of(axes.xaxis)) <= 10
    assert list(axes.texts) == []


def test_one_value_everywhere_can_be_drawn():
    table = make_table(**grid(x=[0, 1], y=[0, 1]), results=[("z", np.ones(4))])
    plotting.heatmap(table).figure.canvas.draw()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Say which column `x` and `y` is.*x, y, seed"),
        ({"x": "x", "y": "y", "color": "y"}, "'y' has no numbers"),
        ({"x": "x", "y": "y", "bins": 0}, "`bins` is a number of bins from 1 on"),
    ],
)
def test_what_cannot_be_drawn_says_why(table, arguments, message):
    with pytest.raises(PlotError, match=message):
        plotting.heatmap(table, **arguments)
    assert pyplot.get_fignums() == []


def test_a_file_is_drawn(sweep_file):
    axes = plotting.heatmap(sweep_file)
    assert cells_of(axes).tolist()[0] == [1, 2, 3, 4]
    assert "1 of 12 runs left out: 1 without z" in [text.get_text() for text in axes.texts]
