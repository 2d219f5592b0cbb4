"""Copies of trajectories: shallow copies, pickles, and trees that are put into other trees."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from pypet.slots import HasSlots
from pypet.trajectory.run_reference import goes_by_name, trajectory_of_the_run
from pypet.trajectory.state import TrajectoryState
from pypet.trajectory.tree_state import restore_tree, tree_state
from pypet.trajectory.tree_transfer import TreeTransfer
from pypet.tree.group import NNGroupNode
from pypet.tree.lookup import LookupSettings
from pypet.tree.node import put
from pypet.tree.tree import Tree


class Copying(TrajectoryState):
    """The part of a trajectory that makes copies."""

    __slots__ = ()

    def f_copy(self, copy_leaves: bool | str = True, with_links: bool = True) -> Any:
        """Return a shallow copy of the trajectory: same data, settings, runs and current run.

        Groups are new; leaves are copied with ``copy_leaves=True``, shared with False; with
        ``'explored'`` only explored parameters are copied. Copied parameters keep their ranges
        only if ``v_full_copy`` is set. Annotations are shared, and so is the storage service.

        Raises
        ------
        ValueError
            ``copy_leaves`` is something else.
        """
        twin = type(self).__new__(type(self))
        for name in NNGroupNode.__all_slots__ - {"__weakref__"}:
            put(twin, name, getattr(self, name))
        for name in ("_children", "_groups", "_leaves", "_links"):
            put(twin, name, {})
        twin.__dict__.update(self.__dict__)
        put(twin, "_root", twin)
        put(twin, "_dynamic_imports", list(self._dynamic_imports))
        put(twin, "_presets", dict(self._presets))
        put(twin, "_load_errors", dict(self._load_errors))
        put(twin, "_explored", {})
        put(twin, "_calls_in_run", dict(self._calls_in_run))
        put(twin, "_generators", {})
        tree = Tree(twin)
        tree.wildcards = self._tree.wildcards.copy()
        put(twin, "_tree", tree)
        put(twin, "_runs", self._runs.copy())
        twin._runs.bind(tree.wildcards, twin._explored)
        with _Filling(twin):
            TreeTransfer(self, twin, copy_leaves, overwrite=False).copy_below(self, with_links)
        twin._explored.update({name: tree.leaves.get(name) for name in self._explored})
        self._copy_new_nodes(tree, with_links)
        return twin

    def __copy__(self) -> Any:
        return self.f_copy()

    def _copy_new_nodes(self, tree: Tree, with_links: bool) -> None:
        """Let the copy remember what was added during the run, too."""
        tree.new_nodes = {name: tree.get_node(name) for name in self._new_nodes}
        if with_links:
            tree.new_links = {
                place: tree.get_node(target._full_name) for place, target in self._new_links.items()
            }

    def _copy_from(
        self,
        node: Any,
        copy_leaves: bool | str = True,
        overwrite: bool = False,
        with_links: bool = True,
    ) -> None:
        """Put a node of another trajectory, and what is below it, into this one.

        Nodes that exist here are kept; with ``overwrite`` leaves take over the state of the
        other leaf, and groups comment and annotations.

        Raises
        ------
        ValueError
            The node is of this trajectory already, or of none.
        AttributeError
            A group meets a leaf of its name, or the other way round.
        """
        if self._tree.get_node(node._full_name) is node:
            raise ValueError(
                f"`{node._full_name}` cannot be copied into trajectory `{self._name}`, which it "
                "is part of already."
            )
        root = node if not node._is_leaf and node._parent is None else node._parent
        source = None if root is None else root._root
        if source is None:
            raise ValueError(f"`{node._full_name}` is not part of a trajectory to copy from.")
        transfer = TreeTransfer(source, self, copy_leaves, overwrite)
        if node is not source:
            transfer.copy_node(node)
        elif overwrite:
            transfer.refresh_group(source, self)
        if not node._is_leaf:
            transfer.copy_below(node, with_links)

    # ----- pickling ------------------------------------------------------------------------

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle the trajectory, or its name where a worker has the trajectory already."""
        if goes_by_name(self):
            return trajectory_of_the_run, ()
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the ranges and records of other runs, unless ``v_full_copy``.

        The tree is a flat list of nodes: pickling does not climb from node to node.
        """
        state = HasSlots.__getstate__(self)
        for name in ("_children", "_groups", "_leaves", "_links", "_root", "_tree"):
            del state[name]
        state["_runs"] = (
            self._runs if self._full_copy else self._runs.restricted_to(max(self._idx, 0))
        )
        # The established layout of pickles: a key for each setting.
        lookup = asdict(state.pop("_lookup"))
        state.update((f"_{name}", value) for name, value in lookup.items())
        state["_generators"] = {}
        state["_explored"] = list(self._explored)
        state["_tree"] = tree_state(self._tree)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        flat = state.pop("_tree")
        explored = state.pop("_explored")
        lookup = {each.name: state.pop(f"_{each.name}") for each in fields(LookupSettings)}
        state["_lookup"] = LookupSettings(**lookup)
        NNGroupNode.__init__(self, "", self)
        for name, value in state.items():
            put(self, name, value)
        put(self, "_explored", {})
        tree = Tree(self)
        put(self, "_tree", tree)
        with _Filling(self):
            restore_tree(tree, flat)
        self._explored.update({name: tree.leaves.get(name) for name in explored})
        self._runs.bind(tree.wildcards, self._explored)


class _Filling:
    """Puts nodes into a trajectory that have their state already: no run, no side effects."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._was_run = root._is_run

    def __enter__(self) -> None:
        put(self._root, "_is_run", False)
        put(self._root, "_follows_leaves", False)

    def __exit__(self, *error: object) -> None:
        put(self._root, "_is_run", self._was_run)
        put(self._root, "_follows_leaves", True)
