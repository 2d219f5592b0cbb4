"""Views of nodes: access without prefixes, to children alone, as text, and for debuggers."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory
    from pypet.tree.navigation import Navigation
    from pypet.tree.node import NNTreeNode

_SHOWN_CHILDREN = 6


def _is_member(node: NNTreeNode, name: str) -> bool:
    """Return whether ``name`` is an attribute of the node itself, not of the user's data."""
    if any(name in vars(cls) for cls in type(node).__mro__):
        return True
    try:
        own = object.__getattribute__(node, "__dict__")
    except AttributeError:
        return False
    return name in own


class _PrefixView:
    """Reads ``node.<prefix>name`` as ``view.name``."""

    __slots__ = ("_node",)
    _prefix = ""

    _node: NNTreeNode

    def __init__(self, node: NNTreeNode) -> None:
        object.__setattr__(self, "_node", node)

    def _full(self, name: str) -> str:
        """Return the prefixed name.

        Raises
        ------
        AttributeError
            The node has no such member.
        """
        if name.startswith("_"):  # asked for by Python itself: to copy, to pickle, to show
            raise AttributeError(name)
        full = self._prefix + name
        if not _is_member(self._node, full):
            raise AttributeError(
                f"{type(self._node).__name__} `{self._node._full_name}` has no `{full}`."
            )
        return full

    def __getattr__(self, name: str) -> Any:
        full = self._full(name)
        return getattr(self._node, full)

    def __dir__(self) -> list[str]:
        size = len(self._prefix)
        return [name[size:] for name in dir(self._node) if name.startswith(self._prefix)]


class VariablesView(_PrefixView):
    """``node.vars.name`` reads and sets ``node.v_name``."""

    __slots__ = ()
    _prefix = "v_"

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._node, self._full(name), value)


class FunctionsView(_PrefixView):
    """``node.func.get`` is ``node.f_get``."""

    __slots__ = ()
    _prefix = "f_"

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"`func.{name}` cannot be set: methods of nodes are fixed.")


class ChildrenView:
    """``group.kids.x`` is the direct child or linked node ``x`` itself, never its value."""

    __slots__ = ("_group",)

    _group: Any

    def __init__(self, group: Navigation) -> None:
        object.__setattr__(self, "_group", group)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._group._children[name]
        except KeyError:
            raise AttributeError(
                f"Group `{self._group._full_name}` has no direct child or link `{name}`."
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("`kids` is read-only: assign to the group itself.")

    def __dir__(self) -> list[str]:
        names: list[str] = self._group.f_dir_data()
        return names


# ----- text ------------------------------------------------------------------------------


def children_text(group: Navigation) -> str:
    """Return names and classes of the first children; an ellipsis follows the sixth."""
    shown = [
        f"({name}: {_class_text(type(child))})"
        for name, child in islice(group._children.items(), _SHOWN_CHILDREN)
    ]
    if len(shown) == _SHOWN_CHILDREN:
        shown.append("...")
    return ", ".join(shown)


def _class_text(cls: type) -> str:
    """Return the text of a class, with the place that users import one of pypet's from."""
    pypet, name = sys.modules["pypet"], cls.__name__
    is_ours = cls.__module__.startswith("pypet.")
    if is_ours and name in pypet.__all__ and getattr(pypet, name) is cls:
        return f"<class 'pypet.{name}'>"
    return str(cls)


def group_text(group: Navigation) -> str:
    """Return class, full name, comment and children of a group."""
    comment = f" (`{group._comment}`)" if group._comment else ""
    name = f"{type(group).__name__} {group._full_name}{comment}"
    return f"{name}: {children_text(group)}"


def trajectory_text(traj: Trajectory) -> str:
    """Return name, comment, number of runs and children of a trajectory."""
    run = " (during single run)" if traj._is_run else ""
    comment = f"`{traj._comment}`, " if traj._comment else ""
    name = f"{type(traj).__name__}{run} {traj._name} ({comment}len:{len(traj)})"
    return f"{name}: {children_text(traj)}"


class DebugView:
    """A plain object whose attributes mirror a subtree, for debuggers."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(vars(self)) or 'nothing'}>"


def debug_view(group: Navigation) -> DebugView:
    """Return a mirror of a group: leaves as they are, groups nested, links as text."""
    view = DebugView()
    entries = vars(view)
    if group._comment:
        entries["v_comment"] = group._comment
    if group._annotations is not None and not group._annotations.f_is_empty():
        entries["v_annotations"] = group._annotations
    for name, child in group._children.items():
        if name in group._links:
            entries[name] = f"Link to `{child._full_name}` ({type(child).__name__})"
        elif child._is_leaf:
            entries[name] = child
        else:
            entries[name] = debug_view(child)
    return view
