"""The state of groups, and what marks classes that know their trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet.tree.node import NNTreeNode, slot_setter

if TYPE_CHECKING:
    from pypet.tree.tree import Tree


class KnowsTrajectory:
    """Marks classes of nodes that get the trajectory as second argument of their constructor."""

    __slots__ = ()

    KNOWS_TRAJECTORY = True


class GroupState(NNTreeNode):
    """The slots of groups; the parts of `NNGroupNode` derive from it."""

    __slots__ = ("_children", "_groups", "_leaves", "_links", "_root")

    _children: dict[str, Any]
    _groups: dict[str, Any]
    _leaves: dict[str, Any]
    _links: dict[str, Any]
    _root: Any

    def __init__(self, full_name: str = "", trajectory: Any = None, comment: str = "") -> None:
        NNTreeNode.__init__(self, full_name, comment)
        _set_children(self, {})
        _set_groups(self, {})
        _set_leaves(self, {})
        _set_links(self, {})
        set_root(self, trajectory)

    def _nn(self) -> Tree:
        """Return the tree that the group belongs to.

        Raises
        ------
        TypeError
            It belongs to none.
        """
        root = self._root
        if root is None:
            raise TypeError(
                f"Group `{self._full_name}` is not part of a trajectory; add it to one first."
            )
        tree: Tree = root._tree
        return tree


_set_children = slot_setter(GroupState, "_children")
_set_groups = slot_setter(GroupState, "_groups")
_set_leaves = slot_setter(GroupState, "_leaves")
_set_links = slot_setter(GroupState, "_links")
set_root = slot_setter(GroupState, "_root")
