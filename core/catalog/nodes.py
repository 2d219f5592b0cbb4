"""One node of a trajectory, with the values of a leaf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pypet.catalog.contents import class_of_parameter
from pypet.catalog.descriptions import Child, Node, NodeItem
from pypet.catalog.files import UNPICKLE, UNREADABLE, check_has, in_a_line, service_for
from pypet.catalog.values import described_range, described_value, value_text
from pypet.encoding import decode_item
from pypet.encoding.unpickling import UnpicklingPolicy, unpickling
from pypet.errors import DataNotInStorageError, RefusedPickleError
from pypet.leaves.class_lookup import create_class
from pypet.leaves.codec import decode_leaf
from pypet.leaves.result import Result
from pypet.records import (
    DAMAGED,
    GROUP,
    LEAF,
    Item,
    NodeRecord,
    SharedItem,
    StoredNode,
    stored_node,
)
from pypet.support.readable import shortened

MOST_PREVIEWED = 200
"""Elements of an array that a preview shows; of larger ones it shows the ends."""
MOST_CHARACTERS = 4000
"""Of a preview."""
_MOST_ROWS, _MOST_COLUMNS = 20, 12
"""Of a frame in a preview."""
_MOST_FITTING = 5
"""Nodes that a message names."""
VALUE = "data"
"""Name of the value of a parameter."""


def described_node(path: str, trajectory: str, name: str) -> Node:
    """Return the description of a node, with previews of the values of a leaf.

    ``name`` is the full name or, if it fits only one node, its end: ``run_00000002.z`` for
    ``results.runs.run_00000002.z``. ``''`` is the trajectory itself.

    Raises
    ------
    DataNotInStorageError
        There is no such trajectory or node, or several nodes fit; the message names them.
    OSError, StorageFormatError
        The file, or the group of the trajectory, cannot be read.
    """
    service = service_for(path)
    check_has(service, path, trajectory)
    with service.reading():
        node = _find(service, trajectory, name)
        if node.kind == GROUP:
            return _group(service, trajectory, node)
        if node.kind == LEAF:
            return _leaf(service, trajectory, node)
        return Node(node.path, node.kind, target=node.target, problem=node.problem)


def leaf_values(path: str, trajectory: str, name: str) -> dict[str, Any]:
    """Return the values of a leaf by names of its items; that of a parameter is ``data``.

    Nothing that could run code is unpickled. Shared data stays in the file and is left out. For
    ``name`` see `described_node`.

    Raises
    ------
    DataNotInStorageError
        There is no such trajectory or leaf.
    RefusedPickleError
        It is pickled, and to unpickle it might run code.
    OSError, StorageFormatError, TypeError
        It cannot be read, or takes too much memory.
    """
    service = service_for(path)
    check_has(service, path, trajectory)
    with service.reading():
        node = _find(service, trajectory, name)
        if node.kind != LEAF:
            raise DataNotInStorageError(f"{node.path!r} is a {node.kind} and has no values.")
        return _values(node, service.inspect_items(trajectory, node.path))[0]


# ----- finding ---------------------------------------------------------------------------------


def _find(service: Any, trajectory: str, name: str) -> StoredNode:
    """Return the node with this full name, or the only one whose name ends so."""
    exact = _exact(service, trajectory, name)
    if exact is not None:
        return exact
    ending = f".{name}"
    fitting: list[StoredNode] = []
    for node in service.inspect_nodes(trajectory):
        if node.path == name:
            found: StoredNode = node
            return found
        if name and node.path.endswith(ending):
            fitting.append(node)
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise DataNotInStorageError(f"There is no node {name!r} in trajectory {trajectory!r}.")
    shown = ", ".join(node.path for node in fitting[:_MOST_FITTING])
    others = len(fitting) - _MOST_FITTING
    raise DataNotInStorageError(
        f"{name!r} is not unique in trajectory {trajectory!r}; write one of {shown}"
        + (f", or {others} others." if others > 0 else ".")
    )


def _exact(service: Any, trajectory: str, name: str) -> StoredNode | None:
    """Return a node without visiting all others; None if it is not there or cannot be read."""
    skipped: list[str] = []
    try:
        nodes = service.read_intact_nodes(
            trajectory,
            name,
            recursive=False,
            max_depth=None,
            wants=lambda path: False,
            skip=lambda path, error: skipped.append(path),
        )
        record = next(iter(nodes), None)
    except UNREADABLE:
        return None
    return None if record is None or skipped else stored_node(record)


# ----- describing ------------------------------------------------------------------------------


def _group(service: Any, trajectory: str, node: StoredNode) -> Node:
    described = Node(node.path, GROUP, node.class_name or "", node.comment, problem=node.problem)
    children: list[Child] = []

    def add_damaged(path: str, error: Exception) -> None:
        children.append(Child(path, DAMAGED, problem=in_a_line(error)))

    records = service.read_intact_nodes(
        trajectory,
        node.path,
        recursive=True,
        max_depth=1,
        wants=lambda path: False,
        skip=add_damaged,
    )
    try:
        children += [
            Child(record.path, record.kind, record.class_name or "", record.comment)
            for record in records
            if record.path != node.path
        ]
    except UNREADABLE as error:
        described = replace(described, problem=in_a_line(error))
    return replace(described, children=tuple(sorted(children, key=lambda child: child.name)))


def _leaf(service: Any, trajectory: str, node: StoredNode) -> Node:
    described = Node(node.path, LEAF, node.class_name or "", node.comment, problem=node.problem)
    try:
        items = service.inspect_items(trajectory, node.path)
        values, explored = _values(node, items)
    except RefusedPickleError as error:
        return replace(described, unknown=f"not unpickled: {in_a_line(error)}")
    except UNREADABLE as error:
        return replace(described, problem=in_a_line(error))
    except Exception as error:  # whatever damaged data makes numpy or a leaf do
        return replace(described, problem=f"{type(error).__name__}: {in_a_line(error)}")
    shared = [
        NodeItem(item.name, f"shared {item.flag}") for item in items if isinstance(item, SharedItem)
    ]
    return replace(
        described,
        items=(*(_item(name, value) for name, value in values.items()), *shared),
        explored=explored is not None,
        range=None if explored is None else described_range(explored),
    )


def _item(name: str, value: Any) -> NodeItem:
    return NodeItem(name, type(value).__name__, described_value(value), preview(value))


def _values(node: StoredNode, items: tuple[Item, ...]) -> tuple[dict[str, Any], Any]:
    """Return values by name, and the values of an explored parameter over all runs or None."""
    own = {item.name: item for item in items if not isinstance(item, SharedItem)}
    with unpickling(UnpicklingPolicy(UNPICKLE)):
        if not node.path.startswith("results."):
            record = NodeRecord(node.path, LEAF, node.class_name, items=items)
            kind = class_of_parameter(stored_node(record))
            if kind is not None and own:
                leaf = kind(node.path)
                decode_leaf(leaf, own)
                explored = leaf.f_get_range(copy=False) if leaf.f_has_range() else None
                return {VALUE: leaf.f_get_default()}, explored
        result = _result_class(node)
        if result is not None:
            made = result(node.path)
            decode_leaf(made, own)
            return dict(made.f_to_dict(copy=False)), None
        return {name: decode_item(item) for name, item in own.items()}, None


def values_of_record(record: NodeRecord) -> dict[str, Any]:
    """Return the values of a leaf that was read with its items; errors are those of decoding."""
    return _values(stored_node(record), record.items or ())[0]


def _result_class(node: StoredNode) -> type[Result] | None:
    """Return the class that reads a result; None for classes of somebody's own."""
    try:
        kind = create_class(node.class_name or "", ())
    except ImportError:
        return None
    return kind if issubclass(kind, Result) else None


# ----- previews --------------------------------------------------------------------------------


def preview(value: Any) -> str:
    """Return a value as text of several lines for people, cut if it is long.

    Only values of types that a file can have without being trusted are written out.
    """
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        text = np.array2string(value, threshold=MOST_PREVIEWED, edgeitems=4)
    elif type(value).__module__.partition(".")[0] == "pandas" and hasattr(value, "to_string"):
        options: Mapping[str, Any] = {"max_rows": _MOST_ROWS}
        if getattr(value, "ndim", 1) == 2:
            options = {**options, "max_cols": _MOST_COLUMNS}
        text = value.to_string(**options)
    elif isinstance(value, str):
        text = value
    else:
        text = value_text(value)
    return shortened(text, MOST_CHARACTERS)
