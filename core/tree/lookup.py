"""Natural naming: from a name to a node.

A name is resolved from a start group, component by component. Each component means the direct
child (or link) of that name or, with shortcuts, the shallowest node of that name below. Once a
component is resolved that decision stands: there is no backtracking.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pypet.errors import DataNotInStorageError, NotUniqueNodeError
from pypet.support.spelling import did_you_mean
from pypet.tree.index import walk
from pypet.tree.names import BRANCHES
from pypet.tree.node import NNTreeNode, value_or_leaf
from pypet.tree.storage import load_data_of, load_path

if TYPE_CHECKING:
    from pypet.tree.navigation import Navigation
    from pypet.tree.tree import Tree

    Key = str | int | Sequence[str | int]

_NO_RUN_IS_SET = "no run is set, so choose one first, for example by `v_idx = 0`"


@dataclasses.dataclass(slots=True)
class LookupSettings:
    """How names are looked up: the arguments of one `f_get`, or the settings of a trajectory.

    Copies of a trajectory share them, so they are replaced, never changed.
    """

    # Not frozen: that takes a microsecond more, which every `f_get` would pay.
    fast_access: bool = False
    """Give the value of a leaf in its place, if it has a single one."""
    with_links: bool = True
    shortcuts: bool = True
    """Groups in between may be left out."""
    max_depth: int | None = None
    """Steps down from the start at most, None without limit."""
    auto_load: bool = False
    """Load what is not in memory."""


_DEFAULT_SETTINGS = LookupSettings()


def get(tree: Tree, start: Navigation, name: Key, settings: LookupSettings) -> Any:
    """Return the node that ``name`` means below ``start``, or its value with ``fast_access``.

    Raises
    ------
    AttributeError
        There is none; as `NotUniqueNodeError`, there are several equally good ones.
    DataNotInStorageError
        There is none, not in the storage either (only with ``auto_load``).
    ValueError
        The name has more than ``max_depth`` components; ``auto_load`` without ``with_links``.
    TypeError
        The key is not a name.
    """
    node: Any = _Search(tree, start, settings).resolve(name)
    if node._is_leaf:
        if settings.auto_load and node.f_is_empty():
            load_data_of(tree, node)
        if settings.fast_access:
            return value_or_leaf(node)
    return node


def get_attribute(tree: Tree, start: Navigation, name: Key) -> Any:
    """Return what attribute or item access gives: `get` with the settings of the trajectory."""
    settings: LookupSettings = tree.root._lookup
    if settings.shortcuts and settings.max_depth is None and not settings.auto_load:
        node = _only_candidate(tree, start, name)
        if node is not None:
            return value_or_leaf(node) if node._is_leaf and settings.fast_access else node
    return get(tree, start, name, settings)


def _only_candidate(tree: Tree, start: Navigation, name: Key) -> Any:
    """Return the only node that a search for ``name`` could end with, None to make the search.

    Most names in a run function are of this kind. Names of nodes are translated already, so what
    one node is called, and nothing else, means this node.
    """
    if type(name) is not str or tree.links or name in BRANCHES or tree.wildcards.knows(name):
        return None
    return tree.index.only(name, start)


def find(
    tree: Tree, start: Navigation, name: Key, settings: LookupSettings = _DEFAULT_SETTINGS
) -> NNTreeNode:
    """Return the node itself; see `get`."""
    return _Search(tree, start, settings).resolve(name)


def find_link(tree: Tree, start: Navigation, name: Key) -> tuple[Navigation, str] | None:
    """Return group and name of the link that ``name`` ends with; None if it ends with a node."""
    search = _Search(tree, start, _DEFAULT_SETTINGS)
    search.resolve(name)
    return search.last_link()


def contains(
    tree: Tree,
    start: Navigation,
    item: Any,
    settings: LookupSettings,
) -> bool:
    """Return whether ``item``, a name or a node, is found below ``start``, in memory.

    Raises
    ------
    ValueError
        With shortcuts: the name has more than ``max_depth`` components.
    """
    if isinstance(item, NNTreeNode):
        return _contains_node(tree, start, item, settings.max_depth)
    if settings.auto_load:
        settings = dataclasses.replace(settings, auto_load=False)
    try:
        if not tree.wildcards.parse_key(item).components:
            return False
    except (AttributeError, TypeError):
        return False  # not the key of a node
    try:
        find(tree, start, item, settings)
    except AttributeError:
        return False
    return True


def _contains_node(tree: Tree, start: Navigation, node: NNTreeNode, max_depth: int | None) -> bool:
    full_name = node._full_name
    if not full_name or tree.get_node(full_name) is not node:
        return False
    if start._full_name and not full_name.startswith(start._full_name + "."):
        return False
    return max_depth is None or node._depth - start._depth <= max_depth


def get_all(
    tree: Tree,
    start: Navigation,
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


class _Search:
    """Finds one node below a start group; wildcards may need a second attempt."""

    __slots__ = ("_components", "_holder", "_settings", "_start", "_tree")

    def __init__(self, tree: Tree, start: Navigation, settings: LookupSettings) -> None:
        self._tree = tree
        self._start = start
        self._settings = settings
        self._components: tuple[str, ...] = ()
        self._holder: Navigation | None = None

    def resolve(self, name: Key) -> NNTreeNode:
        """Return the node that ``name`` means; see `get`."""
        tree, start, settings = self._tree, self._start, self._settings
        if settings.auto_load and not settings.with_links:
            raise ValueError("`auto_load` needs `with_links`: what is loaded may be a link.")
        wildcards = tree.wildcards
        parsed = wildcards.parse(name) if type(name) is str else wildcards.parse_key(name)
        components = parsed.components
        if not components:
            if start is tree.root:
                return self._start
            raise AttributeError(f"An empty name was looked up in group `{start._full_name}`.")
        if start is tree.root and components[0] in BRANCHES:
            tree.create_parents(components[0])  # branches exist as soon as they are asked for
        max_depth = settings.max_depth
        if max_depth is not None and len(components) > max_depth:
            text = f"`{_text(name)}` has more components than `max_depth={max_depth}` allows."
            raise ValueError(text) if settings.shortcuts else AttributeError(text)
        if parsed.fault:
            raise AttributeError(f"No node can be called `{_text(name)}`: {parsed.fault}.")
        if not parsed.has_wildcards:
            return self._run(components)
        idx = tree.root._idx
        if idx < 0:
            try:
                return self._run(wildcards.substitute(parsed, -1))
            except DataNotInStorageError as err:
                err.add_note(f"pypet: {_NO_RUN_IS_SET}.")
                raise
        try:
            return self._run(wildcards.substitute(parsed, idx))
        except (AttributeError, DataNotInStorageError) as first:
            try:
                return self._run(wildcards.substitute(parsed, -1))
            except (AttributeError, DataNotInStorageError):
                raise first from None

    def _run(self, components: tuple[str, ...]) -> NNTreeNode:
        """Return the node, from memory or from the storage, or raise."""
        self._components = components
        self._holder = None
        node = walk(self._start, components, self._settings.with_links)
        if node is not None:
            return node
        if self._settings.auto_load:
            try:
                node = self._by_shortcuts(components) if self._settings.shortcuts else None
            except NotUniqueNodeError:
                raise
            except AttributeError:
                node = None
            return node if node is not None else self._load(components)
        if not self._settings.shortcuts:
            raise self._missing(components, components[0], self._start)
        return self._by_shortcuts(components)

    def _load(self, components: tuple[str, ...]) -> NNTreeNode:
        try:
            return load_path(self._tree, self._start, components)
        except DataNotInStorageError as err:
            err.add_note(
                "pypet: `v_auto_load` finds what is not in memory by its complete path only, for "
                "example `results.runs.run_00000000.z`."
            )
            raise

    def last_link(self) -> tuple[Navigation, str] | None:
        """Return the link that the last step of a successful run went over."""
        holder: Any = self._holder
        if not self._components:
            return None
        if holder is None:
            holder = walk(self._start, self._components[:-1], self._settings.with_links)
        name = self._components[-1]
        if holder is None or holder._is_leaf or name not in holder._links:
            return None
        return holder, name

    def _by_shortcuts(self, components: tuple[str, ...]) -> NNTreeNode:
        tree = self._tree
        for name in components:
            if name not in tree.index and not (self._settings.with_links and name in tree.links):
                raise self._missing(components, name, self._start)
        node = self._absolute(components)
        return node if node is not None else self._stepwise(components)

    def _absolute(self, components: tuple[str, ...]) -> NNTreeNode | None:
        """Follow a complete path from the root, if it leads to the inside of the start group."""
        start = self._start
        depth = start._depth
        if not depth or len(components) <= depth:
            return None
        if ".".join(components[:depth]) != start._full_name:
            return None
        # The components below the start are fewer than all, so they respect the maximum depth.
        return walk(start, components[depth:], self._settings.with_links)

    def _stepwise(self, components: tuple[str, ...]) -> NNTreeNode:
        node: Any = self._start
        left = self._settings.max_depth
        for name in components:
            if node._is_leaf:
                raise AttributeError(
                    f"`{'.'.join(components)}` leads through `{node._full_name}`, which is a "
                    f"{type(node).__name__} and has nothing below it."
                )
            found, steps = self._shallowest(name, node, left)
            if found is None:
                raise self._missing(components, name, node)
            if left is not None:
                left -= steps
            node = found
        return node  # type: ignore[no-any-return]

    def _shallowest(
        self, name: str, group: Navigation, limit: int | None
    ) -> tuple[NNTreeNode | None, int]:
        """Return the best node called ``name`` below ``group`` and the steps down to it."""
        if limit is not None and limit < 1:
            return None, 0
        child = group._children.get(name)
        if child is not None and (self._settings.with_links or name not in group._links):
            self._holder = group
            return child, 1
        self._holder = None
        tree = self._tree
        best = tree.index.shallowest(name, group, limit)
        if best:
            limit = best[0]._depth - group._depth
        # Links only matter above the best real node: often there are none.
        if self._settings.with_links and tree.links.within(group._depth, limit):
            self._holder, steps = _breadth_first(name, group, limit)
            if self._holder is None:
                return None, 0
            return self._holder._children[name], steps
        if len(best) > 1:
            raise _not_unique(name, group, *(node._full_name for node in best))
        return (best[0], limit or 0) if best else (None, 0)

    def _missing(self, components: tuple[str, ...], name: str, group: Navigation) -> AttributeError:
        start = f"`{self._start._full_name}`" if self._start._full_name else "the trajectory"
        what = ".".join(components)
        detail = "" if what == name else f" (there is no `{name}` below `{group._full_name}`)"
        limit = (
            "" if self._settings.max_depth is None else f" within {self._settings.max_depth} steps"
        )
        # Python may add ". Did you mean ...?", so there is no full stop at the end.
        return AttributeError(f"`{what}` is not part of {start}{limit}{detail}{self._advice(name)}")

    def _advice(self, name: str) -> str:
        """Return what to do about a missing name, with the punctuation before it."""
        root: Any = self._tree.root
        if name == self._tree.wildcards.dummy and root._idx < 0:
            return f": {_NO_RUN_IS_SET}"
        if root._stored and not root._is_run and not self._settings.auto_load:
            return (
                "; if it is only in the storage, load it first, for example by "
                "`f_load(load_data=2)`, or set `v_auto_load = True` and give the complete path"
            )
        return ""


def _breadth_first(
    name: str, start: Navigation, limit: int | None
) -> tuple[Navigation | None, int]:
    """Search level by level, also over links, for the group that has a child ``name``.

    Every group is entered once. Returned are the group and the steps from ``start`` to the child.

    Raises
    ------
    NotUniqueNodeError
        Several routes of the same length end with ``name``.
    """
    seen = {id(start)}
    level = [start]
    steps = 0
    while level and (limit is None or steps < limit):
        steps += 1
        holders = [group for group in level if name in group._children]
        if len(holders) > 1:
            places = [f"{holder._full_name}.{name}".lstrip(".") for holder in holders[:2]]
            raise _not_unique(name, start, *places)
        if holders:
            return holders[0], steps
        below: list[Navigation] = []
        for group in level:
            for child in (*group._groups.values(), *group._links.values()):
                if not child._is_leaf and id(child) not in seen:
                    seen.add(id(child))
                    below.append(child)
        level = below
    return None, 0


def _not_unique(name: str, start: Navigation, *places: str) -> NotUniqueNodeError:
    """Return the error for a name that fits several nodes equally well."""
    where = f"below `{start._full_name}`" if start._full_name else "in the trajectory"
    advice = "Give more of the path."
    run_of = start._require_tree().wildcards.run_index
    if all(any(run_of(part) is not None for part in place.split(".")) for place in places):
        advice = (
            f"Say of which run: `crun.{name}` after `v_idx = 0`, a run's name before `{name}`, "
            f"or `f_get_from_runs('{name}')` for all of them."
        )
    return NotUniqueNodeError(
        f"`{name}` is not unique {where}: there are {', '.join(f'`{place}`' for place in places)}. "
        f"{advice}"
    )


def advice_on_member(node: NNTreeNode, name: str) -> str:
    """Return the sentence, with a full stop before it, on a method or property that is missing."""
    members = [member for member in dir(type(node)) if member[:2] == name[:2]]
    what = "method" if name[:2] == "f_" else "property"
    return f". There is no such {what} either.{did_you_mean(name, members)}"
