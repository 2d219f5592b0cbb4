"""Parallel coordinates and the scatter matrix: all columns at once."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import pyplot

from pypet import plotting
from pypet.errors import PlotError
from pypet.plugins.matplotlib_plots.parallel_coordinates import MOST_LINES
from tests.plotting.conftest import grid, make_table


@pytest.fixture
def table():
    points = grid(x=[0.0, 5.0, 10.0], mode=["fast", "slow"], rate=[0.01, 0.1, 1.0, 10.0])
    return make_table(**points, results=[("a", points["x"] * 2), ("z", (points["rate"], "Hz"))])


def segments_of(axes):
    return np.array(axes.collections[0].get_segments())


def texts_of(axes):
    return [text.get_text() for text in axes.texts]


def test_each_run_is_a_line_through_all_axes(table):
    axes = plotting.parallel_coordinates(table)
    lines = segments_of(axes)
    assert lines.shape == (24, 5, 2)
    assert (lines[:, :, 0] == np.arange(5)).all()
    assert set(lines[:, 0, 1].tolist()) == {0.0, 0.5, 1.0}
    assert set(lines[:, 1, 1].tolist()) == {0.0, 1.0}
    assert set(np.round(lines[:, 2, 1], 3).tolist()) == {0.0, 0.333, 0.667, 1.0}
    assert [t.get_text() for t in axes.get_xticklabels()] == ["x", "mode", "rate", "a", "z\nHz"]
    assert {"0", "10", "fast", "slow", "0.01", "0.1"} <= set(texts_of(axes))


def test_colours_show_the_last_result_or_any_column(table):
    axes = plotting.parallel_coordinates(table)
    assert axes.figure.axes[1].get_ylabel() == "z (Hz)"
    axes = plotting.parallel_coordinates(table, color="mode")
    assert axes.figure.axes[1].get_ylabel() == "mode"
    assert len({tuple(c) for c in axes.collections[0].get_colors()}) == 2


def test_lines_of_large_values_are_drawn_last(table):
    lines = segments_of(plotting.parallel_coordinates(table, columns=["x", "a"], color="a"))
    assert (np.diff(lines[:, 1, 1]) >= 0).all()


def test_columns_are_shown_in_their_order(table):
    axes = plotting.parallel_coordinates(table, columns=["z", "x"])
    assert segments_of(axes).shape == (24, 2, 2)
    assert axes.get_xticklabels()[0].get_text() == "z\nHz"


def test_of_many_runs_a_sample_is_drawn_and_that_is_said():
    count = MOST_LINES + 1000
    table = make_table(x=np.arange(count), results=[("z", np.arange(count) * 1.0)])
    axes = plotting.parallel_coordinates(table)
    assert len(segments_of(axes)) == MOST_LINES
    assert "a random sample of 5,000 of 6,000 runs" in texts_of(axes)
    again = plotting.parallel_coordinates(table)
    assert (segments_of(axes) == segments_of(again)).all()


def test_a_column_with_one_value_is_in_the_middle():
    table = make_table(x=[1.0, 2.0], results=[("z", [3.0, 3.0])])
    axes = plotting.parallel_coordinates(table)
    assert segments_of(axes)[:, 1, 1].tolist() == [0.5, 0.5]
    assert texts_of(axes).count("3") == 1


def test_runs_without_a_value_are_left_out():
    table = make_table(x=[1.0, 2.0, 3.0], results=[("z", [3.0, np.nan, 4.0])])
    axes = plotting.parallel_coordinates(table)
    assert len(segments_of(axes)) == 2
    assert "1 of 3 runs left out: 1 without z" in texts_of(axes)


@pytest.mark.parametrize("function", [plotting.parallel_coordinates, plotting.scatter_matrix])
def test_what_cannot_be_drawn_says_why(table, function):
    with pytest.raises(PlotError, match="At least two columns"):
        function(table, columns=["x"])
    with pytest.raises(PlotError, match="is a list of names, not the text 'x,z'"):
        function(table, columns="x,z")
    with pytest.raises(PlotError, match="no column 'q'"):
        function(table, columns=["x", "q"])
    with pytest.raises(PlotError, match="no column 'q'"):
        function(table, color="q")
    assert pyplot.get_fignums() == []


# ----- scatter matrix ----------------------------------------------------------------------------


def test_each_pair_is_a_scatter_plot(table):
    grid_of_axes = plotting.scatter_matrix(table, columns=["x", "mode", "z"])
    assert grid_of_axes.shape == (3, 3)
    assert grid_of_axes[0, 2].collections[0].get_offsets().tolist() == [
        [z, x] for z, x in zip(table["z"].values, table["x"].values, strict=True)
    ]
    assert grid_of_axes[0, 2].get_xscale() == "log"
    assert [axes.get_xlabel() for axes in grid_of_axes[-1]] == ["x", "mode", "z\nHz"]
    assert [axes.get_ylabel() for axes in grid_of_axes[:, 0]] == ["x", "mode", "z\nHz"]
    assert sum(bar.get_height() for bar in grid_of_axes[1, 1].patches) == 24


def test_points_have_the_colours_of_a_column(table):
    axes = plotting.scatter_matrix(table, columns=["x", "z"], color="mode")[0, 1]
    assert len({tuple(colour) for colour in axes.collections[0].get_facecolors()}) == 2


def test_by_default_there_are_a_few_columns():
    points = {f"p{number}": np.arange(4.0) for number in range(9)}
    table = make_table(**points, results=[("z", np.arange(4.0))])
    assert plotting.scatter_matrix(table).shape == (6, 6)
    with pytest.raises(PlotError, match="16 columns are too many"):
        plotting.scatter_matrix(table, columns=["z"] * 16)


def test_the_matrix_says_what_is_left_out():
    table = make_table(x=np.arange(6000.0), results=[("z", np.r_[np.nan, np.arange(5999.0)])])
    grid_of_axes = plotting.scatter_matrix(table)
    text = grid_of_axes[0, 0].figure.get_supxlabel()
    assert text.splitlines() == [
        "1 of 6000 runs left out: 1 without z",
        "a random sample of 5,000 of 5,999 runs",
    ]
    assert len(grid_of_axes[0, 1].collections[0].get_offsets()) == 5000
