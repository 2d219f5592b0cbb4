"""Which points of a parameter space to visit, and which were visited more than once."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import numpy as np

from pypet.support.arguments import check_mapping
from pypet.support.collections import flatten_dictionary

_LOGGER_NAME = "pypet.find_unique"


def cartesian_product(
    parameter_dict: Mapping[str, Iterable[Any]],
    combined_parameters: Sequence[str | Sequence[str]] = (),
) -> dict[str, list[Any]]:
    """Return all combinations of parameter values, ready for ``f_explore``.

    Parameters
    ----------
    parameter_dict
        Name of each parameter -> its values, any iterable; consumed once. A dictionary in the
        dictionary is a group: ``{'net': {'n': [1, 2]}}`` is ``{'net.n': [1, 2]}``.
    combined_parameters
        Order of the factors; the last one varies fastest. An entry is a name, or several names
        whose values go in lockstep, cut to the shortest. Empty: all names in their order.

    Returns
    -------
    dict[str, list[Any]]
        Lists of equal length, in the order of ``parameter_dict``. Names that are not in
        ``combined_parameters`` get an empty list.

    Raises
    ------
    KeyError
        ``combined_parameters`` has a name that ``parameter_dict`` does not have.
    ValueError
        ``combined_parameters`` has a name twice.
    TypeError
        The values of a parameter are not iterable.

    Examples
    --------
    >>> cartesian_product({'a': [1, 2], 'b': ['x', 'y']})
    {'a': [1, 1, 2, 2], 'b': ['x', 'y', 'x', 'y']}
    >>> cartesian_product({'a': [1, 2], 'b': [3, 4], 'c': [5, 6]}, ('c', ('a', 'b')))
    {'a': [1, 2, 1, 2], 'b': [3, 4, 3, 4], 'c': [5, 5, 6, 6]}
    """
    check_mapping(parameter_dict, "`cartesian_product` takes", "{'x': [1, 2], 'y': [3, 4]}")
    if any(isinstance(values, Mapping) for values in parameter_dict.values()):
        parameter_dict = flatten_dictionary(parameter_dict, ".")
    groups = _name_groups(parameter_dict, combined_parameters)
    for name in chain.from_iterable(groups):
        values = parameter_dict[name]
        try:
            iter(values)
        except TypeError as err:
            raise TypeError(
                f"The values of {name!r} have to be iterable, for example a list, not "
                f"{values!r:.80} ({type(values).__name__})."
            ) from err
    factors = [_lockstep([parameter_dict[name] for name in names]) for names in groups]
    lengths = [len(columns[0]) for columns in factors]
    product: dict[str, list[Any]] = {name: [] for name in parameter_dict}
    total = int(np.prod(lengths, dtype=object)) if lengths else 0
    if total == 0:
        return product
    tiles, inner = 1, total
    for names, columns, length in zip(groups, factors, lengths, strict=True):
        inner //= length
        for name, values in zip(names, columns, strict=True):
            stretched = chain.from_iterable(map(repeat, values, repeat(inner)))
            product[name] = list(stretched) * tiles
        tiles *= length
    return product


def find_unique_points(
    explored_parameters: Sequence[Any],
) -> list[tuple[tuple[Any, ...], list[int]]]:
    """Return the distinct points of an exploration, each with the run indices that visit it.

    Points are in the order of their first visit, as tuples with one value per parameter. Values
    that can neither be hashed nor turned into something hashable, unlike arrays, are compared
    by their parameters, one by one, which takes quadratic time and is logged as an error.

    Raises
    ------
    TypeError
        A parameter has no range, or something else than a parameter is given.
    """
    if isinstance(explored_parameters, str) or not all(
        hasattr(each, "f_get_range") for each in iter(explored_parameters)
    ):
        raise TypeError(
            "`find_unique_points` takes a list of parameters, such as "
            "`list(traj.f_get_explored_parameters().values())`, "
            f"not {explored_parameters!r:.80}."
        )
    ranges = [parameter.f_get_range(copy=False) for parameter in explored_parameters]
    return find_points(explored_parameters, zip(*ranges, strict=False))


def find_points(
    parameters: Sequence[Any], points_of_runs: Iterable[tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], list[int]]]:
    """Do the same for points that are given, each with one value for each of the parameters."""
    points: list[tuple[tuple[Any, ...], list[int]]] = []
    by_key: dict[Hashable, list[int]] = {}
    without_key: list[tuple[tuple[Any, ...], list[int]]] = []
    for index, values in enumerate(points_of_runs):
        try:
            key = tuple(map(_key, values))
            indices = by_key.get(key)
        except TypeError:
            if not without_key:
                logging.getLogger(_LOGGER_NAME).error(
                    "Point %d has values that cannot be hashed, comparing in quadratic time: %r",
                    index,
                    values,
                )
            indices = _search(values, without_key, parameters)
            if indices is None:
                without_key.append((values, [index]))
                points.append(without_key[-1])
                continue
        else:
            if indices is None:
                by_key[key] = indices = []
                points.append((values, indices))
        indices.append(index)
    return points


def distinct_rows(rows: Sequence[tuple[Any, ...]]) -> list[int]:
    """Return the places of the first occurrence of each row, in order.

    Values that can neither be hashed nor turned into something hashable differ from all others.
    1 and 1.0 are the same value, True is another one.
    """
    seen: set[Hashable] = set()
    places = []
    for place, row in enumerate(rows):
        try:
            key = tuple([(isinstance(value, bool), _key(value)) for value in row])
        except TypeError:
            places.append(place)
            continue
        if key not in seen:
            seen.add(key)
            places.append(place)
    return places


def _name_groups(
    parameter_dict: Mapping[str, Any], combined: Sequence[str | Sequence[str]]
) -> list[tuple[str, ...]]:
    """Return the names of each factor, checked."""
    entries = [combined] if isinstance(combined, str) else combined or list(parameter_dict)
    try:
        groups = [(entry,) if isinstance(entry, str) else tuple(entry) for entry in entries]
    except TypeError as err:
        raise TypeError(
            "`combined_parameters` has names, or tuples of names that change together, like "
            f"('z', ('x', 'y')), not {combined!r}."
        ) from err
    names = list(chain.from_iterable(groups))
    for name in names:
        if name not in parameter_dict:
            raise KeyError(
                f"{name!r} is to be combined but has no values; there are values for "
                f"{', '.join(map(repr, parameter_dict)) or 'nothing'}."
            )
    if len(set(names)) < len(names):
        raise ValueError(f"A parameter occurs twice in `combined_parameters`: {combined!r}.")
    return [group for group in groups if group]


def _lockstep(iterables: list[Iterable[Any]]) -> list[list[Any]]:
    """Return the values of linked parameters, cut to the shortest."""
    columns = [list(values) for values in iterables]
    shortest = min(map(len, columns))
    return [values[:shortest] for values in columns]


def _key(value: Any) -> Hashable:
    """Return something hashable that is equal for equal values; TypeError if there is nothing."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("Arrays of objects have no bytes to hash.")
        if value.dtype.kind in "fc":
            value = value + 0.0  # negative zeros equal positive ones
        return np.ndarray, value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, list):
        return list, tuple(map(_key, value))
    hash(value)
    return value  # type: ignore[no-any-return]


def _search(
    values: tuple[Any, ...],
    points: list[tuple[tuple[Any, ...], list[int]]],
    parameters: Sequence[Any],
) -> list[int] | None:
    """Return the indices of an equal point, None if there is none."""
    for others, indices in points:
        triples = zip(parameters, values, others, strict=True)
        if all(parameter._equal_values(mine, other) for parameter, mine, other in triples):
            return indices
    return None
