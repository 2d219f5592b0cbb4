"""`read_table`: from a trajectory, in memory or stored, to a table of its runs."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet.records.run_rows import NOT_FINISHED, NOT_STARTED, RunSelection
from pypet.runs.states import ABANDONED, COMMITTED, FAILED, PENDING, RUNNING
from pypet.support.spelling import did_you_mean
from pypet.tables.column import PARAMETER, RUN, Column, array_of
from pypet.tables.results import Reductions, ResultReader
from pypet.tables.run_table import INDEX, RunTable
from pypet.tables.sources import Source, opened_source

EXPLORED, ALL = "explored", "all"
_PREFIX = "parameters."


def read_table(
    source: Any,
    results: str | Iterable[str] | None = None,
    parameters: str | Iterable[str] = EXPLORED,
    runs: Any = None,
    reduce: Reductions | None = None,
    *,
    completed_only: bool = False,
    objects: bool = False,
) -> RunTable:
    """Return a table with one row a run: run information, parameters and results.

    Nothing is loaded into a trajectory, and no nodes are made: of each run only those values are
    read that have a column. The experiment may be running, here or in another process, or have
    crashed: runs without a value are marked as missing.

    Parameters
    ----------
    source
        A trajectory: what is in memory counts, what is not is read from the storage. Or a file, or
        ``(file, name of the trajectory)``, of which nothing is unpickled; None as a name, or none
        at all, is the only trajectory of the file.
    results
        Natural names of results, or of derived parameters, below the group of each run, as in
        `pypet.Trajectory.f_get_from_runs`; names of items may follow (``'fit.slope'``). Columns
        are called so. None: all results that are scalars, called by their path below the
        group of the run.
    parameters
        ``'explored'``, ``'all'``, or natural names. Columns of the former two are called by the
        path below ``parameters``, and by the full name if something else is called so.
    runs
        Indices or names of runs, in the wanted order, or a slice of indices. None: all.
    reduce
        Name of a result -> function of its value that returns a scalar, for example
        ``{'trace': numpy.mean}``. The names are columns, whether or not they are in ``results``.
        With ``objects`` it may return anything.
    completed_only
        Leave out runs that are not completed.
    objects
        Whether columns may hold anything: arrays, or values of several types.

    Returns
    -------
    RunTable
        Missing values are marked in `Column.missing`.

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
        ``reduce`` says what to do; or ``source`` is none.
    ValueError
        A result has several items and the name does not say which; the file has several
        trajectories or none.
    RefusedPickleError
        A result that was named is pickled, and may not be unpickled.
    """
    if not (runs is None or isinstance(runs, slice | str)) and isinstance(runs, Iterable):
        runs = list(runs)  # it is needed twice
    with opened_source(source, _selection(runs)) as data:
        indices = _selected_runs(data, runs)
        if completed_only:
            indices = indices[data.facts.completed[indices]]
        reader = ResultReader(data, indices, _as_names(results, "results"), reduce, objects=objects)
        columns = [*_run_columns(data, indices), *_parameter_columns(data, indices, parameters)]
        columns += reader.columns()
        named = _named_uniquely(columns)
        return RunTable(data.name, indices, named, data.comment, reader.problems)


def _as_names(names: Any, argument: str) -> list[str] | None:
    if names is None:
        return None
    listed = [names] if isinstance(names, str) else list(names)
    for name in listed:
        if not isinstance(name, str) or not all(name.split(".")):
            raise TypeError(f"`{argument}` takes names such as 'z' or 'group.z', not {name!r}.")
    return list(dict.fromkeys(listed))


# ----- runs --------------------------------------------------------------------------------------


def _selection(runs: Any) -> RunSelection | None:
    """Return which rows of the run table are needed for some runs; None for all.

    So it is for names, of which only the whole table says to which runs they belong.
    """
    if isinstance(runs, slice):
        return lambda length: np.sort(np.arange(length)[runs])
    given = runs if isinstance(runs, list) else [runs]
    try:
        indices = np.unique([operator.index(run) for run in given])
    except (TypeError, OverflowError):
        return None
    return lambda length: indices[(indices >= 0) & (indices < length)]


def _selected_runs(data: Source, runs: Any) -> NDArray[np.int64]:
    length = len(data.facts)
    if runs is None:
        return np.arange(length)
    if isinstance(runs, slice):
        return np.arange(length)[runs]
    if isinstance(runs, str) or not isinstance(runs, Iterable):
        runs = [runs]
    indices = [_run_index(data, run, length) for run in runs]
    return np.array(list(dict.fromkeys(indices)), np.int64)


def _run_index(data: Source, run: Any, length: int) -> int:
    if isinstance(run, str):
        found = data.run_index(run)
        if found is None:
            raise KeyError(f"Trajectory {data.name!r} with {length} runs has no run {run!r}.")
        return found
    try:
        idx = operator.index(run)
    except TypeError:
        raise TypeError(f"A run is given by its name or its index, not by {run!r}.") from None
    if not 0 <= idx < length:
        raise KeyError(f"There is no run {idx}: trajectory {data.name!r} has {length} runs.")
    return idx


def _run_columns(data: Source, indices: NDArray[np.int64]) -> list[Column]:
    facts = data.facts
    completed = facts.completed[indices]
    started = facts.timestamp[indices]
    finished = facts.finish_timestamp[indices]
    never_started = started == NOT_STARTED
    never_finished = (finished == NOT_FINISHED) | ~completed
    not_timed = never_started | never_finished
    runtime = np.where(not_timed, np.nan, finished - started)
    errors = [facts.errors.get(idx) for idx in indices.tolist()]
    failed = np.fromiter((error is not None for error in errors), bool, len(errors))
    states = np.select(
        [completed, indices == facts.active, failed, never_started],
        [COMMITTED, RUNNING, FAILED, PENDING],
        ABANDONED,
    )
    texts = ["" if error is None else f"{error.type}: {error.message}" for error in errors]
    names = list(map(data.run_name, indices.tolist()))
    return [
        _run_column(INDEX, indices),
        _run_column("name", np.array(names, np.str_)),
        _run_column("state", states),
        _run_column("completed", completed),
        _run_column("timestamp", np.where(never_started, np.nan, started), never_started),
        _run_column("finish_timestamp", np.where(never_finished, np.nan, finished), never_finished),
        _run_column("runtime", runtime, not_timed),
        _run_column("error", np.array(texts, np.str_), ~failed),
    ]


def _run_column(name: str, values: Any, missing: Any = None) -> Column:
    if missing is None:
        missing = np.zeros(len(values), np.bool_)
    return Column(name, values, missing, RUN, full_name=name)


# ----- parameters --------------------------------------------------------------------------------


def _parameter_columns(
    data: Source, indices: NDArray[np.int64], parameters: str | Iterable[str]
) -> list[Column]:
    if parameters == EXPLORED:
        chosen = {name: name.removeprefix(_PREFIX) for name in data.explored}
    elif parameters == ALL:
        names = [*data.explored, *sorted(set(data.parameter_names()).difference(data.explored))]
        chosen = {name: name.removeprefix(_PREFIX) for name in names}
    else:
        chosen = _found_parameters(data, _as_names(parameters, "parameters") or [])
    listed = indices.tolist()
    columns = []
    for full_name, name in chosen.items():
        parameter = data.parameter(full_name)
        values = [parameter.of_run(idx) for idx in listed]
        # The values are what the user explored: there is nothing to reduce or to leave out.
        packed, missing = array_of(values, listed, name, objects=True, what=PARAMETER)
        is_explored = full_name in data.explored
        columns.append(
            Column(name, packed, missing, PARAMETER, parameter.comment, is_explored, full_name)
        )
    return columns


def _found_parameters(data: Source, names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        full_name = data.find_parameter(name)
        if full_name is None:
            known = data.parameter_names()
            short = [each.removeprefix(_PREFIX) for each in known]
            raise AttributeError(
                f"Trajectory {data.name!r} has no parameter {name!r}; there are: "
                f"{', '.join(short) or 'none'}.{did_you_mean(name, short)}"
            )
        found[full_name] = name
    return found


# ----- names of columns --------------------------------------------------------------------------


def _named_uniquely(columns: Iterable[Column]) -> dict[str, Column]:
    """Return columns by their names; a name that is taken already becomes the full one."""
    named: dict[str, Column] = {}
    for column in columns:
        if column.name in named:
            column = column.renamed(f"{_branch_of(column)}.{column.name}")
        named[column.name] = column
    return named


def _branch_of(column: Column) -> str:
    return "parameters" if column.kind == PARAMETER else "results"
