"""The content of a trajectory, gathered from the descriptions of its nodes."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from pypet.catalog.descriptions import (
    Contents,
    Items,
    Leaves,
    Link,
    Problem,
    Range,
    Value,
)
from pypet.catalog.values import described_range, described_value
from pypet.encoding.type_names import type_of_name
from pypet.encoding.unpickling import UnpicklingPolicy, unpickling
from pypet.errors import RefusedPickleError
from pypet.leaves.class_lookup import create_class
from pypet.leaves.codec import decode_leaf
from pypet.leaves.parameter import Parameter
from pypet.pypetconstants import (
    COLL_EMPTY_DICT,
    COLL_LIST,
    COLL_MATRIX,
    COLL_SCALAR,
    COLL_TUPLE,
    TABLE,
)
from pypet.records import LEAF, LINK, MetaRecord, StoredItem, StoredNode

MOST_BYTES = 1 << 26
"""Values of parameters that take more memory are not read."""
_MOST_SHAPES = 8
_PICKLE_PARAMETER = "pypet.parameter.PickleParameter"

_RUN = re.compile(r"run_\d{8,9}\Z")
_RUN_SET = re.compile(r"run_set_\d{5,}\Z")
_BRANCHES = ("config", "parameters", "derived_parameters", "results")
_BRANCHES_OF_PARAMETERS = _BRANCHES[:3]


def described_contents(service: Any, trajectory: str, meta: MetaRecord, mode: str) -> Contents:
    """Return the content of a trajectory.

    ``mode`` is the unpickling policy for values of parameters.

    Raises
    ------
    StorageFormatError
        Not even the root of the trajectory can be read.
    """
    gathered = _Gathered(meta.runs.names if meta.runs is not None else None)
    for node in service.inspect_nodes(trajectory):
        gathered.add(node)
    values = _ParameterValues(service, trajectory, meta, mode)
    branches: dict[str, list[Leaves]] = {branch: [] for branch in (*_BRANCHES, "other")}
    for name in sorted(gathered.groups):
        branch = name.partition(".")[0]
        group = gathered.groups[name]
        described = group.described(name)
        if branch in _BRANCHES_OF_PARAMETERS and group.runs is None:
            described = values.added_to(described, group.only)
        branches[branch if branch in _BRANCHES else "other"].append(described)
    return Contents(
        meta.explorations,
        len(gathered.runs),
        tuple(branches["config"]),
        tuple(branches["parameters"]),
        tuple(branches["derived_parameters"]),
        tuple(branches["results"]),
        tuple(branches["other"]),
        tuple(gathered.links),
        (*gathered.problems, *values.problems),
    )


# ----- nodes -----------------------------------------------------------------------------------


class _Gathered:
    """Collects nodes, and groups leaves of the same name in different runs."""

    def __init__(self, run_names: Collection[str] | None) -> None:
        self._run_names = frozenset(run_names or ())
        self.groups: dict[str, _LeafGroup] = {}
        self.runs: set[str] = set()
        self.links: list[Link] = []
        self.problems: list[Problem] = []

    def add(self, node: StoredNode) -> None:
        if node.kind == LINK:
            self.links.append(Link(node.path, node.target, node.problem))
            return
        if node.problem:
            self.problems.append(Problem(node.path, node.problem))
        if node.kind != LEAF:
            return
        for item in node.items:
            if item.problem:
                problem = f"item {item.name!r} {item.problem}"
                self.problems.append(Problem(node.path, problem))
        name, run = self._without_run(node.path)
        if run is not None:
            self.runs.add(run)
        group = self.groups.get(name)
        if group is None:
            group = self.groups[name] = _LeafGroup(is_of_runs=run is not None)
        group.add(node, run)

    def _without_run(self, path: str) -> tuple[str, str | None]:
        """Return a name with ``$`` instead of the run, and the run."""
        parts = path.split(".")
        run = None
        for position, part in enumerate(parts[:-1]):
            if not position:
                continue
            if run is None and (_RUN.match(part) or part in self._run_names):
                parts[position], run = "$", part
            elif _RUN_SET.match(part):
                parts[position] = "$set"
        return ".".join(parts) if run is not None else path, run


class _LeafGroup:
    """Leaves with the same name."""

    def __init__(self, *, is_of_runs: bool) -> None:
        self.runs: set[str] | None = set() if is_of_runs else None
        self._classes: dict[str, None] = {}
        self._comment = ""
        self._items: dict[str, _ItemGroup] = {}
        self.only: StoredNode

    def add(self, node: StoredNode, run: str | None) -> None:
        self.only = node
        if self.runs is not None and run is not None:
            self.runs.add(run)
        if node.class_name:
            self._classes[node.class_name] = None
        self._comment = self._comment or node.comment
        for item in node.items:
            group = self._items.get(item.name)
            if group is None:
                group = self._items[item.name] = _ItemGroup()
            group.add(item)

    def described(self, name: str) -> Leaves:
        items = tuple(group.described(name) for name, group in self._items.items())
        return Leaves(
            name,
            tuple(self._classes),
            self._comment,
            None if self.runs is None else len(self.runs),
            items,
            sum(item.stored_bytes for item in items),
        )


class _ItemGroup:
    """Items with the same name in leaves with the same name."""

    def __init__(self) -> None:
        self._count = 0
        self._kinds: dict[str, None] = {}
        self._types: dict[str, None] = {}
        self._dtypes: dict[str, None] = {}
        self._shapes: dict[tuple[int, ...], None] = {}
        self._columns: tuple[tuple[str, str], ...] = ()
        self._nbytes: int | None = 0
        self._stored_bytes = 0

    def add(self, item: StoredItem) -> None:
        self._count += 1
        self._kinds[_kind(item)] = None
        self._types[_type(item)] = None
        if item.dtype is not None:
            self._dtypes[item.dtype] = None
        if item.shape is not None:
            self._shapes[item.shape] = None
        self._columns = self._columns or item.columns
        if self._nbytes is not None:
            self._nbytes = None if item.nbytes is None else self._nbytes + item.nbytes
        self._stored_bytes += item.stored_bytes

    def described(self, name: str) -> Items:
        shapes = tuple(self._shapes)
        return Items(
            name,
            self._count,
            tuple(self._kinds),
            tuple(self._types),
            tuple(self._dtypes),
            shapes[:_MOST_SHAPES],
            max(0, len(shapes) - _MOST_SHAPES),
            self._columns,
            self._nbytes,
            self._stored_bytes,
        )


def _kind(item: StoredItem) -> str:
    flag = item.flag or "unknown"
    return f"SHARED {flag}" if item.shared else flag


_TYPES = {
    "TABLE": "table",
    "DICT": "dict",
    "FRAME": "DataFrame",
    "SERIES": "Series",
}
_SEQUENCES = {COLL_LIST: "list", COLL_TUPLE: "tuple"}


_SPARSE = "__spsp__"
"""Ends the names of items that hold sparse matrices as text."""


def _type(item: StoredItem) -> str:
    """Return the Python type of an item."""
    if item.name.endswith(_SPARSE):
        return "sparse matrix"
    if item.collection == COLL_SCALAR:
        return _scalar(item) or "scalar"
    if item.collection in _SEQUENCES:
        name, scalar = _SEQUENCES[item.collection], _scalar(item)
        return f"{name} of {scalar}" if scalar else name
    if item.collection == COLL_EMPTY_DICT:
        return "dict"
    if item.collection == COLL_MATRIX:
        return "matrix"
    return _TYPES.get(item.flag or "", "ndarray" if item.flag else "unknown")


def class_of_parameter(node: StoredNode) -> type[Parameter] | None:
    """Return which class reads a parameter, None if none is known.

    A class of somebody's own that keeps its data as `Parameter` does is read as such.
    """
    try:
        kind = create_class(node.class_name or "", (_PICKLE_PARAMETER,))
    except ImportError:
        is_plain = all(
            item.name in _PLAIN_ITEMS and item.flag == TABLE and len(item.columns) == 1
            for item in node.items
        )
        return Parameter if is_plain else None
    return kind if issubclass(kind, Parameter) else None


_PLAIN_ITEMS = ("data", "explored_data")


def _scalar(item: StoredItem) -> str:
    """Return the current name of the scalar type of an item."""
    if item.scalar is None:
        return "" if item.collection != COLL_SCALAR else item.dtype or ""
    try:
        return type_of_name(item.scalar).__name__
    except TypeError:  # a name that nobody knows
        return item.scalar


# ----- values of parameters --------------------------------------------------------------------


class _ParameterValues:
    """Reads the values of parameters one by one."""

    def __init__(self, service: Any, trajectory: str, meta: MetaRecord, mode: str) -> None:
        self._service = service
        self._trajectory = trajectory
        self._explorations = frozenset(meta.explorations)
        self._encoding = str(meta.settings.get("encoding", "utf8"))
        self._mode = mode
        self.problems: list[Problem] = []

    def added_to(self, leaves: Leaves, node: StoredNode) -> Leaves:
        """Return what is said about a parameter, together with its values."""
        value, values, unknown = self._read(node)
        return Leaves(
            leaves.name,
            leaves.classes,
            leaves.comment,
            leaves.runs,
            leaves.items,
            leaves.stored_bytes,
            explored=node.path in self._explorations or values is not None,
            value=value,
            range=values,
            unknown=unknown,
        )

    def _read(self, node: StoredNode) -> tuple[Value | None, Range | None, str]:
        """Return value and range, and why they are not known."""
        if not node.items:
            return None, None, "" if node.problem else "empty"
        if any(item.problem for item in node.items):
            return None, None, "damaged"
        kind = class_of_parameter(node)
        if kind is None:
            return None, None, f"the class {node.class_name!r} is not one of pypet's parameters"
        sizes = [item.nbytes for item in node.items]
        if None in sizes or sum(size or 0 for size in sizes) > MOST_BYTES:
            return None, None, "too large to be read here"
        try:
            return *self._decoded(kind, node.path), ""
        except RefusedPickleError as error:
            return None, None, f"not unpickled: {error}"
        except Exception as error:  # whatever damaged data makes numpy or a leaf do
            self.problems.append(Problem(node.path, f"{type(error).__name__}: {error}"))
            return None, None, "damaged"

    def _decoded(self, kind: Any, path: str) -> tuple[Value | None, Range | None]:
        items = self._service.inspect_items(self._trajectory, path)
        leaf = kind(path)
        with unpickling(UnpicklingPolicy(self._mode)):
            decode_leaf(leaf, {item.name: item for item in items}, self._encoding)
        if leaf.f_is_empty():
            return None, None
        value = described_value(leaf.f_get_default())
        if not leaf.f_has_range():
            return value, None
        return value, described_range(leaf.f_get_range(copy=False))
