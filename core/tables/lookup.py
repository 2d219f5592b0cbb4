"""Finding nodes by natural names among views of nodes, as `f_get` finds them in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from typing import Any, NamedTuple

from pypet.errors import NotUniqueNodeError, StorageFormatError
from pypet.records import GROUP, LEAF, LINK


class Found(NamedTuple):
    """What a name leads to."""

    leaf: Any
    """View of a leaf."""
    item: str | None
    """Name of the item, None if the name ends with the leaf."""


Skip = Callable[[StorageFormatError], None]
"""Called for what is damaged and left out."""

Follow = Callable[[Any], Any]
"""Returns the view that a link leads to, None if it leads nowhere."""


def find_leaf(start: Any, components: Sequence[str], where: str, follow: Follow) -> Found | None:
    """Return the leaf, or the item of a leaf, of a natural name below a group.

    Each component is searched level by level below what the former one led to. ``where`` names
    the start for messages.

    Raises
    ------
    NotUniqueNodeError
        A component is found twice at the same depth.
    """
    node = start
    for position, name in enumerate(components):
        node = _nearest(node, name, where, follow)
        if node is None:
            return None
        if node.kind == LEAF:
            rest = components[position + 1 :]
            return Found(node, ".".join(rest) or None)
    return None


def _nearest(start: Any, name: str, where: str, follow: Follow) -> Any:
    child = start.child(name)
    if child is not None:
        return follow(child) if child.kind == LINK else child
    level = groups_in(start)
    while level:
        hits = [child for group in level if (child := group.child(name)) is not None]
        if len(hits) > 1:
            first, second = sorted(hit.path for hit in hits)[:2]
            raise NotUniqueNodeError(
                f"{name!r} is not unique in {where}: there are `{first}` and `{second}`. Give more "
                "of the path."
            )
        if hits:
            return follow(hits[0]) if hits[0].kind == LINK else hits[0]
        level = [child for group in level for child in groups_in(group)]
    return None


def groups_in(group: Any) -> list[Any]:
    """Return the views of the groups directly in a group."""
    children = (group.child(name) for name in group.names())
    return [child for child in children if child is not None and child.kind == GROUP]


def leaves_below(group: Any, skip: Skip) -> Iterator[Any]:
    """Yield the views of all leaves below a group, without following links, in their order."""
    waiting = [group]
    while waiting:
        node = waiting.pop()
        if node.kind == LEAF:
            yield node
        elif node.kind == GROUP:
            waiting += reversed(children_of(node, skip))


def children_of(group: Any, skip: Skip) -> list[Any]:
    """Return the views of the children of a group in alphabetical order, but of damaged ones."""
    found = []
    try:
        for name in sorted(group.names()):
            try:
                child = group.child(name)
            except StorageFormatError as err:
                skip(err)
                continue
            if child is not None:
                found.append(child)
    except StorageFormatError as err:
        skip(err)
    return found


def run_groups(
    root: Any,
    branches: Collection[str] | None,
    index_of: Callable[[str], int | None],
    wanted: Container[int],
    skip: Skip,
) -> dict[int, list[tuple[Any, str]]]:
    """Return where the groups of some runs are, by index: the view of the parent, and the name.

    ``branches`` are the names of groups in the root to look into, None for all but those of
    parameters and config data.
    """
    found: dict[int, list[tuple[Any, str]]] = {}
    waiting = [
        child
        for child in children_of(root, skip)
        if (child.path in branches if branches is not None else child.path not in _WITHOUT_RUNS)
    ]
    while waiting:
        group = waiting.pop()
        if group.kind != GROUP:
            continue
        try:
            names = group.names()
        except StorageFormatError as err:
            skip(err)
            continue
        for name in names:
            idx = index_of(name)
            if idx is not None:
                if idx in wanted:
                    found.setdefault(idx, []).append((group, name))
                continue
            try:
                child = group.child(name)
            except StorageFormatError as err:
                skip(err)
                continue
            if child is not None:
                waiting.append(child)
    return found


_WITHOUT_RUNS = frozenset(("config", "parameters"))
