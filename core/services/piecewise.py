"""Storing as much as possible of what cannot be stored as a whole.

An explicit call stores all or nothing, because its caller can react. At the end of a run
there is no such caller, and what cannot be stored must not take the rest with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pypet import pypetconstants as constants
from pypet.errors import NotStoredError, StorageFormatError
from pypet.leaves.result import Result, items_of, replace_items
from pypet.records import PutNode, StoreRequest
from pypet.services.failures import REST_STORED, trial
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.tree.typed_groups import RootGroup

T = TypeVar("T")
Entry = tuple[Any, ...]
Failed = list[tuple[str, Exception]]
"""What was not stored, and why."""

MAX_NAMED = 10
_OF_THE_STORAGE = (OSError, NotStoredError, StorageFormatError, NotImplementedError)
"""Whatever is stored next, these are raised again, maybe after a long wait."""


def store_run_in_parts(traj: RootGroup, error: Exception) -> None:
    """Store what can be of everything that a run has added; ``error`` is why not all could be.

    Returns if everything is stored after all.

    Raises
    ------
    Exception
        The error of the first thing that cannot be stored, with a note that names all of them;
        ``error`` if the storage fails, and not the data.
    """
    if isinstance(error, _OF_THE_STORAGE):
        raise error
    service, name = traj.v_storage_service, traj.v_name

    def store(entries: Iterable[Any]) -> None:
        service.store(constants.LIST, list(entries), trajectory_name=name)

    nodes, failed = _node_entries(traj), Failed()
    with trial():
        failures = store_parts(nodes, store)
        has_stored = _count_leaves(nodes) > _count_leaves(entry for entry, _ in failures)
        for entry, failure in failures:
            whole = [(entry[1].v_full_name, failure)]
            parts = _store_items(entry, store)
            has_stored = has_stored or parts is not None
            failed += whole if parts is None else parts
        # Last, as those need their targets.
        links = _link_entries(traj)
        for entry, failure in store_parts(links, store):
            failed.append((f"link {entry[2][0]!r} of {entry[1].v_full_name!r}", failure))
    if failed:
        _raise(failed, has_stored=has_stored)


def _node_entries(traj: RootGroup) -> list[Entry]:
    """Return the nodes that a run has added and not stored as entries of a list of messages."""
    return [
        (constants.LEAF, node)
        if node.v_is_leaf
        else (constants.GROUP, node, (), {"recursive": False})
        for node in tree_of(traj).new_nodes.values()
        if not node.v_stored
    ]


def _link_entries(traj: RootGroup) -> list[Entry]:
    get_node = tree_of(traj).get_node
    return [
        (constants.TREE, get_node(location) if location else traj, (name,))
        for location, name in tree_of(traj).new_links
    ]


def _count_leaves(entries: Iterable[Entry]) -> int:
    # Groups may be there already: that storing them does not fail proves nothing.
    return sum(entry[0] == constants.LEAF for entry in entries)


def _store_items(entry: Entry, store: Callable[[Iterable[Any]], None]) -> Failed | None:
    """Store what can be of a result with several items, by storing it with some of them only.

    Return the other items, None if this is no such result or nothing of it can be stored.
    """
    leaf = entry[1]
    if not isinstance(leaf, Result) or len(items_of(leaf)) < 2:
        return None
    data = items_of(leaf)

    def store_some(names: Iterable[str]) -> None:
        replace_items(leaf, {name: data[name] for name in names})
        store([entry])

    try:
        failures = store_parts(list(data), store_some)
    finally:
        replace_items(leaf, data)
    if len(failures) == len(data):
        return None
    return [(f"{leaf.v_full_name}, item {name!r}", error) for name, error in failures]


def apply_in_parts(service: Any, request: StoreRequest, error: Exception) -> None:
    """Apply what can be of a request that ``service`` could not apply as a whole.

    ``error`` is why it could not. Errors are raised as by `store_run_in_parts`.
    """
    if isinstance(error, _OF_THE_STORAGE):
        raise error

    def apply(operations: Iterable[Any]) -> None:
        # Part of it may have been applied.
        service.apply(request._replace(operations=tuple(operations), replayed=True))

    operations, failed = request.operations, Failed()
    failures = store_parts(operations, apply) if len(operations) > 1 else [(operations[0], error)]
    bad = sum(_is_leaf(operation) for operation, _ in failures)
    has_stored = sum(map(_is_leaf, operations)) > bad
    for operation, failure in failures:
        whole = [(getattr(operation, "path", "") or request.trajectory, failure)]
        parts = _apply_items(operation, apply)
        has_stored = has_stored or parts is not None
        failed += whole if parts is None else parts
    if failed:
        _raise(failed, has_stored=has_stored)


def _is_leaf(operation: Any) -> bool:
    return isinstance(operation, PutNode) and operation.is_leaf


def _apply_items(operation: Any, apply: Callable[[Iterable[Any]], None]) -> Failed | None:
    """Do with the items of an operation as `_store_items` does with those of a result."""
    items = getattr(operation, "items", ())
    if len(items) < 2:
        return None

    def apply_some(some: Iterable[Any]) -> None:
        apply([operation._replace(items=tuple(some))])

    failures = store_parts(items, apply_some)
    if len(failures) == len(items):
        return None
    return [(f"{operation.path}, item {item.name!r}", error) for item, error in failures]


def store_parts(
    parts: Sequence[T], store: Callable[[Sequence[T]], None]
) -> list[tuple[T, Exception]]:
    """Store as many parts as possible, by halving what fails; return the others with their errors.

    Raises
    ------
    Exception
        The storage failed.
    """
    if not parts:
        return []
    try:
        store(parts)
    except _OF_THE_STORAGE:
        raise
    except Exception as error:
        failure = error
    else:
        return []
    if len(parts) == 1:
        return [(parts[0], failure)]
    half = len(parts) // 2
    return [*store_parts(parts[:half], store), *store_parts(parts[half:], store)]


def _raise(failed: Failed, *, has_stored: bool) -> NoReturn:
    error = failed[0][1]
    names = "; ".join(name for name, _ in failed[:MAX_NAMED])
    if len(failed) > MAX_NAMED:
        names += f"; and {len(failed) - MAX_NAMED} more"
    rest = f"; {REST_STORED}" if has_stored else ""
    error.add_note(f"pypet: cannot be stored: {names}{rest}.")
    raise error
