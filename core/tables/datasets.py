"""Datasets of xarray: results over the explored parameters where these form a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pypet.support.optional import require
from pypet.tables.column import Array, Column
from pypet.tables.run_table import INDEX, RunTable

_PREVIEW = 4


class Grid(NamedTuple):
    """Where each run is on the grid that the explored parameters form."""

    values: dict[str, Array]
    """Values of each parameter along its dimension, in the order of their first run."""
    positions: NDArray[np.int64]
    """Place of each run in the flattened grid, shape (runs,)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the dimensions."""
        return tuple(map(len, self.values.values()))


def grid_of(table: RunTable) -> Grid | None:
    """Return the grid of the explored parameters of a table, None if they form none.

    They do if each combination of their values has exactly one run. A parameter whose values are
    neither numbers nor text, or missing in a run, is no dimension.
    """
    explored = [column for column in table.parameters if column.explored]
    if not explored or not len(table):
        return None
    values: dict[str, Array] = {}
    codes = []
    for column in explored:
        if column.values.dtype.kind == "O" or column.missing.any():
            return None
        found, first, inverse = np.unique(column.values, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        values[column.name] = found[order]
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(len(order))
        codes.append(ranks[inverse.reshape(-1)])
    shape = tuple(map(len, values.values()))
    if math.prod(shape) != len(table):
        return None
    positions: NDArray[np.int64] = np.ravel_multi_index(codes, shape).astype(np.int64)
    if len(np.unique(positions)) != len(table):
        return None
    return Grid(values, positions)


def to_dataset(table: RunTable, dims: Mapping[str, str | Sequence[str]] | None = None) -> Any:
    """Return a `xarray.Dataset` of the results of a table.

    Its dimensions are the explored parameters if each combination of their values has exactly
    one run, else ``run``, with the parameters as coordinates. Arrays have dimensions of their
    own after these, which are called ``<name>_dim_0``, ... unless ``dims`` names them: result
    -> names.

    Raises
    ------
    ValueError
        Arrays of a result differ in shape, or ``dims`` has another number of names.
    TypeError
        Values of a result are neither scalars nor arrays.
    MissingDependencyError
        xarray is not installed.
    """
    xarray = require("xarray", plugin="f_to_xarray", extra="xarray")
    grid = grid_of(table)
    axes = (INDEX,) if grid is None else tuple(grid.values)
    named_dims = {
        name: (each,) if isinstance(each, str) else tuple(each)
        for name, each in (dims or {}).items()
    }
    _check_dims(table, named_dims)
    coordinates: dict[str, Any] = {INDEX: (axes, _placed(table.indices, grid))}
    for column in table.parameters:
        coordinates[column.name] = _coordinate(column, grid, axes)
    variables = {}
    for column in table.results:
        values = _stacked(column, table.indices)
        own = named_dims.get(column.name)
        if own is None:
            own = tuple(f"{column.name}_dim_{number}" for number in range(values.ndim - 1))
        elif len(own) != values.ndim - 1:
            raise ValueError(
                f"`dims` has {len(own)} names for {column.name!r}, whose values have "
                f"{values.ndim - 1} dimensions."
            )
        variables[column.name] = ((*axes, *own), _placed(values, grid), _attributes(column, table))
    attributes: dict[str, Any] = {"trajectory": table.trajectory}
    if table.comment:
        attributes["comment"] = table.comment
    missing = table.missing_runs()
    if len(missing):
        attributes["missing_runs"] = missing
    return xarray.Dataset(variables, coordinates, attributes)


def _check_dims(table: RunTable, dims: Mapping[str, tuple[str, ...]]) -> None:
    names = {column.name for column in table.results}
    unknown = [name for name in dims if name not in names]
    if unknown:
        known = ", ".join(sorted(names)) or "none"
        raise ValueError(f"`dims` names {unknown[0]!r}, which is no result; there are: {known}.")


def _placed(values: Array, grid: Grid | None) -> Array:
    """Return values, one a run, in the order and shape of the grid."""
    if grid is None:
        return values
    placed = np.empty_like(values)
    placed[grid.positions] = values
    return placed.reshape(*grid.shape, *values.shape[1:])


def _coordinate(column: Column, grid: Grid | None, axes: tuple[str, ...]) -> Any:
    attributes = {"comment": column.comment} if column.comment else {}
    if grid is not None and column.name in grid.values:
        return (column.name, grid.values[column.name], attributes)
    values = column.filled()
    if not column.explored and len(values) and not column.missing.any():
        return ((), values[0], attributes)
    return (axes, _placed(values, grid), attributes)


def _attributes(column: Column, table: RunTable) -> dict[str, Any]:
    attributes: dict[str, Any] = {"comment": column.comment} if column.comment else {}
    if column.missing.any():
        attributes["missing_runs"] = table.indices[column.missing]
    return attributes


# ----- arrays ------------------------------------------------------------------------------------


def _stacked(column: Column, indices: NDArray[np.int64]) -> Array:
    """Return the values of a column as an array whose first axis are the runs.

    Raises
    ------
    TypeError, ValueError
        They have no common shape or dtype.
    """
    if column.values.dtype.kind != "O" or column.missing.all():
        return column.filled()
    present = np.flatnonzero(~column.missing)
    arrays = [_as_array(column.values[position], column.name) for position in present]
    shapes: dict[tuple[int, ...], int] = {}
    for position, array in zip(present.tolist(), arrays, strict=True):
        shapes.setdefault(array.shape, int(indices[position]))
    if len(shapes) > 1:
        found = ", ".join(f"{shape} in run {run}" for shape, run in list(shapes.items())[:_PREVIEW])
        raise ValueError(
            f"The values of {column.name!r} differ in shape: {found}. Give `reduce="
            f"{{{column.name!r}: function}}` to make scalars, or arrays of one shape, of them."
        )
    if not arrays[0].ndim:
        return column.filled()
    stacked = np.stack(arrays)
    if stacked.dtype.kind == "O":
        raise TypeError(f"The arrays of {column.name!r} are of types without a common one.")
    if not column.missing.any():
        return stacked
    if stacked.dtype.kind in "biu":
        stacked = stacked.astype(np.float64)
    fill: Any = np.nan
    if stacked.dtype.kind not in "fc":
        stacked = stacked.astype(object)
    full = np.full((len(column), *stacked.shape[1:]), fill, stacked.dtype)
    full[present] = stacked
    return full


def _as_array(value: Any, name: str) -> Array:
    """Return an array, a list or tuple of scalars, or a scalar as an array."""
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    if isinstance(value, (dict, set)) or hasattr(value, "nnz"):
        raise _no_array(name, value)
    try:
        array = np.asarray(value)
    except ValueError as err:  # lists of various lengths
        raise _no_array(name, value) from err
    if array.dtype.kind == "O" and not isinstance(value, np.ndarray):
        raise _no_array(name, value)
    return array


def _no_array(name: str, value: Any) -> TypeError:
    return TypeError(
        f"A value of {name!r} is a {type(value).__name__}, which has no place in a dataset. Give "
        f"`reduce={{{name!r}: function}}` to make a scalar or an array of each."
    )
