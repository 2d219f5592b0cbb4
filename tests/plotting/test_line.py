"""Lines: points, bands, lines of another parameter, and what is left out."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot

from pypet import load_trajectory, plotting
from pypet.errors import MissingDependencyError, PlotError
from tests.plotting.conftest import grid, make_table


@pytest.fixture
def table():
    points = grid(x=[1.0, 2.0, 3.0], mode=["fast", "slow"], seed=[0, 1, 2, 3])
    z = points["x"] * 10 + points["seed"] + 100 * (points["mode"] == "slow")
    return make_table(**points, results=[("z", (z, "rate in Hz"))])


def note_of(axes):
    return "\n".join(text.get_text() for text in axes.texts)


def edges_of(axes):
    """Return the lower and upper edge of the band at each place."""
    vertices = axes.collections[0].get_paths()[0].vertices
    return {
        x: (vertices[vertices[:, 0] == x, 1].min(), vertices[vertices[:, 0] == x, 1].max())
        for x in np.unique(vertices[:, 0]).tolist()
    }


def test_points_are_means_and_the_band_is_the_standard_deviation(table):
    axes = plotting.line(table.select(table["mode"].values == "fast"), x="x", y="z")
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 2, 3]
    assert line.get_ydata().tolist() == [11.5, 21.5, 31.5]
    spread = np.std([0, 1, 2, 3], ddof=1)
    assert edges_of(axes)[1.0] == pytest.approx((11.5 - spread, 11.5 + spread))
    assert "mean and standard deviation of 4 runs each" in note_of(axes)
    assert axes.get_title() == "sweep"


@pytest.mark.parametrize(
    ("band", "low", "high"),
    [("range", 10, 13), ((25, 75), 10.75, 12.25), ("sem", 11.5 - 0.6455, 11.5 + 0.6455)],
)
def test_bands(table, band, low, high):
    axes = plotting.line(table.select(table["mode"].values == "fast"), "x", "z", band=band)
    assert edges_of(axes)[1.0] == pytest.approx((low, high), abs=1e-3)


def test_no_band(table):
    axes = plotting.line(table, "x", "z", band=None, estimator="max")
    assert list(axes.collections) == []
    assert axes.lines[0].get_ydata().tolist() == [113, 123, 133]
    assert "max of 8 runs each" in note_of(axes)


def test_each_value_of_another_parameter_has_a_line(table):
    axes = plotting.line(table, x="x", y="z", by="mode")
    assert [line.get_ydata()[0] for line in axes.lines] == [11.5, 111.5]
    legend = axes.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["fast", "slow"]
    assert legend.get_title().get_text() == "mode"


def test_many_numbers_have_a_colour_bar():
    table = make_table(**grid(x=[0, 1], k=list(range(12))), results=[("z", np.arange(24.0))])
    axes = plotting.line(table, x="x", by="k")
    assert len(axes.lines) == 12
    assert axes.get_legend() is None
    assert len(axes.figure.axes) == 2
    assert axes.figure.axes[1].get_ylabel() == "k"


def test_the_only_parameter_and_the_only_result_need_no_names():
    table = make_table(x=([3.0, 1.0, 2.0], "gain"), results=[("z", ([9.0, 1.0, 4.0], "square"))])
    axes = plotting.line(table)
    assert axes.get_xlabel() == "x (gain)"
    assert axes.get_ylabel() == "z (square)"
    assert axes.lines[0].get_xydata().tolist() == [[1, 1], [2, 4], [3, 9]]
    assert note_of(axes) == ""


def test_axes_that_are_given_are_drawn_into(table):
    figure, given_axes = pyplot.subplots()
    assert plotting.line(table, "x", "z", axes=given_axes) is given_axes
    assert pyplot.get_fignums() == [figure.number]


def test_runs_without_a_value_are_named():
    table = make_table(x=[1.0, 2.0, 3.0, 4.0], results=[("z", [1.0, np.nan, np.inf, 4.0])])
    axes = plotting.line(table)
    assert axes.lines[0].get_xdata().tolist() == [1, 4]
    assert note_of(axes) == "2 of 4 runs left out: 2 without z"


def test_texts_and_bools_are_categories():
    table = make_table(mode=["b", "a", "b"], results=[("z", [1.0, 2.0, 3.0])])
    axes = plotting.line(table)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b"]
    assert axes.lines[0].get_ydata().tolist() == [2, 2]
    flags = make_table(on=[True, False], results=[("z", [1.0, 2.0])])
    assert [t.get_text() for t in plotting.line(flags).get_xticklabels()] == ["False", "True"]


def test_values_over_decades_are_on_a_logarithmic_axis():
    table = make_table(x=[0.001, 0.01, 0.1, 1.0], results=[("z", [1.0, 2.0, 3.0, 4.0])])
    assert plotting.line(table).get_xscale() == "log"
    table = make_table(x=[0.001, 0.25, 0.5, 0.75, 1.0], results=[("z", np.arange(5.0))])
    assert plotting.line(table).get_xscale() == "linear"


def test_names_may_be_full_and_columns_about_runs(table):
    axes = plotting.line(table, x="parameters.group.x", y="runtime")
    assert axes.get_xlabel() == "x"
    assert axes.get_ylabel() == "runtime (s)"


def test_a_condition_chooses_runs(table):
    axes = plotting.line(table, "x", "z", where="mode == 'slow' and x > 1")
    assert axes.lines[0].get_xydata().tolist() == [[2, 121.5], [3, 131.5]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "Say which column `x` is.*x, mode, seed"),
        ({"x": "x", "by": "mode", "y": "q"}, "no column 'q'"),
        ({"x": "x", "y": "mode"}, "'mode' has no numbers to draw but text"),
        ({"x": "x", "band": "sd"}, "`band` is one of 'std', 'sem', 'range'"),
        ({"x": "x", "band": (95, 5)}, "`band` is one of"),
        ({"x": "x", "estimator": "mode"}, "`estimator` is one of mean, median"),
        ({"x": "x", "where": "x >"}, "`where`: "),
        (
            {"x": "x", "where": "x > 100"},
            "For none of the 24 runs of trajectory 'sweep' holds x > 100",
        ),
        ({"x": "x", "trajectory": "t"}, "no path of a file"),
        ({"x": "x", "reduce": {"z": max}}, "`reduce` is an argument of `read_table`"),
    ],
)
def test_what_cannot_be_drawn_says_why(table, arguments, message):
    with pytest.raises(PlotError, match=message):
        plotting.line(table, **arguments)
    assert pyplot.get_fignums() == []


def test_without_results_a_name_is_asked_for():
    with pytest.raises(PlotError, match="no results with numbers: name a column with `y`"):
        plotting.line(make_table(x=[1, 2]))


@pytest.mark.parametrize(
    "comment", ["50 $ a day", "$\\nonsense{$", "rate $\\nu$", "a$b$c$", "\x1b[2J"]
)
def test_any_comment_can_be_drawn(comment):
    table = make_table(x=([1.0, 2.0], comment), results=[("z", ([1.0, 2.0], comment))])
    axes = plotting.line(table)
    axes.figure.canvas.draw()
    assert "\x1b" not in axes.get_xlabel()


@given(
    values=st.lists(st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6)), min_size=1, max_size=30),
    estimator=st.sampled_from(["mean", "median", "min", "max"]),
)
@settings(max_examples=20, deadline=None)
def test_points_are_what_a_loop_over_runs_finds(values, estimator):
    keys, numbers = (np.array(each) for each in zip(*values, strict=True))
    figure, axes = pyplot.subplots()
    plotting.line(
        make_table(x=keys, results=[("z", numbers)]), "x", "z", estimator=estimator, axes=axes
    )
    expected = {
        key: getattr(np, estimator)([n for k, n in zip(keys, numbers, strict=True) if k == key])
        for key in sorted(set(keys.tolist()))
    }
    drawn = dict(axes.lines[0].get_xydata().tolist())
    assert drawn == pytest.approx(expected)
    pyplot.close(figure)


# ----- sources -----------------------------------------------------------------------------------


def test_a_file_and_its_trajectory_are_drawn_alike(sweep_file):
    whole = plotting.line(sweep_file, x="x", y="z").lines[0].get_xydata()
    assert whole.tolist() == [[1, 7 / 3], [2, 3.0], [3, 7.0], [4, 28 / 3]]
    traj = load_trajectory(filename=str(sweep_file))
    for source, extra in (
        (str(sweep_file), {"trajectory": "sweep"}),
        ((sweep_file, "sweep"), {}),
        (traj, {}),
    ):
        assert (plotting.line(source, x="x", y="z", **extra).lines[0].get_xydata() == whole).all()
    assert traj.f_get("results.runs.run_00000000.z", shortcuts=False).f_is_empty()
    assert (traj.f_plot("line", x="x", y="z").lines[0].get_xydata() == whole).all()


def test_arrays_are_reduced(sweep_file):
    axes = plotting.line(sweep_file, x="x", y="trace", reduce={"trace": np.max})
    assert axes.lines[0].get_ydata().tolist() == [3, 6, 9, 12]
    with pytest.raises(PlotError, match=r"'trace'.*need `reduce`"):
        plotting.line(sweep_file, x="x", y="trace")


# ----- points that were drawn at random ----------------------------------------------------------


@pytest.fixture
def random_table():
    x, w = np.random.default_rng(1).uniform(size=(2, 2000))
    return make_table(x=x, w=w, results=[("z", 10 * x + w)])


def test_random_points_are_collected_in_bins(random_table):
    axes = plotting.line(random_table, x="x")
    places, means = axes.lines[0].get_data()
    assert np.allclose(places, (np.arange(20) + 0.5) / 20, atol=0.01)
    assert np.allclose(means, 10 * places + 0.5, atol=0.2)
    assert note_of(axes).endswith(", in 20 bins of x")
    assert len(plotting.line(random_table, x="x", bins=4).lines[0].get_xdata()) == 4


def test_a_sweep_through_one_parameter_keeps_its_points(random_table):
    table = make_table(x=random_table["x"].values, results=[("z", random_table["z"].values)])
    axes = plotting.line(table)
    assert len(axes.lines[0].get_xdata()) == 2000
    assert note_of(axes) == ""


def test_bins_of_decades_are_equal_on_a_logarithmic_axis():
    x = 10.0 ** np.random.default_rng(1).uniform(-3, 3, size=600)
    table = make_table(x=x, w=np.arange(600), results=[("z", np.log10(x))])
    axes = plotting.line(table, x="x", bins=6)
    places, means = axes.lines[0].get_data()
    assert axes.get_xscale() == "log"
    assert np.allclose(np.log10(places), means, atol=0.2)


def test_bins_are_a_number(random_table):
    with pytest.raises(PlotError, match="`bins` is a number of bins from 1 on, not 0"):
        plotting.line(random_table, x="x", bins=0)


def test_without_matplotlib_it_says_what_to_install(table, monkeypatch):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"pip install \"pypet\[plot\]\""):
        plotting.line(table, x="x")
