"""Values of stored leaves, read one by one and without nodes of a trajectory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pypet.encoding.unpickling import NEVER, UnpicklingPolicy, unpickling
from pypet.errors import (
    DataNotInStorageError,
    PypetError,
    RefusedPickleError,
    VersionMismatchError,
)
from pypet.leaves.class_lookup import create_class
from pypet.leaves.codec import decode_leaf
from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.records import GROUP, LEAF, LINK, NodeRecord, SharedItem
from pypet.services.storage_choice import service_to_read

UNREADABLE = (OSError, PypetError, VersionMismatchError, ValueError)
"""What says itself what is wrong with a file or a part of it."""
MOST_BYTES = 1 << 28
"""Memory for the values of one call beyond ten times what is stored of them."""

PICKLED = "pickled, and pickles are not loaded here"


@dataclass(frozen=True, slots=True)
class Entry:
    """A parameter, or one item of a result."""

    name: str
    """Full name without branch and run; of an item after the first one with its name behind."""
    value: Any
    comment: str = ""
    problem: str = ""
    """Why there is no value; empty if there is one."""
    values: Sequence[Any] | None = None
    """Of an explored parameter, one a run."""


def reading_service(path: str) -> Any:
    """Return a service that reads a file and unpickles nothing.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    MissingDependencyError, PluginError, UnknownPluginError
        The service of such files is not available.
    """
    service: Any = service_to_read(path)
    if hasattr(service, "unpickle"):
        service.unpickle = NEVER
    if hasattr(service, "size_limit"):
        service.size_limit = MOST_BYTES
    return service


def in_a_line(error: BaseException) -> str:
    """Return the text of an exception in one line."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def read_entries(service: Any, trajectory: str, path: str, encoding: str) -> Iterator[Entry]:
    """Yield what leaves at and below ``path`` hold, by name; nothing if there is no such node.

    Raises
    ------
    OSError, ValueError, StorageFormatError
        The file or the trajectory cannot be read at all.
    """
    problems: list[Entry] = []
    prefix = f"{path}."

    def short(name: str) -> str:
        return name.removeprefix(prefix)

    def skip(name: str, error: Exception) -> None:
        is_pickled = isinstance(error, RefusedPickleError)
        problems.append(
            Entry(short(name), None, problem=PICKLED if is_pickled else in_a_line(error))
        )

    try:
        for record in service.read_intact_nodes(
            trajectory, path, recursive=True, max_depth=None, wants=lambda name: True, skip=skip
        ):
            if record.kind == LEAF:
                yield from _entries(record, short(record.path), encoding)
            elif record.kind == LINK:
                target = record.target or "nowhere"
                yield Entry(short(record.path), None, record.comment, f"a link to {target}")
    except DataNotInStorageError:
        return
    yield from problems


def groups_in(service: Any, trajectory: str, path: str) -> list[str]:
    """Return the full names of the groups right below ``path``, which may be missing."""
    try:
        records = service.read_intact_nodes(
            trajectory,
            path,
            recursive=True,
            max_depth=1,
            wants=lambda name: False,
            skip=lambda name, error: None,
        )
        return [each.path for each in records if each.kind == GROUP and each.path != path]
    except DataNotInStorageError:
        return []


def _entries(record: NodeRecord, name: str, encoding: str) -> Iterator[Entry]:
    """Yield the entries of one leaf; what cannot be decoded has the reason in place of a value."""
    items = record.items or ()
    if not items:
        yield Entry(name, None, record.comment, "empty")
        return
    shared = {item.name for item in items if isinstance(item, SharedItem)}
    for each in sorted(shared):
        yield Entry(_joined(name, each), None, record.comment, "shared data, stays in the file")
    rest = {item.name: item for item in items if item.name not in shared}
    if not rest:
        return
    try:
        leaf = _decoded(record, rest, encoding)
    except RefusedPickleError:
        yield Entry(name, None, record.comment, PICKLED)
        return
    except Exception as error:  # whatever damaged data makes numpy or a leaf do
        problem = f"{type(error).__name__}: {in_a_line(error)}"
        yield Entry(name, None, record.comment, problem)
        return
    if isinstance(leaf, Parameter):
        if leaf.f_is_empty():
            yield Entry(name, None, record.comment, "empty")
        else:
            has_range = leaf.f_has_range()
            values = leaf.f_get_range(copy=False) if has_range else None
            yield Entry(name, leaf.f_get_default(), record.comment, values=values)
        return
    own = record.path.rpartition(".")[2]
    data: Mapping[str, Any] = leaf.f_to_dict()
    for key, value in data.items():
        yield Entry(name if key == own else _joined(name, key), value, record.comment)


def _joined(name: str, item: str) -> str:
    return f"{name}.{item}"


def _decoded(record: NodeRecord, items: Mapping[str, Any], encoding: str) -> Any:
    try:
        kind = create_class(record.class_name or "", ())
    except ImportError:
        # A class of somebody's own, which is not imported: most keep their data as these do.
        branch = record.path.partition(".")[0]
        kind = Result if branch == "results" else Parameter
    # Dots, as in the names of runs that a storage has, are not for names of new leaves.
    leaf = kind(record.path)
    with unpickling(UnpicklingPolicy(NEVER)):
        decode_leaf(leaf, items, encoding)
    return leaf
