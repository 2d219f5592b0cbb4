"""What a trajectory offers as tables and figures: frames, datasets and plots."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pypet.manager import get_manager
from pypet.support.decorators import not_in_run
from pypet.trajectory.state import TrajectoryState

if TYPE_CHECKING:
    from pypet.tables.results import Reductions
    from pypet.tables.run_table import RunTable

_logger = logging.getLogger(__name__)


class Tables(TrajectoryState):
    """The part of a trajectory that makes tables and figures of its runs."""

    __slots__ = ()

    @not_in_run
    def f_to_dataframe(
        self,
        results: str | Iterable[str] | None = None,
        parameters: str | Iterable[str] = "explored",
        runs: Any = None,
        completed_only: bool = False,
        reduce: Reductions | None = None,
        objects: bool = False,
    ) -> Any:
        """Return a `pandas.DataFrame` with one row a run, and the indices of runs as its index.

        The columns are information about the run (``name``, ``state``, ``completed``,
        ``timestamp``, ``finish_timestamp``, ``runtime`` in seconds, ``error``), parameters, and
        results. Values that are not in memory are read from the storage without loading nodes;
        the experiment may still be running, or have crashed. Values of runs that have none are
        NaN: a warning in the log says which runs these are, and so does
        ``frame.attrs['missing_runs']``, by column. ``frame.attrs['comments']`` has the comments of
        parameters and results.

        Parameters
        ----------
        results
            Natural names, as in `f_get_from_runs`, also of items of results (``'fit.slope'``).
            None: all results that are scalars.
        parameters
            ``'explored'``, ``'all'``, or natural names.
        runs
            Indices or names of runs, in the wanted order, or a slice of indices. None: all.
        completed_only
            Leave out runs that are not completed.
        reduce
            Name of a result -> function of its value that returns a scalar:
            ``{'trace': numpy.mean}``.
        objects
            Whether columns may hold arrays and other objects, or values of several types.

        Raises
        ------
        KeyError
            There is no such run.
        AttributeError
            There is no such parameter; or no run has such a result, though there are results.
        NotUniqueNodeError
            A name means several nodes.
        TypeError
            The values of a column are no scalars of one type, and neither ``objects`` nor
            ``reduce`` says what to do.
        ValueError
            A result has several items and the name does not say which.
        MissingDependencyError
            pandas is not installed.
        """
        choice = results, parameters, runs, reduce
        return _read(self, *choice, completed_only=completed_only, objects=objects).to_dataframe()

    @not_in_run
    def f_to_xarray(
        self,
        results: str | Iterable[str] | None = None,
        parameters: str | Iterable[str] = "explored",
        runs: Any = None,
        completed_only: bool = False,
        reduce: Reductions | None = None,
        dims: Mapping[str, str | Sequence[str]] | None = None,
    ) -> Any:
        """Return a `xarray.Dataset` of results over the explored parameters.

        Where each combination of values of the explored parameters has exactly one run, these are
        the dimensions, in the order of exploration, and their values the coordinates. Otherwise the
        dimension is ``run``, with the parameters as coordinates along it. Parameters that are
        not explored are coordinates without dimension. The coordinate ``run`` has the index of the
        run.

        Results that are arrays of equal shape have dimensions of their own after these:
        ``trace_dim_0``, or what ``dims`` calls them, as in ``{'trace': 'time'}``. Name such results
        in ``results``. Comments become attributes. Values of runs that have none are NaN; a warning
        in the log, and ``attrs['missing_runs']`` of dataset and variables, say which
        runs these are. Integers and bools then become floats, or objects if that is not exact.

        Where values come from, and the other arguments, are as in `f_to_dataframe`; functions in
        ``reduce`` may return arrays, too.

        Raises
        ------
        KeyError
            There is no such run.
        AttributeError
            There is no such parameter; or no run has such a result, though there are results.
        NotUniqueNodeError
            A name means several nodes.
        TypeError
            Values of a result are neither scalars nor arrays, or of several types.
        ValueError
            Arrays of a result differ in shape; a result has several items and the name does not
            say which; or ``dims`` does not fit.
        MissingDependencyError
            xarray is not installed.
        """
        from pypet.tables.datasets import to_dataset

        choice = results, parameters, runs, reduce
        objects = results is not None or bool(reduce)
        table = _read(self, *choice, completed_only=completed_only, objects=objects)
        return to_dataset(table, dims)

    @not_in_run
    def f_plot(self, kind: str | None = None, **arguments: Any) -> Any:
        """Draw a figure of the runs, and return what it was drawn into.

        With matplotlib ``kind`` is the name of a function of `pypet.plotting`, such as
        ``'line'``, and the result is its axes; other plugins may have other kinds. With None it
        is the one that suits the runs: a line over one explored parameter, a heat map of two,
        parallel coordinates of more. ``arguments`` are names of columns and settings:
        ``traj.f_plot('line', x='x', y='z')``. Values come from where `f_to_dataframe` has them
        from.

        Raises
        ------
        UnknownPluginError
            No plugin draws such figures; the message names the kinds that there are.
        MissingDependencyError
            The package that draws is not installed.
        PlotError
            There are no such columns, or their values cannot be drawn like this.
        """
        if kind is not None:
            return get_manager().plot(kind).draw(self, **arguments)
        from pypet.tables import read_table
        from pypet.tables.figures import suitable_plot

        table = read_table(self, reduce=arguments.pop("reduce", None))
        return suitable_plot(table, arguments).draw(table, **arguments)


def _read(trajectory: Any, *choice: Any, **flags: Any) -> RunTable:
    """Return the table of runs that `read_table` gives; warn of what it lacks."""
    from pypet.tables.reading import read_table  # not before somebody needs a table

    table = read_table(trajectory, *choice, **flags)
    missing = table.missing_text()
    if missing:
        _logger.warning("Runs of trajectory `%s` have no value: %s.", table.trajectory, missing)
    for idx, problem in table.problems.items():
        _logger.warning("Not all of run %d could be read: %s", idx, problem)
    return table
