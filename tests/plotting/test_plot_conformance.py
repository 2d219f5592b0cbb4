"""The figures of matplotlib pass the suite of plots."""

from __future__ import annotations

import pytest
from matplotlib import pyplot

from pypet.plugins.matplotlib_plots import Line
from pypet.plugins.matplotlib_plots.heatmap import Heatmap
from pypet.plugins.matplotlib_plots.importance import Importance
from pypet.plugins.matplotlib_plots.parallel_coordinates import ParallelCoordinates
from pypet.plugins.matplotlib_plots.scatter_matrix import ScatterMatrix
from pypet.testing.plots import PlotConformance


class MatplotlibConformance(PlotConformance):
    def close_figures(self):
        pyplot.close("all")


class TestLine(MatplotlibConformance):
    feature = Line
    arguments = {"x": "x", "y": "z", "by": "y"}


class TestHeatmap(MatplotlibConformance):
    feature = Heatmap
    arguments = {"x": "x", "y": "y", "color": "z"}
    ending = ".svg"


class TestParallelCoordinates(MatplotlibConformance):
    feature = ParallelCoordinates
    arguments = {"columns": ["x", "z"], "color": "y"}


class TestScatterMatrix(MatplotlibConformance):
    feature = ScatterMatrix
    arguments = {"columns": ["x", "z"], "color": "y"}
    ending = ".pdf"


class TestImportance(MatplotlibConformance):
    feature = Importance
    arguments = {"y": "z", "columns": ["x", "y"], "evaluator": "impurity"}

    @pytest.fixture(autouse=True)
    def _with_scikit_learn(self):
        pytest.importorskip("sklearn", reason="needs scikit-learn: pypet[plot]")
