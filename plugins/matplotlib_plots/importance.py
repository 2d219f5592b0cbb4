"""How much each parameter matters for a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.errors import PlotError
from pypet.interfaces import Plot
from pypet.markers import hookimpl
from pypet.plugins.matplotlib_plots.axes import (
    AxesPlot,
    add_note,
    add_title,
    label_of,
    new_axes,
)
from pypet.plugins.matplotlib_plots.evaluators import EVALUATORS, evaluator_of
from pypet.plugins.matplotlib_plots.table_source import (
    axis_values,
    chosen_result,
    complete_rows,
    named_columns,
    sampled_rows,
    table_of,
    varied_parameters,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from pypet.tables import Column, RunTable
    from pypet.tables.results import Reductions

SIZE = (6.4, 4.0)
MOST_RUNS = 5_000
"""Of more runs a random sample is evaluated."""
LEAST_RUNS = 10


def importance(
    source: Any,
    y: str | None = None,
    columns: Sequence[str] | None = None,
    *,
    evaluator: str = "permutation",
    trajectory: str | None = None,
    where: str | None = None,
    reduce: Reductions | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Draw how much each explored parameter matters for a result, the most important one on top.

    A random forest learns the result from the parameters. By ``'permutation'``, the importance of
    a parameter is by how much the squared error of runs that the forest has not seen grows when
    the values of the parameter are shuffled among them, relative to the variance of the result.
    Bars have the standard deviation over repetitions as error bars. If the forest does not predict
    the result, a note says so: importances mean nothing then.

    Parameters
    ----------
    y
        Name of the result; by default the only one with numbers.
    columns
        Names of the parameters; by default all explored ones.
    evaluator
        ``'permutation'`` or ``'impurity'`` (mean decrease of impurity) with scikit-learn, and
        where Optuna is installed ``'fanova'`` or ``'ped_anova'``, which are its evaluators.
        Except for ``'permutation'`` importances add up to 1.
    source, trajectory, where, reduce, axes
        As for `line`. Of more than 5,000 runs a random sample is used, and a note says so.

    Returns
    -------
    matplotlib.axes.Axes
        The axes with one bar a parameter.

    Raises
    ------
    PlotError
        There is no such column, several could be meant, it has no such values, there are less
        than 10 runs, or the result is the same in all of them.
    MissingDependencyError
        matplotlib or the package of the evaluator is not installed.
    """
    evaluate = evaluator_of(evaluator)
    table = table_of(source, trajectory=trajectory, where=where, reduce=reduce)
    result = chosen_result(table, y, "y")
    shown = _parameters(table, columns, result)
    selection = complete_rows(table, [*shown, result])
    table, note = sampled_rows(selection, MOST_RUNS)
    target = axis_values(table[result.name]).places
    shown = [column for column in shown if len(np.unique(table[column.name].values)) > 1]
    _check(table, shown, result, len(np.unique(target)))
    found = evaluate([axis_values(table[column.name]) for column in shown], target)
    axes = new_axes(axes, SIZE)

    order = np.argsort(found.importances, kind="stable")
    places = np.arange(len(shown))
    axes.barh(
        places,
        found.importances[order],
        xerr=None if found.deviations is None else found.deviations[order],
        color="C0",
        height=0.6,
        error_kw={"ecolor": "0.3", "capsize": 3},
    )
    axes.set_yticks(places, [label_of(shown[position]) for position in order])
    axes.set_xlabel(f"importance for {label_of(result)}")
    axes.axvline(0, color="0.2", linewidth=0.8)
    add_title(axes, table.trajectory)
    add_note(axes, found.note, note)
    return axes


def _parameters(table: RunTable, names: Sequence[str] | None, result: Column) -> list[Column]:
    if names is not None:
        return named_columns(table, names)
    return [column for column in varied_parameters(table) if column.name != result.name]


def _check(table: RunTable, shown: Sequence[Column], result: Column, values: int) -> None:
    if not shown:
        raise PlotError(
            f"No parameter of trajectory {table.trajectory!r} has more than one value among the "
            f"{len(table)} runs."
        )
    if len(table) < LEAST_RUNS:
        raise PlotError(
            f"Importances cannot be told from {len(table)} runs; at least {LEAST_RUNS} with a "
            f"value of {result.name!r} are needed."
        )
    if values < 2:
        raise PlotError(f"Nothing matters for {result.name!r}: it is the same in all runs.")


class Importance(AxesPlot):
    """The feature behind `importance`."""

    name = "importance"
    requires = ("matplotlib", "sklearn")
    help = f"how much each parameter matters for a result (y), by {EVALUATORS[0]} importance"
    arguments = ("y", "columns")
    size = SIZE
    function = staticmethod(importance)


@hookimpl
def pypet_register_plots() -> list[type[Plot]]:
    """Register the figure."""
    return [Importance]
