"""Where tables come from: a stored trajectory, or one in memory together with what is stored."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, Protocol

import numpy as np

from pypet.encoding import decode_item
from pypet.encoding.unpickling import NEVER, UnpicklingPolicy, unpickling
from pypet.errors import DataNotInStorageError, NoSuchServiceError, StorageFormatError
from pypet.interfaces import InspectsRuns
from pypet.leaves.base_parameter import BaseParameter
from pypet.leaves.class_lookup import create_class
from pypet.leaves.codec import decode_leaf
from pypet.leaves.sparse_text import SPARSE_IDENTIFIER
from pypet.records import LEAF, ArrayItem, Item, MetaRecord, RunError, SharedItem
from pypet.records.run_rows import NOT_FINISHED, NOT_STARTED, RunSelection
from pypet.runs.names import RunNames
from pypet.services.backend import RecordBackend
from pypet.services.storage_choice import service_to_read
from pypet.tables.live_views import (
    LiveView,
    parameter_range,
    parameter_value,
    values_of_leaf,
)
from pypet.tables.lookup import find_leaf, leaves_below
from pypet.tree.typed_groups import attached_service
from pypet.tree.wildcards import Wildcards

_logger = logging.getLogger(__name__)

_PARAMETERS = "parameters"
_PLAIN = "Result"
"""The class whose items are its values."""
_SPARSE = "SparseResult"
_RUN_COLUMNS = ("completed", "timestamp", "finish_timestamp")


class RunFacts:
    """What is known about the runs 0 to ``length - 1``, as arrays of that length."""

    def __init__(self, length: int) -> None:
        self.completed = np.zeros(length, np.bool_)
        self.timestamp = np.full(length, NOT_STARTED)
        self.finish_timestamp = np.full(length, NOT_FINISHED)
        self.errors: dict[int, RunError] = {}
        self.active = -1
        """Index of the run that is being executed here."""

    def __len__(self) -> int:
        return len(self.completed)

    def put(self, indices: Any, columns: Any, rows: Any = slice(None)) -> None:
        """Take over ``rows`` of columns, for the runs ``indices``."""
        for name in _RUN_COLUMNS:
            getattr(self, name)[indices] = getattr(columns, name)[rows]


class ParameterValues(NamedTuple):
    """The values that a parameter has in the runs."""

    full_name: str
    comment: str
    default: Any
    """None for an empty parameter."""
    range: list[Any]
    """A value for each run; empty if it is not explored."""

    def of_run(self, idx: int) -> Any:
        """Return the value in a run, None if there is none."""
        values = self.range
        if not values:
            return self.default
        return values[idx] if idx < len(values) else None


class Layer(NamedTuple):
    """A tree of nodes in which results are looked up."""

    root: Any
    values: Callable[[Any, bool], Mapping[str, Any]]
    """Returns values of a leaf by item name; the second argument: only scalars are needed."""
    follow: Callable[[Any], Any]
    """Returns what a link leads to."""


class Source(Protocol):
    """A trajectory that a table is made of."""

    name: str
    comment: str
    facts: RunFacts
    explored: list[str]
    """Full names of the explored parameters."""

    def run_name(self, idx: int) -> str:
        """Return the name of a run."""

    def run_index(self, name: str) -> int | None:
        """Return the index of the run of this name, None if there is none."""

    def components(self, name: str) -> tuple[str, ...]:
        """Return the components of a natural name."""

    def parameter_names(self) -> list[str]:
        """Return the full names of all parameters."""

    def find_parameter(self, name: str) -> str | None:
        """Return the full name of the parameter of a natural name, None if there is none."""

    def parameter(self, full_name: str) -> ParameterValues:
        """Return the values of a parameter."""

    def layers(self, wants: Callable[[str], bool]) -> list[Layer]:
        """Return where results are, the place that counts most first."""


# ----- opening -----------------------------------------------------------------------------------


@contextmanager
def opened_source(source: Any, select: RunSelection | None = None) -> Iterator[Source]:
    """Give the source for a trajectory, or for the path of a file and a name, in a block.

    The view of a file is consistent within the block, also while somebody stores in it. With
    ``select`` it may be that only facts about these runs are read, and others look as if they had
    not been started.
    """
    with ExitStack() as stack:
        if isinstance(source, (tuple, str, os.PathLike)):
            service, name = _service_of(source)
            stack.enter_context(_reading(service, UnpicklingPolicy(NEVER)))
            rebuilt: tuple[str, ...] = ()
            meta = _runs_of(service, name, select)
            if meta is None:
                meta, rebuilt = service.inspect_meta(name)
            if rebuilt:
                _logger.warning(
                    "What is stored about trajectory `%s` itself is damaged, and was made again "
                    "from the rest of the file: %s.",
                    *(name, ", ".join(rebuilt)),
                )
            yield StoredSource(service, name, (), meta)
            return
        if not hasattr(source, "f_get_run_information"):
            raise TypeError(
                "A table is made of a trajectory, or of (file, name of the trajectory), not of "
                f"{type(source).__name__}: {source!r:.80}."
            )
        stored = None
        service = attached_service(source)
        if source._stored and isinstance(service, RecordBackend):
            policy = UnpicklingPolicy(service.unpickle, source._dynamic_imports)
            stack.enter_context(_reading(service, policy))
            meta = _runs_of(service, source._name, select)
            if meta is None:
                meta = service.read_meta(source._name, with_runs=True)
            stored = StoredSource(service, source._name, source._dynamic_imports, meta)
        elif source._stored and service is not None:
            _logger.warning(
                "%r cannot be read node by node, so the table of trajectory `%s` has only what is "
                "in memory. Load more with `f_load` before.",
                *(service, source._name),
            )
        yield LiveSource(source, stored)


def _runs_of(service: Any, name: str, select: RunSelection | None) -> MetaRecord | None:
    """Return what is stored about some runs; None if all have to be read."""
    if select is None or not isinstance(service, InspectsRuns):
        return None
    return service.inspect_runs(name, select)


@contextmanager
def _reading(service: RecordBackend, policy: UnpicklingPolicy) -> Iterator[None]:
    with service.exclusive(), service.reading(), unpickling(policy):
        yield


def _service_of(source: Any) -> tuple[Any, str]:
    path, name = source if isinstance(source, tuple) else (source, None)
    service: Any = service_to_read(path)
    if not isinstance(service, RecordBackend):
        raise NoSuchServiceError(
            f"No table can be made of {path}: storage service {service.name!r} is no "
            "`pypet.services.RecordStorageService`. Load the trajectory, and use `f_to_dataframe`."
        )
    names = service.trajectory_names()
    if name is None:
        if len(names) != 1:
            known = f"has several: {', '.join(names)}" if names else "has none"
            raise ValueError(f"Say which trajectory of {path} the table is of; it {known}.")
        return service, names[0]
    if name not in names:
        raise DataNotInStorageError(
            f"There is no trajectory {name!r} in {path}; there are: {', '.join(names) or 'none'}."
        )
    return service, name


# ----- stored ------------------------------------------------------------------------------------


class StoredSource:
    """A stored trajectory of which nothing is loaded."""

    def __init__(
        self, service: RecordBackend, trajectory: str, imports: Any, meta: MetaRecord
    ) -> None:
        self._service = service
        self._imports = tuple(imports)
        self.name = trajectory
        self.comment = meta.info.comment
        self.facts = facts = RunFacts(meta.info.length)
        self.explored = list(meta.explorations)
        self._encoding = str(meta.settings.get("encoding", service.encoding))
        self._take_rows(meta, facts)

    def _take_rows(self, meta: MetaRecord, facts: RunFacts) -> None:
        rows = meta.runs
        assert rows is not None
        names = RunNames(Wildcards())
        if len(rows):
            is_there = rows.idx < len(facts)  # others are from before the trajectory shrank
            facts.put(rows.idx[is_there], rows, is_there)
            if rows.names is not None:
                names.load(zip(rows.idx.tolist(), rows.names, strict=True))
        facts.errors = {
            idx: error
            for idx, error in rows.errors.items()
            if idx < len(facts) and not facts.completed[idx]
        }
        self._names = names

    def run_name(self, idx: int) -> str:
        return self._names.name(idx)

    def run_index(self, name: str) -> int | None:
        idx = self._names.find(name)
        return idx if idx is not None and idx < len(self.facts) else None

    def components(self, name: str) -> tuple[str, ...]:
        return tuple(name.split("."))

    # ----- parameters ----------------------------------------------------------------------

    def _view(self, path: str, wants: Callable[[str], bool]) -> Any:
        try:
            return self._service.view_node(self.name, path, wants=wants)
        except DataNotInStorageError:
            return None

    def parameter_names(self) -> list[str]:
        group = self._view(_PARAMETERS, _nothing)
        return [] if group is None else [leaf.path for leaf in leaves_below(group, _fail)]

    def find_parameter(self, name: str) -> str | None:
        group = self._view(_PARAMETERS, _nothing)
        if group is None:
            return None
        components = self.components(name)
        if components[0] == _PARAMETERS and len(components) > 1:
            components = components[1:]
        found = find_leaf(group, components, f"the parameters of {self.name!r}", self._follow)
        return found.leaf.path if found is not None and found.item is None else None

    def parameter(self, full_name: str) -> ParameterValues:
        view = self._view(full_name, _everything)
        if view is None or view.kind != LEAF:
            return ParameterValues(full_name, "", None, [])
        leaf = self._leaf(view)
        if not isinstance(leaf, BaseParameter):
            values = list(self.values(view, False).values())
            return ParameterValues(full_name, view.comment, values[0] if values else None, [])
        default = None if leaf.f_is_empty() else leaf.f_get_default()
        return ParameterValues(full_name, view.comment, default, parameter_range(leaf))

    # ----- results -------------------------------------------------------------------------

    def layers(self, wants: Callable[[str], bool]) -> list[Layer]:
        root = self._service.view_node(self.name, wants=wants)
        return [Layer(root, self.values, self._follow)]

    def values(self, view: Any, scalars_only: bool) -> Mapping[str, Any]:
        """Return the values of a leaf by item name."""
        if view.class_name == _PLAIN:
            numbers: Mapping[str, Any] | None = view.numbers()
            if numbers is not None:
                return numbers
            return self._decoded(view.path, view.items(scalars_only=scalars_only))
        if scalars_only and view.class_name == _SPARSE:
            # Its matrices are several items each, some of which are scalars.
            items = view.items(scalars_only=True)
            return self._decoded(
                view.path, [item for item in items if SPARSE_IDENTIFIER not in item.name]
            )
        leaf = self._leaf(view)
        if leaf is not None:
            return values_of_leaf(leaf)
        items = view.items(scalars_only=scalars_only)
        return self._decoded(
            view.path,
            [item for item in items if isinstance(item, ArrayItem) or not scalars_only],
        )

    def _decoded(self, path: str, items: Iterable[Item]) -> Mapping[str, Any]:
        try:
            return {item.name: decode_item(item, self._encoding) for item in items}
        except (LookupError, TypeError, ValueError) as err:
            raise StorageFormatError(f"The data of {path!r} cannot be decoded: {err}") from err

    def _leaf(self, view: Any) -> Any:
        """Return a leaf outside any tree with the data of a stored one; None if its class is not
        known, or can only be used in a trajectory."""
        try:
            kind: Any = create_class(view.class_name or "", self._imports)
        except ImportError:
            return None
        items = view.items()
        if getattr(kind, "KNOWS_TRAJECTORY", False) or any(
            isinstance(item, SharedItem) for item in items
        ):
            return None
        leaf = kind(view.path)
        if items:
            if leaf._is_parameter:
                leaf.f_unlock()
            decode_leaf(leaf, {item.name: item for item in items}, self._encoding)
        return leaf

    def _follow(self, link: Any) -> Any:
        return self._view(link.target, _everything) if link.target else None


def _fail(error: StorageFormatError) -> None:
    raise error


def _nothing(path: str) -> bool:
    return False


def _everything(path: str) -> bool:
    return True


# ----- in memory ---------------------------------------------------------------------------------


class LiveSource:
    """A trajectory in memory, with what is stored of it behind it."""

    def __init__(self, trajectory: Any, stored: StoredSource | None) -> None:
        self._trajectory = trajectory
        self._stored = stored
        self.name = trajectory._name
        self.comment = trajectory._comment
        self.explored = list(trajectory._explored)
        self.facts = self._merged_facts()

    def _merged_facts(self) -> RunFacts:
        """Return what is stored about runs, with what is newer in memory over it."""
        runs = self._trajectory._runs
        facts = RunFacts(len(runs))
        stored = self._stored.facts if self._stored is not None else RunFacts(0)
        common = min(len(facts), len(stored))
        facts.put(slice(common), stored, slice(common))
        columns = runs.columns
        rows = np.arange(columns.size)
        if self._stored is not None:
            is_newer = columns.changed[: columns.size] | (columns.completed[: columns.size] > 0)
            rows = np.flatnonzero(is_newer)
        indices = runs.indices_of_rows(rows)
        facts.put(indices, columns, rows)
        errors = {idx: error for idx, error in stored.errors.items() if idx < len(facts)}
        facts.errors = {
            idx: error
            for idx, error in {**errors, **runs.errors}.items()
            if not facts.completed[idx]
        }
        facts.active = runs._active
        return facts

    def run_name(self, idx: int) -> str:
        name: str = self._trajectory._runs.names.name(idx)
        return name

    def run_index(self, name: str) -> int | None:
        idx: int | None = self._trajectory._runs.names.find(name)
        return idx if idx is not None and idx < len(self.facts) else None

    def components(self, name: str) -> tuple[str, ...]:
        components: tuple[str, ...] = self._trajectory._tree.wildcards.parse(name).components
        return components

    # ----- parameters ----------------------------------------------------------------------

    def parameter_names(self) -> list[str]:
        prefix = f"{_PARAMETERS}."
        names = [name for name in self._trajectory._tree.leaves if name.startswith(prefix)]
        if self._stored is not None:
            names += self._stored.parameter_names()
        return list(dict.fromkeys(names))

    def find_parameter(self, name: str) -> str | None:
        components = self.components(name)
        if components[:1] == (_PARAMETERS,) and len(components) > 1:
            components = components[1:]
        group = LiveView(self._trajectory).child(_PARAMETERS)
        if group is not None:
            where = f"the parameters of {self.name!r}"
            found = find_leaf(group, components, where, _followed)
            if found is not None and found.item is None:
                return str(found.leaf.path)
        return None if self._stored is None else self._stored.find_parameter(".".join(components))

    def parameter(self, full_name: str) -> ParameterValues:
        leaf = self._trajectory._tree.leaves.get(full_name)
        if leaf is not None and not (leaf.f_is_empty() and self._stored is not None):
            default = None if leaf.f_is_empty() else parameter_value(leaf)
            return ParameterValues(full_name, leaf._comment, default, parameter_range(leaf))
        if self._stored is None:
            return ParameterValues(full_name, "", None, [])
        return self._stored.parameter(full_name)

    # ----- results -------------------------------------------------------------------------

    def layers(self, wants: Callable[[str], bool]) -> list[Layer]:
        stored = [] if self._stored is None else self._stored.layers(wants)
        if not self._has_data_of_runs() and stored:
            return stored
        return [Layer(LiveView(self._trajectory), _live_values, _followed), *stored]

    def _has_data_of_runs(self) -> bool:
        return any(
            not (leaf._is_parameter and leaf._branch == _PARAMETERS)
            and leaf._branch != "config"
            and not leaf.f_is_empty()
            for leaf in self._trajectory._tree.leaves.values()
        )


def _live_values(view: LiveView, scalars_only: bool) -> Mapping[str, Any]:
    return values_of_leaf(view.node)


def _followed(view: Any) -> Any:
    return view
