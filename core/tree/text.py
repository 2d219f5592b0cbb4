"""Text forms of groups and trajectories, and plain objects for debuggers."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypet.tree.group_state import GroupState

_SHOWN_CHILDREN = 6


def children_text(group: GroupState) -> str:
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


def group_text(group: GroupState) -> str:
    """Return class, full name, comment and children of a group."""
    comment = f" (`{group._comment}`)" if group._comment else ""
    name = f"{type(group).__name__} {group._full_name}{comment}"
    return f"{name}: {children_text(group)}"


def trajectory_text(traj: Any) -> str:
    """Return name, comment, number of runs and children of a trajectory."""
    run = " (during single run)" if traj._is_run else ""
    comment = f"`{traj._comment}`, " if traj._comment else ""
    name = f"{type(traj).__name__}{run} {traj._name} ({comment}len:{len(traj)})"
    return f"{name}: {children_text(traj)}"


class DebugView:
    """A plain object whose attributes mirror a subtree, for debuggers."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {', '.join(vars(self)) or 'nothing'}>"


def debug_view(group: GroupState) -> DebugView:
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
