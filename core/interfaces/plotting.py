"""The interface of plots: figures of the runs of an experiment."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pypet.interfaces.feature import Feature


class Plot(Feature, ABC):
    """One kind of figure of the runs of an experiment; not instantiated.

    Users choose one by its name, in ``traj.f_plot('name', ...)`` and ``pypet plot --kind name``.
    ``source`` is a trajectory, a `pypet.tables.RunTable`, the path of a file, or a pair of a path
    and the name of a trajectory in that file. All other arguments are keywords.
    """

    help: ClassVar[str] = ""
    """What it shows, in one line, for the help of the command line."""

    arguments: ClassVar[tuple[str, ...]] = ()
    """Those of the arguments ``x``, ``y``, ``color``, ``by`` and ``columns`` that it takes.

    Their values are names of columns of the table of runs: explored parameters, results and run
    information. ``columns`` is a sequence of them.
    """

    @classmethod
    @abstractmethod
    def draw(cls, source: Any, **arguments: Any) -> Any:
        """Draw the figure and return what it was drawn into, such as the axes of matplotlib.

        Raises
        ------
        PlotError
            There are no such columns, or their values cannot be drawn like this.
        """

    @classmethod
    @abstractmethod
    def save(cls, source: Any, path: str | os.PathLike[str], **arguments: Any) -> None:
        """Draw the figure into a file, whose ending chooses the format; no screen is needed.

        Raises
        ------
        PlotError
            As for `draw`, or the format is unknown.
        OSError
            The file cannot be written.
        """
