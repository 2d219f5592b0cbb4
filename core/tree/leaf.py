"""`NNLeafNode`: what the tree and storage services need of parameters and results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet.tree.node import NNTreeNode, put, slot_setter


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
        """Say whether natural naming may give `f_get`'s value in place of the leaf."""
        return False

    def _means_none(self) -> bool:
        """Say whether natural naming gives None in place of the leaf: it has no value anywhere."""
        return False

    def f_val_to_str(self) -> str:
        """Return a short text about the value, ``''`` if there is nothing to say."""
        return ""

    def f_is_empty(self) -> bool:
        """Say whether the leaf holds no data.

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
        """Return how to read items, by item name, where the storage does not know."""
        return {}

    def __str__(self) -> str:
        return self._full_name

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the parent: who pickles a leaf does not mean the whole tree."""
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
