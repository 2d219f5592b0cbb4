"""Natural naming: from a name to a node.

A name is resolved from a start group, component by component. Each component means the direct
child (or link) of that name or, with shortcuts, the shallowest node of that name below. Once a
component is resolved that decision stands: there is no backtracking.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pypet.errors import DataNotInStorageError
from pypet.support.spelling import did_you_mean
from pypet.tree.leaf import value_or_leaf
from pypet.tree.names import BRANCHES
from pypet.tree.node import NNTreeNode
from pypet.tree.search import NO_RUN_IS_SET, Search, walk
from pypet.tree.storing import load_child, load_data_of

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode
    from pypet.tree.group_state import GroupState
    from pypet.tree.tree import Tree

    Key = str | int | Sequence[str | int]

logger = logging.getLogger(__name__)


def get(
    tree: Tree,
    start: NNGroupNode,
    name: Key,
    fast_access: bool = False,
    with_links: bool = True,
    shortcuts: bool = True,
    max_depth: int | None = None,
    auto_load: bool = False,
) -> Any:
    """Return the node that ``name`` means below ``start``, or its value with ``fast_access``.

    Raises
    ------
    AttributeError
        There is none; as `NotUniqueNodeError`, there are several equally good ones.
    DataNotInStorageError
        There is none, in the storage neither (only with ``auto_load``).
    ValueError
        The name has more than ``max_depth`` components; ``auto_load`` without ``with_links``.
    TypeError
        The key is no name.
    """
    node: Any = _find(tree, start, name, with_links, shortcuts, max_depth, auto_load)[0]
    if node._is_leaf:
        if auto_load and node.f_is_empty():
            load_data_of(tree, node)
        if fast_access:
            return value_or_leaf(node)
    return node


def get_by_settings(tree: Tree, start: NNGroupNode, name: Key) -> Any:
    """Do the same with the settings of the trajectory: what attribute access means."""
    root = tree.root
    if root._shortcuts and root._max_depth is None and not root._auto_load:
        node = _unrivalled(tree, start, name)
        if node is not None:
            return value_or_leaf(node) if node._is_leaf and root._fast_access else node
    return get(
        tree,
        start,
        name,
        root._fast_access,
        root._with_links,
        root._shortcuts,
        root._max_depth,
        root._auto_load,
    )


def _unrivalled(tree: Tree, start: NNGroupNode, name: Key) -> Any:
    """Return the node below ``start`` that a search could only end with; None to have one made.

    Most names in a run function are of this kind. Names of nodes are translated already, so what
    one node is called, and nothing else, means this node.
    """
    if type(name) is not str or tree.links or name in BRANCHES or tree.wildcards.knows(name):
        return None
    return tree.index.only(name, start)


def find(
    tree: Tree,
    start: NNGroupNode,
    name: Key,
    with_links: bool = True,
    shortcuts: bool = True,
    max_depth: int | None = None,
    auto_load: bool = False,
) -> NNTreeNode:
    """Return the node itself; see `get`."""
    return _find(tree, start, name, with_links, shortcuts, max_depth, auto_load)[0]


def find_link(tree: Tree, start: NNGroupNode, name: Key) -> tuple[NNGroupNode, str] | None:
    """Return group and name of the link that ``name`` ends with; None if it ends with a node."""
    return _find(tree, start, name)[1].last_link()


def _find(
    tree: Tree,
    start: NNGroupNode,
    name: Key,
    with_links: bool = True,
    shortcuts: bool = True,
    max_depth: int | None = None,
    auto_load: bool = False,
) -> tuple[NNTreeNode, Search]:
    search = Search(tree, start, with_links, shortcuts, max_depth, auto_load)
    if auto_load and not with_links:
        raise ValueError("`auto_load` needs `with_links`: what is loaded may be a link.")
    wildcards = tree.wildcards
    parsed = wildcards.parse(name) if type(name) is str else wildcards.parse_key(name)
    components = parsed.components
    if not components:
        if start is tree.root:
            return start, search
        raise AttributeError(f"An empty name was looked up in group `{start._full_name}`.")
    if start is tree.root:
        ensure_branch(tree, components[0])
    if max_depth is not None and len(components) > max_depth:
        text = f"`{_text(name)}` has more components than `max_depth={max_depth}` allows."
        raise ValueError(text) if shortcuts else AttributeError(text)
    if parsed.fault:
        raise AttributeError(f"No node can be called `{_text(name)}`: {parsed.fault}.")
    if not parsed.has_wildcards:
        return search.run(components), search
    idx = tree.root._idx
    if idx < 0:
        try:
            return search.run(wildcards.substitute(parsed, -1)), search
        except DataNotInStorageError as err:
            err.add_note(f"pypet: {NO_RUN_IS_SET}.")
            raise
    try:
        return search.run(wildcards.substitute(parsed, idx)), search
    except (AttributeError, DataNotInStorageError) as first:
        try:
            return search.run(wildcards.substitute(parsed, -1)), search
        except (AttributeError, DataNotInStorageError):
            raise first from None


def ensure_branch(tree: Tree, name: str) -> None:
    """Make the branch ``name`` if it is one and does not exist yet."""
    if name in BRANCHES and name not in tree.root._children:
        tree.make_way(name)


def contains(
    tree: Tree,
    start: NNGroupNode,
    item: Any,
    with_links: bool = True,
    shortcuts: bool = False,
    max_depth: int | None = None,
) -> bool:
    """Say whether ``item``, a name or a node, is found below ``start``.

    Raises
    ------
    ValueError
        With shortcuts: the name has more than ``max_depth`` components.
    """
    if isinstance(item, NNTreeNode):
        return _contains_node(tree, start, item, max_depth)
    try:
        if not tree.wildcards.parse_key(item).components:
            return False
    except (AttributeError, TypeError):
        return False  # nothing that could be the key of a node
    try:
        find(tree, start, item, with_links, shortcuts, max_depth)
    except AttributeError:
        return False
    return True


def _contains_node(tree: Tree, start: NNGroupNode, node: NNTreeNode, max_depth: int | None) -> bool:
    full_name = node._full_name
    if not full_name or tree.get_node(full_name) is not node:
        return False
    if start._full_name and not full_name.startswith(start._full_name + "."):
        return False
    return max_depth is None or node._depth - start._depth <= max_depth


def get_all(
    tree: Tree,
    start: NNGroupNode,
    name: Key,
    max_depth: int | None = None,
    shortcuts: bool = True,
) -> list[NNTreeNode]:
    """Return all nodes below ``start`` that ``name`` fits; links do not count.

    With shortcuts the components have to occur in this order in the path below ``start``, the
    last one at its end; without, they have to be its tail.
    """
    wildcards = tree.wildcards
    parsed = wildcards.parse_key(name)
    components = wildcards.substitute(parsed, tree.root._idx)
    if not components or parsed.fault:
        return []
    skipped = start._depth
    found = []
    for node in tree.index.below(components[-1], start, max_depth):
        path = node._full_name.split(".")[skipped:]
        if shortcuts:
            fits = _is_subsequence(components[:-1], path[:-1])
        else:
            fits = tuple(path[-len(components) :]) == components
        if fits:
            found.append(node)
    return found


def _is_subsequence(names: Sequence[str], path: Sequence[str]) -> bool:
    rest = iter(path)
    return all(name in rest for name in names)


def _text(name: Key) -> str:
    if isinstance(name, (list, tuple)):
        return ".".join(map(str, name))
    return str(name)


def exact_path(tree: Tree, start: GroupState, name: str) -> str:
    """Return the translated path of an existing node or link, for the current run or the dummy.

    Raises
    ------
    ValueError
        There is none at this path.
    """
    parsed = tree.wildcards.parse(name)
    for idx in (tree.root._idx, -1):
        components = tree.wildcards.substitute(parsed, idx)
        if components and walk(start, components) is not None:
            return ".".join(components)
    raise ValueError(
        f"There is no `{name}` below `{start._full_name or 'the trajectory'}`; "
        "the path has to be complete here."
    )


def load_exact(tree: Tree, start: GroupState, name: str, **kwargs: Any) -> NNTreeNode:
    """Load the node at a complete path, for the current run or else the dummy, and return it.

    Raises
    ------
    DataNotInStorageError
        It is not in the storage.
    """
    parsed = tree.wildcards.parse(name)
    components = tree.wildcards.substitute(parsed, tree.root._idx)
    try:
        load_child(tree, start, ".".join(components), **kwargs)
    except DataNotInStorageError as first:
        dummies = tree.wildcards.substitute(parsed, -1)
        if dummies == components:
            raise
        components = dummies
        try:
            load_child(tree, start, ".".join(components), **kwargs)
        except DataNotInStorageError:
            raise first from None
    node = walk(start, components)
    if node is None:
        reason = tree.root._load_errors.get(".".join(filter(None, (start._full_name, *components))))
        raise DataNotInStorageError(
            f"`{name}` below `{start._full_name}` was not loaded{f': {reason}' if reason else '.'}"
        )
    return node


def advice_on_member(node: NNTreeNode, name: str) -> str:
    """Return the sentence, with a full stop before it, on a method or property that is missing."""
    members = [member for member in dir(type(node)) if member[:2] == name[:2]]
    what = "method" if name[:2] == "f_" else "property"
    return f". There is no such {what} either.{did_you_mean(name, members)}"
