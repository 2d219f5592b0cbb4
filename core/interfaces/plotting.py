"""The interface of plots: figures of the runs of an experiment."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.interfaces.feature import Feature

if TYPE_CHECKING:
    from pypet.tables import RunTable


class Plot(Feature, ABC):
    """One kind of figure of the runs of an experiment; not instantiated.

    Users choose one by its name, in ``traj.f_plot('name', ...)`` and ``pypet plot --kind name``;
    if they name none, `suits` does.
    ``source`` is a trajectory, a `pypet.tables.RunTable`, the path of a file, or a pair of a path
    and the name of a trajectory in that file. All other arguments are keywords.
    """

    column_arguments: ClassVar[tuple[str, ...]] = ("x", "y", "color", "by", "columns")
    """Names of the arguments that name columns of the table of runs; the same for all kinds."""

    help: ClassVar[str] = ""
    """What it shows, in one line, for the help of the command line."""

    arguments: ClassVar[tuple[str, ...]] = ()
    """Those of `column_arguments` that it takes.

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

    @classmethod
    def suits(cls, table: RunTable, arguments: Mapping[str, Any]) -> bool:
        """Return whether runs are drawn like this if the user names no kind.

        Asked only if this kind takes all those `arguments` that are given; kinds of other
        distributions are asked first. By default, it has to be named.

        Parameters
        ----------
        table
            The runs of the trajectory.
        arguments
            Those of `save`, as given, maybe with ``where``.

        Raises
        ------
        PlotError
            An argument is wrong.
        """
        return False
