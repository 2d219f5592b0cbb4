"""Going through a tree: nodes breadth first, and dictionaries of leaves."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pypet.tree.node import NO_RUN_BRANCH, value_or_leaf

if TYPE_CHECKING:
    from pypet.tree.navigation import Navigation
    from pypet.tree.tree import Tree

    Predicate = Callable[[Any], bool]


def iter_nodes(
    tree: Tree,
    start: Navigation,
    recursive: bool = True,
    with_links: bool = True,
    max_depth: int | None = None,
    predicate: Predicate | Iterable[int | str] | None = None,
) -> Iterator[Any]:
    """Return an iterator over the nodes below ``start``, breadth first, each of them once.

    Raises
    ------
    KeyError
        ``predicate`` names the index of a run that does not exist.
    """
    if predicate is not None and not callable(predicate):
        predicate = run_filter(tree, predicate)
    return _walk(tree, start, max_depth if recursive else 1, with_links, predicate)


def _walk(
    tree: Tree,
    start: Navigation,
    max_depth: int | None,
    with_links: bool,
    predicate: Callable[[Any], bool] | None,
) -> Iterator[Any]:
    # Without links no node can come up twice, so nothing has to be remembered.
    seen = {id(start)} if with_links and tree.links else None
    level = [start]
    depth = 0
    while level and (max_depth is None or depth < max_depth):
        depth += 1
        below: list[Any] = []
        for group in level:
            for child in _children(group, with_links):
                if seen is not None:
                    if id(child) in seen:
                        continue
                    seen.add(id(child))
                if predicate is not None and not predicate(child):
                    continue
                yield child
                if not child._is_leaf:
                    below.append(child)
        level = below


def _children(group: Navigation, with_links: bool) -> tuple[Any, ...]:
    """Return the children as they are now: the tree may change during the iteration."""
    if with_links:
        return tuple(group._children.values())
    return (*group._groups.values(), *group._leaves.values())


def run_filter(tree: Tree, runs: Iterable[int | str]) -> Callable[[Any], bool]:
    """Return a predicate for the nodes that belong to one of the runs, or to none at all.

    Raises
    ------
    KeyError
        There is no run of such an index.
    """
    names = {NO_RUN_BRANCH}
    for run in runs:
        if isinstance(run, str):
            names.add(run)
        elif operator.index(run) == -1:
            names.add(tree.wildcards.run_name(-1))
        else:
            names.add(str(tree.root.f_idx_to_run(run)))
    return lambda node: node._run_branch in names


def iter_leaves(tree: Tree, start: Navigation, with_links: bool = True) -> Iterator[Any]:
    """Yield the leaves below ``start``, breadth first."""
    for node in _walk(tree, start, None, with_links, None):
        if node._is_leaf:
            yield node


def to_dict(
    tree: Tree,
    start: Navigation,
    fast_access: bool = False,
    short_names: bool = False,
    nested: bool = False,
    with_links: bool = True,
) -> dict[str, Any]:
    """Return the leaves below ``start`` by name.

    Keys are full names or, with ``short_names``, short names; with ``nested`` there is a
    dictionary for each group, beginning with the groups directly below ``start``. Leaves that
    lie elsewhere and are reached by links keep their own name; nested, they stand where the
    link does. With ``fast_access`` values take the place of leaves that support it.

    Raises
    ------
    ValueError
        Short and nested names were both asked for, or a short name occurs twice.
    """
    if short_names and nested:
        raise ValueError("A dictionary has either short names or is nested, not both.")
    with_links = with_links and start is not tree.root and bool(tree.links)
    value = value_or_leaf if fast_access else _as_it_is
    if nested:
        return _nested(start, value, with_links)
    found: dict[str, Any] = {}
    for leaf in _leaves(tree, start, with_links):
        name = leaf._name if short_names else leaf._full_name
        if name in found:
            raise ValueError(
                f"The short name `{name}` occurs more than once below `{start._full_name}`; "
                "ask for full names or for a nested dictionary."
            )
        found[name] = value(leaf)
    return found


def _leaves(tree: Tree, start: Navigation, with_links: bool) -> Iterable[Any]:
    if start is tree.root:
        return tree.leaves.values()
    return iter_leaves(tree, start, with_links)


def _as_it_is(leaf: Any) -> Any:
    return leaf


def _nested(start: Navigation, value: Callable[[Any], Any], with_links: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for route, leaf in _routes(start, with_links):
        inner = found
        for name in route[:-1]:
            inner = inner.setdefault(name, {})
        inner[route[-1]] = value(leaf)
    return found


_Route = tuple[tuple[str, ...], Any]


def _routes(start: Navigation, with_links: bool) -> Iterator[_Route]:
    """Yield each leaf once, with the names of its path.

    What lies below ``start`` comes first, by its own path, then what links lead to.
    """
    seen = {id(start)}
    pending: list[_Route] = [((), start)]
    while pending:
        links: list[_Route] = []
        for route, node in pending:
            yield from _real_routes(route, node, seen, links)
        pending = []
        for route, node in links if with_links else ():
            if id(node) not in seen:
                seen.add(id(node))
                pending.append((route, node))


def _real_routes(
    route: tuple[str, ...], node: Any, seen: set[int], links: list[_Route]
) -> Iterator[_Route]:
    """Yield ``node`` or the leaves below it; collect the links on their paths."""
    if node._is_leaf:
        yield route, node
        return
    for name, child in node._children.items():
        if name in node._links:
            links.append(((*route, name), child))
        elif id(child) not in seen:
            seen.add(id(child))
            yield from _real_routes((*route, name), child, seen, links)
