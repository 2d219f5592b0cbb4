"""The table of runs that a figure is drawn from, and choosing among its columns."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pypet.errors import PlotError
from pypet.tables import Column, RunTable, read_table
from pypet.tables.filters import FilterError, parse_filter
from pypet.tables.results import Reductions

MOST_CATEGORIES = 200
"""Distinct values of a column of text; with more it is no axis."""


class Selection(NamedTuple):
    """What is drawn: rows of a table, and which of its runs are left out, and why."""

    table: RunTable
    note: str = ""
    """Which runs are left out, ``''`` for none."""


def table_of(
    source: Any,
    *,
    trajectory: str | None = None,
    where: str | None = None,
    reduce: Reductions | None = None,
) -> RunTable:
    """Return the table of the runs of a source; see `pypet.interfaces.Plot`.

    Parameters
    ----------
    trajectory
        Name of the trajectory in the file; None: the only one.
    where
        Only rows for which this is true, see `pypet.tables.filters`.
    reduce
        Functions that make a scalar of a result, by its name.

    Raises
    ------
    PlotError
        ``trajectory`` is given for something else than a file, or ``where`` is no condition, or
        true for no run.
    """
    if isinstance(source, RunTable):
        table = source
        if reduce is not None:
            raise PlotError("`reduce` is an argument of `read_table` if a table is drawn.")
    else:
        if isinstance(source, str | os.PathLike):
            source, trajectory = (source, trajectory), None
        table = read_table(source, reduce=reduce)
    if trajectory is not None:
        raise PlotError("`trajectory` names one of a file, but no path of a file is given.")
    if where is None:
        return table
    try:
        chosen = table.select(parse_filter(where).mask(table))
    except FilterError as error:
        raise PlotError(f"`where`: {error}") from error
    if not len(chosen):
        raise PlotError(
            f"For none of the {len(table)} runs of trajectory {table.trajectory!r} holds {where}."
        )
    return chosen


# ----- choosing columns ------------------------------------------------------------------------


def column_of(table: RunTable, name: str) -> Column:
    """Return a column by its name.

    Raises
    ------
    PlotError
        There is none, or several could be meant.
    """
    try:
        return table[name]
    except KeyError as error:
        raise PlotError(
            f"{error.args[0]} Results that are no single values need `reduce`."
        ) from None


def numeric_results(table: RunTable) -> list[Column]:
    """Return the results that have a number for at least one run."""
    return [column for column in table.results if is_numeric(column)]


def varied_parameters(table: RunTable) -> list[Column]:
    """Return the explored parameters that have more than one value in the table and fit an axis."""
    return [
        column
        for column in table.parameters
        if column.explored and _is_axis(column) and len(_distinct(column)) > 1
    ]


def count_parameters(table: RunTable, arguments: Mapping[str, Any]) -> int:
    """Return how many explored parameters vary among the runs that `Plot.suits` is asked about."""
    return len(varied_parameters(table_of(table, where=arguments.get("where"))))


def chosen_result(table: RunTable, name: str | None, argument: str) -> Column:
    """Return the result of this name, by default the only numeric one.

    Any column of numbers may be named.

    Raises
    ------
    PlotError
        There is none or several, or it has no numbers.
    """
    if name is None:
        found = numeric_results(table)
        if len(found) != 1:
            raise PlotError(_say_which(argument, "results with numbers", found))
        return found[0]
    return numeric_column(table, name)


def numeric_column(table: RunTable, name: str) -> Column:
    """Return the column of this name, which has numbers.

    Raises
    ------
    PlotError
        It has none.
    """
    column = column_of(table, name)
    if not is_numeric(column):
        raise PlotError(
            f"Column {column.name!r} has no numbers to draw but {_dtype_text(column)}. Columns "
            f"with numbers are {_names(filter(is_numeric, table.columns.values()))}."
        )
    return column


def chosen_parameters(
    table: RunTable, names: Mapping[str, str | None], taken: Iterable[Column] = ()
) -> list[Column]:
    """Return a column for each argument: the named one, or else an explored parameter.

    Raises
    ------
    PlotError
        There are less or more explored parameters than arguments without a name.
    """
    named = {
        argument: axis_column(table, name) for argument, name in names.items() if name is not None
    }
    used = {column.name for column in (*named.values(), *taken)}
    free = [column for column in varied_parameters(table) if column.name not in used]
    open_arguments = [argument for argument, name in names.items() if name is None]
    if open_arguments and len(free) != len(open_arguments):
        raise PlotError(
            _say_which("` and `".join(open_arguments), "explored parameters to choose from", free)
        )
    named.update(zip(open_arguments, free, strict=False))
    return [named[argument] for argument in names]


def axis_column(table: RunTable, name: str) -> Column:
    """Return the column of this name, whose values have places on an axis.

    Raises
    ------
    PlotError
        They are neither numbers nor a few texts.
    """
    column = column_of(table, name)
    if not _is_axis(column):
        raise PlotError(
            f"Column {column.name!r} cannot be an axis: it has {_dtype_text(column)}, not numbers "
            f"or at most {MOST_CATEGORIES} different texts."
        )
    return column


def named_columns(table: RunTable, names: Sequence[str]) -> list[Column]:
    """Return the columns of these names, see `axis_column`."""
    if isinstance(names, str):
        raise PlotError(f"`columns` is a list of names, not the text {names!r}.")
    return [axis_column(table, name) for name in names]


def chosen_columns(table: RunTable, names: Sequence[str] | None, most: int) -> list[Column]:
    """Return the named columns, by default at most ``most`` parameters and results with numbers.

    Raises
    ------
    PlotError
        There are less than two.
    """
    if names is None:
        shown = [*varied_parameters(table), *numeric_results(table)][:most]
    else:
        shown = named_columns(table, names)
    if len(shown) < 2:
        raise PlotError(
            "At least two columns are needed: explored parameters or results with numbers. "
            f"Trajectory {table.trajectory!r} has {', '.join(table.columns)}."
        )
    return shown


def is_numeric(column: Column) -> bool:
    """Return whether a column has real numbers or bools, and any of them."""
    return column.values.dtype.kind in "biuf" and not bool(column.missing.all())


def _is_axis(column: Column) -> bool:
    if is_numeric(column):
        return True
    return column.values.dtype.kind == "U" and 0 < len(_distinct(column)) <= MOST_CATEGORIES


def _distinct(column: Column) -> NDArray[Any]:
    return np.unique(column.values[~column.missing])


def _say_which(argument: str, what: str, found: Collection[Column]) -> str:
    if not found:
        return f"There are no {what}: name a column with `{argument}`."
    return f"Say which column `{argument}` is. There are several {what}: {_names(found)}."


def _names(columns: Iterable[Column]) -> str:
    return ", ".join(column.name for column in columns) or "none"


def _dtype_text(column: Column) -> str:
    if column.missing.all():
        return "no values"
    kinds = {"U": "text", "O": "objects", "c": "complex numbers"}
    return kinds.get(column.values.dtype.kind, f"values of {column.values.dtype}")


# ----- choosing rows ---------------------------------------------------------------------------


def complete_rows(table: RunTable, columns: Sequence[Column]) -> Selection:
    """Return the runs that have a finite value in each of the columns.

    Raises
    ------
    PlotError
        None has.
    """
    kept = np.ones(len(table), bool)
    reasons = []
    for column in columns:
        has_value = _present(column)
        lacking = int((kept & ~has_value).sum())
        if lacking:
            reasons.append(f"{lacking} without {short_name(column)}")
        kept &= has_value
    if not kept.any():
        why = f" ({', '.join(reasons)})" if reasons else ""
        raise PlotError(
            f"Of the {len(table)} runs of trajectory {table.trajectory!r} none can be drawn{why}."
        )
    if kept.all():
        return Selection(table)
    note = f"{(~kept).sum()} of {len(table)} runs left out: {', '.join(reasons)}"
    return Selection(table.select(kept), note)


def _present(column: Column) -> NDArray[np.bool_]:
    present = ~column.missing
    if column.values.dtype.kind == "f":
        present &= np.isfinite(column.values)
    return present


def sampled_rows(selection: Selection, most: int) -> Selection:
    """Return at most ``most`` runs, drawn evenly at random but each time the same."""
    table, note = selection
    if len(table) <= most:
        return selection
    rows = np.sort(np.random.default_rng(0).choice(len(table), most, replace=False))
    text = f"a random sample of {most:,} of {len(table):,} runs"
    return Selection(table.select(rows), "\n".join(filter(None, (note, text))))


# ----- values ----------------------------------------------------------------------------------


class AxisValues(NamedTuple):
    """The values of a column as places on an axis."""

    places: NDArray[np.float64]
    """One a run: the number itself, or the position of a text among the categories."""
    categories: tuple[str, ...] = ()
    """Texts in alphabetical order, or ``False`` and ``True``; empty for numbers."""


def axis_values(column: Column) -> AxisValues:
    """Return the values of a column without missing ones."""
    kind = column.values.dtype.kind
    if kind == "b":
        return AxisValues(column.values.astype(np.float64), ("False", "True"))
    if kind == "U":
        found, places = np.unique(column.values, return_inverse=True)
        return AxisValues(places.astype(np.float64), tuple(map(str, found)))
    return AxisValues(column.values.astype(np.float64))


def short_name(column: Column) -> str:
    """Return the last part of the name of a column."""
    return column.name.rpartition(".")[2] or column.name


def looks_logarithmic(values: NDArray[np.float64]) -> bool:
    """Return whether numbers are spaced more evenly on a logarithmic axis than on a linear one.

    They have to be positive, at least four, and to span more than two decades.
    """
    found = np.unique(values)
    if len(found) < 4 or found[0] <= 0 or found[-1] / found[0] < 100:
        return False
    return _unevenness(np.log(found)) < _unevenness(found)


def _unevenness(values: NDArray[np.float64]) -> float:
    steps = np.diff(values)
    return float(steps.std() / steps.mean())
