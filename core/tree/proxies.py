"""Small views of a node: `vars` and `func` leave out the prefixes, `kids` shows children only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypet.tree.group_state import GroupState
    from pypet.tree.node import NNTreeNode


def _is_member(node: NNTreeNode, name: str) -> bool:
    """Say whether ``name`` is an attribute of the node itself, not user data found through it."""
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

    def __init__(self, group: GroupState) -> None:
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
