"""Figures of the runs of an experiment, by matplotlib: the functions of `pypet.plotting`.

They need ``pip install "pypet[plot]"``. Each function takes a trajectory, a table of runs or the
path of a file, and names of columns of that table; it draws into new axes or those that are given,
and returns them. matplotlib and scikit-learn are imported when a figure is drawn.

This package is the plugin with lines; the other kinds of figures are modules of it and plugins of
their own.
"""

from __future__ import annotations

from pypet.interfaces import Plot
from pypet.markers import hookimpl
from pypet.plugins.matplotlib_plots.line import Line, line

__all__ = ["line"]


@hookimpl
def pypet_register_plots() -> list[type[Plot]]:
    """Register the figure with lines."""
    return [Line]
