"""Columns of results: the values of all runs, looked up run by run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet.errors import NotUniqueNodeError, RefusedPickleError, StorageFormatError
from pypet.records import SharedItem
from pypet.support.readable import joined
from pypet.support.spelling import did_you_mean
from pypet.tables.column import NO_VALUE, RESULT, Column, array_of, is_scalar
from pypet.tables.lookup import Found, find_leaf, leaves_below, run_groups
from pypet.tables.sources import Layer, Source

_logger = logging.getLogger(__name__)

_BRANCHES_OF_ALL = ("results",)
"""Where all scalars are taken from, if no results are named."""
_SET_PREFIX = "run_set_"
_MOST_SHOWN = 12

Reduce = Callable[[Any], Any]
Reductions = Mapping[str, Reduce]
"""Functions that make a scalar of a result, by its name."""


class _Gathered:
    """The values of one column, by run index."""

    __slots__ = ("comment", "full_name", "is_found", "items", "name", "values")

    def __init__(self, name: str) -> None:
        self.name = name
        self.full_name = name
        self.comment = ""
        self.values: dict[int, Any] = {}
        self.is_found = False
        """Whether a run has it, maybe without a value."""
        self.items: Collection[str] = ()
        """Names of the items of a leaf that has not the one that was asked for."""


class ResultReader:
    """Reads the columns of results for some runs of a source."""

    def __init__(
        self,
        source: Source,
        indices: NDArray[np.int64],
        names: list[str] | None,
        reduce: Reductions | None,
        *,
        objects: bool,
    ) -> None:
        self._source = source
        self._indices: list[int] = indices.tolist()
        self._names = names
        self._reduce = _checked_reduce(reduce)
        self._objects = objects
        self.problems: dict[int, str] = {}
        """Why something of a run could not be read, by run index."""

    def columns(self) -> list[Column]:
        """Return the columns: those of all scalars, or those that were named, and reduced ones."""
        gathered: list[_Gathered] = []
        if self._names is None:
            gathered += self._all_scalars()
        named = [*(self._names or ()), *self._reduce]
        if named:
            found = self._named(list(dict.fromkeys(named)))
            taken = {each.name for each in found}
            gathered = [each for each in gathered if each.name not in taken] + found
        return [self._column(each) for each in gathered]

    def _column(self, gathered: _Gathered) -> Column:
        get = gathered.values.get
        values = [get(idx, NO_VALUE) for idx in self._indices]
        packed, missing = array_of(
            values, self._indices, gathered.name, objects=self._objects, what=RESULT
        )
        return Column(
            gathered.name,
            packed,
            missing,
            RESULT,
            gathered.comment,
            full_name=gathered.full_name,
        )

    # ----- by name -------------------------------------------------------------------------

    def _named(self, names: Sequence[str]) -> list[_Gathered]:
        gathered = [_Gathered(name) for name in names]
        wanted = [(each, self._source.components(each.name)) for each in gathered]
        parts = {part for _, components in wanted for part in components}
        layers = self._source.layers(lambda path: path.rpartition(".")[2] in parts)
        places = self._places(layers, None)
        has_any = False
        for idx, groups in self._of_runs(places):
            has_any = True
            for column, components in wanted:
                try:
                    if not self._gather_number(column, components, idx, groups):
                        self._gather(column, components, idx, groups)
                except StorageFormatError as err:
                    self._note(idx, err)
        if has_any:
            self._check_found(gathered)
        return gathered

    def _gather_number(
        self,
        column: _Gathered,
        components: tuple[str, ...],
        idx: int,
        groups: Sequence[tuple[Layer, Sequence[Any]]],
    ) -> bool:
        """Add the value of a run if it is a number directly in its only group, as most are."""
        if len(components) > 1 or len(groups) > 1 or len(groups[0][1]) > 1:
            return False
        found = groups[0][1][0].number_of(components[0])
        if found is None or column.name in self._reduce:
            return False
        comment, column.values[idx] = found
        column.is_found = True
        if comment and not column.comment:
            column.comment = comment
        return True

    def _gather(
        self,
        column: _Gathered,
        components: tuple[str, ...],
        idx: int,
        groups: Sequence[tuple[Layer, Sequence[Any]]],
    ) -> None:
        """Add the value of a run, from the first layer that has one."""
        for layer, views in groups:
            found = self._find(components, column.name, idx, layer, views)
            if found is None:
                continue
            value = self._value(found, column, idx, layer)
            if value is NO_VALUE:
                continue
            if not column.comment:
                column.comment = found.leaf.comment
            reduce = self._reduce.get(column.name)
            if reduce is not None and value is not None:
                value = _reduced(reduce, value, column.name, idx, objects=self._objects)
            elif not self._objects and not is_scalar(value):
                array_of([value], [idx], column.name, objects=False, what=RESULT)  # raises
            column.values[idx] = value
            return

    def _find(
        self,
        components: tuple[str, ...],
        name: str,
        idx: int,
        layer: Layer,
        views: Sequence[Any],
    ) -> Found | None:
        found = None
        for view in views:
            other = find_leaf(view, components, f"run {idx}", layer.follow)
            if other is None:
                continue
            if found is not None and other.leaf.path != found.leaf.path:
                raise NotUniqueNodeError(
                    f"{name!r} is not unique in run {idx}: there are `{found.leaf.path}` and "
                    f"`{other.leaf.path}`. Give more of the path."
                )
            found = other
        return found

    def _value(self, found: Found, column: _Gathered, idx: int, layer: Layer) -> Any:
        """Return the value that a name means, `NO_VALUE` if the leaf has none."""
        values = layer.values(found.leaf, False)
        if any(isinstance(value, SharedItem) for value in values.values()):
            raise TypeError(
                f"The result {column.name!r} of run {idx} is shared data, which stays in the "
                "storage: load the `SharedResult` and read what you need of it."
            )
        if found.item is not None:
            column.is_found |= found.item in values
            column.items = column.items or values.keys()
            return values.get(found.item, NO_VALUE)
        column.is_found = True
        name = column.name
        if len(values) == 1:
            return next(iter(values.values()))
        if not values:
            return NO_VALUE
        items = ", ".join(f"'{name}.{item}'" for item in values)
        raise ValueError(
            f"The result {name!r} of run {idx} (`{found.leaf.path}`) has {len(values)} items, say "
            f"which: {items}."
        )

    def _check_found(self, gathered: Sequence[_Gathered]) -> None:
        absent = next((each for each in gathered if not each.is_found), None)
        if absent is None or self.problems:
            return
        what = f"No run of trajectory {self._source.name!r} has a result {absent.name!r}"
        if absent.items:
            leaf = absent.name.rpartition(".")[0]
            items = ", ".join(f"'{leaf}.{item}'" for item in absent.items)
            raise AttributeError(f"{what}; there are: {items}.")
        known = list(dict.fromkeys(each.full_name for each in self._all_scalars(only_names=True)))
        shown = joined([repr(each) for each in sorted(known)], _MOST_SHOWN)
        raise AttributeError(
            f"{what}; there are: {shown or 'none'}.{did_you_mean(absent.name, _with_short(known))}"
        )

    # ----- all scalars ---------------------------------------------------------------------

    def _all_scalars(self, *, only_names: bool = False) -> list[_Gathered]:
        """Return the columns of all scalars; with ``only_names`` of all leaves, without values."""
        layers = self._source.layers((lambda path: False) if only_names else _everything)
        places = self._places(layers, _BRANCHES_OF_ALL)
        columns: dict[tuple[str, str], _Gathered] = {}
        for idx, groups in self._of_runs(places):
            for layer, views in reversed(groups):  # what counts most comes last and stays
                for view in views:
                    self._gather_below(view, idx, layer, columns, only_names=only_names)
        _make_names_unique(columns)
        return [columns[key] for key in sorted(columns)]

    def _gather_below(
        self,
        view: Any,
        idx: int,
        layer: Layer,
        columns: dict[tuple[str, str], _Gathered],
        *,
        only_names: bool,
    ) -> None:
        location = _without_sets(view.path)
        start = len(view.path) + 1
        for leaf in leaves_below(view, lambda err: self._note(idx, err)):
            path = leaf.path[start:]
            if only_names:
                columns.setdefault((path, location), _Gathered(path))
                continue
            try:
                values = layer.values(leaf, True)
            except RefusedPickleError:
                continue  # nobody knows whether it is a scalar
            except StorageFormatError as err:
                self._note(idx, err)
                continue
            for item, value in values.items():
                if is_scalar(value):
                    key = (_column_name(path, item), location)
                    column = columns.get(key)
                    if column is None:
                        column = columns[key] = _Gathered(key[0])
                    if not column.comment:
                        column.comment = leaf.comment
                    column.values[idx] = value

    # ----- runs ----------------------------------------------------------------------------

    def _places(
        self, layers: Sequence[Layer], branches: Collection[str] | None
    ) -> list[tuple[Layer, dict[int, list[tuple[Any, str]]]]]:
        """Return where the groups of runs are in each layer."""
        index_of = self._source.run_index
        errors: list[StorageFormatError] = []
        wanted = frozenset(self._indices)
        places = [
            (layer, run_groups(layer.root, branches, index_of, wanted, errors.append))
            for layer in layers
        ]
        if errors:
            _logger.warning(
                "Of trajectory `%s` %d groups outside of runs are left out, the first because: %s",
                *(self._source.name, len(errors), errors[0]),
            )
        return places

    def _note(self, idx: int, error: StorageFormatError) -> None:
        """Note what could not be read of a run."""
        self.problems.setdefault(idx, str(error))

    def _of_runs(
        self, places: Sequence[tuple[Layer, dict[int, list[tuple[Any, str]]]]]
    ) -> Iterator[tuple[int, list[tuple[Layer, list[Any]]]]]:
        """Yield the runs that have groups, with views of these by layer."""
        for idx in self._indices:
            groups = []
            for layer, by_run in places:
                try:
                    children = [parent.child(name) for parent, name in by_run.get(idx, ())]
                except StorageFormatError as err:
                    self._note(idx, err)
                    continue
                views = [child for child in children if child is not None]
                if views:
                    groups.append((layer, views))
            if groups:
                yield idx, groups


def _with_short(names: Iterable[str]) -> list[str]:
    """Return names, and the last component of each."""
    return [each for name in names for each in (name, name.rpartition(".")[2])]


def _everything(path: str) -> bool:
    return True


def _checked_reduce(reduce: Reductions | None) -> dict[str, Reduce]:
    if reduce is None:
        return {}
    if not isinstance(reduce, Mapping) or not all(map(callable, reduce.values())):
        raise TypeError(
            "`reduce` takes names of results with functions, such as {'trace': numpy.mean}, not "
            f"{reduce!r:.80}."
        )
    return dict(reduce)


def _reduced(reduce: Reduce, value: Any, name: str, idx: int, *, objects: bool) -> Any:
    try:
        reduced = reduce(value)
    except Exception as err:
        err.add_note(f"This happened while reducing {name!r} of run {idx}.")
        raise
    if isinstance(reduced, np.ndarray) and not reduced.ndim:
        reduced = reduced[()]
    if not objects and not is_scalar(reduced):
        raise TypeError(
            f"The function for {name!r} in `reduce` has to return a scalar; for run {idx} it "
            f"returned {type(reduced).__name__}: {reduced!r:.80}."
        )
    return reduced


def _column_name(path: str, item: str) -> str:
    """Return the path of a leaf, and the item if that is called differently."""
    return path if path.rpartition(".")[2] == item else f"{path}.{item}"


def _without_sets(path: str) -> str:
    """Return the path of the groups that the groups of runs are in, the same for all runs."""
    parts = path.split(".")[1:-1]
    return ".".join(part for part in parts if not part.startswith(_SET_PREFIX))


def _make_names_unique(columns: Mapping[tuple[str, str], _Gathered]) -> None:
    """Put the location before paths that are in the groups of a run in several places."""
    paths: dict[str, int] = {}
    for path, _ in columns:
        paths[path] = paths.get(path, 0) + 1
    for (path, location), column in columns.items():
        if paths[path] > 1:
            column.name = column.full_name = f"{location}.{path}"
