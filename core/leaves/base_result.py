"""`BaseResult`: the base of all results."""

from __future__ import annotations

from pypet.tree.leaf import NNLeafNode


class BaseResult(NNLeafNode):
    """A leaf that holds what a simulation found.

    A class of one's own implements `f_is_empty`, `f_empty`, `_store` and `_load`, or derives
    from `Result` and overrides ``_supports`` and `f_set_single`.
    """

    __slots__ = ()

    def __init__(self, full_name: str, comment: str = "") -> None:
        super().__init__(full_name, comment, False)
