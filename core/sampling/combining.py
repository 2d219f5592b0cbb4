"""Points from values that are given: in lockstep, one at a time, of tables; joined and filtered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from pypet.support.arguments import check_callable, check_mapping
from pypet.support.collections import flatten_dictionary
from pypet.trajectory.parameter_space import distinct_rows
from pypet.trajectory.points import Points, columns_of_dataframe, is_dataframe


def zipped(parameter_dict: Mapping[str, Iterable[Any]]) -> Points:
    """Return points whose parameters change together: the first values, the second ones, ...

    Parameters
    ----------
    parameter_dict
        Name of each parameter -> its values, all equally many. A dictionary in the dictionary is a
        group.

    Raises
    ------
    ValueError
        The numbers of values differ.
    TypeError
        There is no dictionary, or values that are not iterable.

    Examples
    --------
    >>> dict(zipped({'a': [1, 2], 'b': ['x', 'y']}))
    {'a': [1, 2], 'b': ['x', 'y']}
    """
    return Points(_columns(parameter_dict, "zipped"), {"method": "zipped"})


def one_at_a_time(
    base: Mapping[str, Any],
    variations: Mapping[str, Iterable[Any]],
    *,
    include_base: bool = True,
) -> Points:
    """Return points that differ from a base point in one parameter each.

    Parameters
    ----------
    base
        Name of each parameter -> its value where another one changes.
    variations
        Name of a parameter -> the values to try, those equal to that of the base left out.
    include_base
        Whether the base itself is the first point.

    Raises
    ------
    KeyError
        ``variations`` has a name that ``base`` does not have.
    ValueError
        There are no points.
    TypeError
        Values of a parameter are not iterable.

    Examples
    --------
    >>> dict(one_at_a_time({'a': 1, 'b': 2}, {'a': [0, 5], 'b': [7]}))
    {'a': [1, 0, 5, 1], 'b': [2, 2, 2, 7]}
    """
    flat_base = _flat(base, "one_at_a_time")
    rows = [flat_base] if include_base else []
    for name, values in _flat(variations, "one_at_a_time").items():
        if name not in flat_base:
            raise KeyError(
                f"{name!r} is to be varied but has no base value; there are base values for "
                f"{', '.join(map(repr, flat_base)) or 'nothing'}."
            )
        point = tuple(flat_base.values())
        for value in _values(name, values):
            row = {**flat_base, name: value}
            if len(distinct_rows([point, tuple(row.values())])) == 2:
                rows.append(row)
    if not rows:
        raise ValueError("`one_at_a_time` has no points: give values that differ from the base.")
    columns = {name: [row[name] for row in rows] for name in flat_base}
    return Points(columns, {"method": "one_at_a_time", "base": flat_base})


def union(*points: Mapping[str, Iterable[Any]], keep_duplicates: bool = False) -> Points:
    """Return the points of all arguments, in order; each point once.

    Parameters
    ----------
    points
        Points of the same parameters, as the functions of this module and `cartesian_product`
        return them.
    keep_duplicates
        Keep points that occur more than once, for instance for runs with different random numbers.

    Raises
    ------
    ValueError
        There are no points; or they are of different parameters.

    Examples
    --------
    >>> dict(union({'a': [1, 2]}, {'a': [2, 3]}))
    {'a': [1, 2, 3]}
    """
    tables = [_columns(each, "union") for each in points]
    if not tables:
        raise ValueError("`union` needs points; give at least one dictionary.")
    names = list(tables[0])
    for table in tables[1:]:
        if set(table) != set(names):
            raise ValueError(
                f"`union` takes points of the same parameters, but the first ones are of "
                f"{', '.join(names)} and others of {', '.join(table)}."
            )
    rows = list(
        chain.from_iterable(zip(*(table[name] for name in names), strict=True) for table in tables)
    )
    if not keep_duplicates:
        rows = [rows[place] for place in distinct_rows(rows)]
    record = {"method": "union", "of": [_record_of(each) for each in points]}
    return _from_rows(names, rows, record)


def where(
    points: Mapping[str, Iterable[Any]],
    predicate: Callable[..., Any],
    names: Sequence[str] | None = None,
) -> Points:
    """Return the points for which ``predicate`` is true.

    Parameters
    ----------
    points
        Points, as the functions of this module and `cartesian_product` return them.
    predicate
        Called for each point in this process.
    names
        The parameters whose values it takes, in order. None: the names of its arguments, which
        are names of parameters, or the last part of such names.

    Raises
    ------
    ValueError
        No point is left; or an argument of ``predicate`` is not the name of one parameter.
    TypeError
        ``predicate`` cannot be called.

    Examples
    --------
    >>> dict(where(cartesian_product({'a': [1, 2], 'b': [1, 2]}), lambda a, b: a < b))
    {'a': [1], 'b': [2]}
    """
    check_callable(predicate, "`where` takes points and a function of their values")
    table = _columns(points, "where")
    if names is None:
        wanted = [_full_name(each, table) for each in inspect.signature(predicate).parameters]
    else:
        wanted = [_full_name(each, table) for each in names]
    places = {name: place for place, name in enumerate(table)}
    rows = [
        row
        for row in zip(*table.values(), strict=True)
        if predicate(*(row[places[name]] for name in wanted))
    ]
    if not rows:
        raise ValueError("`where` has left no point: the predicate is false for all of them.")
    record = {"method": "where", "of": _record_of(points), "predicate": _name(predicate)}
    return _from_rows(list(table), rows, record)


def from_dataframe(dataframe: Any, columns: Sequence[str] | None = None) -> Points:
    """Return the rows of a pandas DataFrame as points: a column for each parameter.

    ``f_explore`` and ``f_expand`` take a DataFrame itself, too, and use all of its columns.

    Parameters
    ----------
    dataframe
        A table without missing values. Its index does not matter.
    columns
        The columns to use, None for all.

    Raises
    ------
    TypeError
        It is no DataFrame, or a column has no name.
    KeyError
        There is no such column.
    ValueError
        There are no rows or columns, two columns of one name, or missing values.
    """
    if not is_dataframe(dataframe):
        raise TypeError(f"`from_dataframe` takes a pandas DataFrame, not {dataframe!r:.80}.")
    if columns is not None:
        unknown = [each for each in columns if each not in dataframe.columns]
        if unknown:
            raise KeyError(
                f"The table has no column {unknown[0]!r}; there are "
                f"{', '.join(map(repr, dataframe.columns))}."
            )
        dataframe = dataframe[list(columns)]
    return Points(columns_of_dataframe(dataframe), {"method": "from_dataframe"})


def _flat(parameter_dict: Mapping[str, Any], function: str) -> dict[str, Any]:
    check_mapping(parameter_dict, f"`{function}` takes", "{'x': [1, 2], 'y': [3, 4]}")
    if any(isinstance(values, Mapping) for values in parameter_dict.values()):
        return dict(flatten_dictionary(parameter_dict, "."))
    return dict(parameter_dict)


def _values(name: str, values: Any) -> list[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(
            f"The values of {name!r} have to be iterable, for example a list, not {values!r:.80} "
            f"({type(values).__name__})."
        )
    return list(values)


def _columns(parameter_dict: Mapping[str, Any], function: str) -> dict[str, list[Any]]:
    """Return lists of one common length."""
    flat = _flat(parameter_dict, function)
    columns = {name: _values(name, values) for name, values in flat.items()}
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{count} of {name!r}" for name, count in lengths.items())
        raise ValueError(f"`{function}` needs equally many values of each parameter, not {counts}.")
    if not any(lengths.values()):
        raise ValueError(f"`{function}` has no points: give at least one value of a parameter.")
    return columns


def _from_rows(
    names: Sequence[str], rows: Sequence[tuple[Any, ...]], record: dict[str, Any]
) -> Points:
    columns = zip(*rows, strict=True)
    return Points(dict(zip(names, map(list, columns), strict=True)), record)


def _record_of(points: Mapping[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = getattr(points, "record", {"method": "given"})
    return record


def _full_name(name: str, table: Mapping[str, Any]) -> str:
    """Return the parameter that an argument is named after."""
    if name in table:
        return name
    found = [each for each in table if each.endswith(f".{name}")]
    if len(found) != 1:
        raise ValueError(
            f"The predicate takes {name!r}, but there are values of {', '.join(table)}. Name its "
            "arguments after parameters, or give `names` in the order of its arguments."
        )
    return found[0]


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", None) or repr(function))
