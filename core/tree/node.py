"""Nodes: `NNTreeNode`, which groups and leaves derive from, and `NNLeafNode`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pypet.annotations import Annotations, WithAnnotations
from pypet.tree.views import FunctionsView, VariablesView

if TYPE_CHECKING:
    from pypet.tree.group import NNGroupNode

NO_RUN_BRANCH = "trajectory"
"""``v_run_branch`` of all nodes that belong to no run."""

# Groups and results have a `__setattr__` of their own, for user data; private state bypasses it.
put = object.__setattr__


def slot_setter(cls: type, name: str) -> Callable[[Any, Any], None]:
    """Return the setter of a slot, for where nodes are made: it takes half the time of `put`."""
    setter: Callable[[Any, Any], None] = vars(cls)[name].__set__
    return setter


def class_member(cls: type, name: str) -> Any:
    """Return what instances of ``cls`` have under ``name`` by their class, None without.

    Unlike ``getattr``, it does not find attributes of the metaclass, such as ``mro``.
    """
    for base in cls.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None


class NNTreeNode(WithAnnotations):
    """A group or leaf, named by its dotted path from the root.

    Public methods start with ``f_`` and public attributes with ``v_``; every other public name
    on a node belongs to the data of users.
    """

    __slots__ = (
        "_branch",
        "_comment",
        "_depth",
        "_full_name",
        "_name",
        "_parent",
        "_run_branch",
        "_stored",
    )

    _is_leaf = False

    _name: str | None
    _full_name: str
    _depth: int
    _branch: str | None
    _run_branch: str
    _stored: bool
    _comment: str
    _parent: NNGroupNode | None

    def __init__(self, full_name: str, comment: str = "") -> None:
        _set_annotations(self, None)
        _set_full_name(self, full_name)
        try:
            _set_name(self, full_name[full_name.rfind(".") + 1 :] or None)
        except AttributeError:
            raise TypeError(f"The name of a node is text, not {full_name!r:.80}.") from None
        _set_comment(self, comment if type(comment) is str else str(comment))
        set_stored(self, False)
        set_depth(self, 0)
        set_branch(self, None)
        set_run_branch(self, NO_RUN_BRANCH)
        set_parent(self, None)

    @property
    def v_name(self) -> str | None:
        """Short name; None for a node that has no name yet."""
        return self._name

    @property
    def v_full_name(self) -> str:
        """Dotted path from the root, ``''`` for the root."""
        return self._full_name

    @property
    def v_location(self) -> str:
        """Full name of the parent, ``''`` if that is the root."""
        return self._full_name.rpartition(".")[0]

    @property
    def v_depth(self) -> int:
        """Number of steps from the root, which has depth 0 as has a node outside any tree."""
        return self._depth

    @property
    def v_is_root(self) -> bool:
        """Whether the node has depth 0."""
        return self._depth == 0

    @property
    def v_is_leaf(self) -> bool:
        """Whether the node is a parameter or result."""
        return self._is_leaf

    @property
    def v_is_group(self) -> bool:
        """Whether the node is a group."""
        return not self._is_leaf

    @property
    def v_branch(self) -> str | None:
        """First component of the path, for instance ``'results'``; None outside a tree and for
        the root."""
        return self._branch

    @property
    def v_run_branch(self) -> str:
        """Name of the run that the node belongs to, ``'trajectory'`` if there is none.

        It is called like the run, or lies below a group that is. Only runs that
        existed when the node was added count, and ``run_ALL`` is not one.
        """
        return self._run_branch

    @property
    def v_stored(self) -> bool:
        """Whether the node was stored or loaded."""
        return self._stored

    @property
    def v_comment(self) -> str:
        """Description by the user; assigned values are converted to text."""
        return self._comment

    @v_comment.setter
    def v_comment(self, comment: Any) -> None:
        put(self, "_comment", str(comment))

    @property
    def vars(self) -> VariablesView:
        """View that spares the prefix: ``node.vars.comment`` is ``node.v_comment``."""
        return VariablesView(self)

    @property
    def func(self) -> FunctionsView:
        """View that spares the prefix: ``node.func.store()`` is ``node.f_store()``."""
        return FunctionsView(self)

    def _repr_html_(self) -> str | None:
        """Return what notebooks show, of limited size; None if no plugin displays nodes."""
        from pypet.tree.displaying import html_of

        return html_of(self)

    def f_get_class_name(self) -> str:
        """Return the name of the node's class, without its module."""
        return type(self).__name__

    def _class_name_to_store(self) -> str:
        """Return the name of the class that loading is to make an instance of."""
        return self.f_get_class_name()

    def _rename(self, full_name: str) -> None:
        """Take over a new path; data of the node does not change."""
        put(self, "_full_name", full_name)
        put(self, "_name", full_name[full_name.rfind(".") + 1 :] or None)


_set_annotations = slot_setter(WithAnnotations, "_annotations")
_set_full_name = slot_setter(NNTreeNode, "_full_name")
_set_name = slot_setter(NNTreeNode, "_name")
_set_comment = slot_setter(NNTreeNode, "_comment")
set_depth = slot_setter(NNTreeNode, "_depth")
set_branch = slot_setter(NNTreeNode, "_branch")
set_run_branch = slot_setter(NNTreeNode, "_run_branch")
set_parent = slot_setter(NNTreeNode, "_parent")
set_stored = slot_setter(NNTreeNode, "_stored")


def parent_of(node: NNTreeNode) -> NNGroupNode | None:
    """Return the group that contains a node; None for the root and outside of trees."""
    return node._parent


def existing_annotations(node: NNTreeNode) -> Annotations | None:
    """Return the annotations of a node; None, without creating them, if it has none."""
    return node._annotations


class KnowsTrajectory:
    """Marks classes of nodes that get the trajectory as second argument of their constructor."""

    __slots__ = ()

    KNOWS_TRAJECTORY = True


class NNLeafNode(NNTreeNode):
    """A node that holds data: a parameter or a result.

    Concrete classes implement `f_is_empty`, `f_empty`, `_store` and `_load`. A class must accept
    construction with the full name alone: that is how loading makes a leaf before `_load` fills
    it. A class with a true attribute ``KNOWS_TRAJECTORY`` gets the trajectory as its second
    positional argument.
    """

    __slots__ = ("_is_parameter",)

    _is_leaf = True
    _is_parameter: bool

    def __init__(self, full_name: str, comment: str, is_parameter: bool) -> None:
        NNTreeNode.__init__(self, full_name, comment)
        _set_is_parameter(self, is_parameter)

    @property
    def v_is_parameter(self) -> bool:
        """Whether the leaf is a parameter, which can be explored; otherwise it is a result."""
        return self._is_parameter

    def f_supports_fast_access(self) -> bool:
        """Return whether natural naming may give `f_get`'s value in place of the leaf."""
        return False

    def _means_none(self) -> bool:
        """Return whether natural naming gives None in place of the leaf, which has no value."""
        return False

    def f_val_to_str(self) -> str:
        """Return a short text about the value, ``''`` if there is nothing to say."""
        return ""

    def f_is_empty(self) -> bool:
        """Return whether the leaf holds no data.

        Raises
        ------
        NotImplementedError
            The class of the leaf does not say.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `f_is_empty`.")

    def f_empty(self) -> None:
        """Drop the data in memory.

        Raises
        ------
        NotImplementedError
            The class of the leaf cannot.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `f_empty`.")

    def _store(self) -> Mapping[str, Any]:
        """Return the data to store by item name; not asked of empty leaves.

        Raises
        ------
        NotImplementedError
            The class of the leaf cannot.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `_store`.")

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        """Take over what `_store` returned, as read back.

        Raises
        ------
        NotImplementedError
            The class of the leaf cannot.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `_load`.")

    def _store_flags(self) -> dict[str, str]:
        """Return how to keep items, by item name; items without a flag follow their type."""
        return {}

    def _load_flags(self) -> dict[str, str]:
        """Return how to read items, by item name, where the storage has no flag."""
        return {}

    def __str__(self) -> str:
        return self._full_name

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the parent, which would pickle the whole tree."""
        state: dict[str, Any] = super().__getstate__()
        state.pop("_parent", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Set what `__getstate__` returned; the leaf is part of no tree then."""
        try:
            object.__getattribute__(self, "_parent")
        except AttributeError:
            put(self, "_parent", None)
        super().__setstate__(state)


_set_is_parameter = slot_setter(NNLeafNode, "_is_parameter")


def value_or_leaf(leaf: Any) -> Any:
    """Return what fast access gives: the single value, None if there is none, or the leaf."""
    if leaf.f_supports_fast_access():
        return leaf.f_get()
    return None if leaf._means_none() else leaf
