"""`ArrayParameter`: large arrays, lists and tuples, each distinct one of a range kept once."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.leaves import entry_items
from pypet.leaves.parameter import Parameter
from pypet.leaves.support import judges_scalars_by_type, supports_array

_KEPT_APART = frozenset((np.ndarray, np.matrix, list, tuple))


class ArrayParameter(Parameter):
    """A parameter for arrays, lists and tuples of any size, stored as items of their own.

    Also takes empty lists, tuples and one-dimensional arrays. Arrays of a range may differ in
    shape and dtype, lists and tuples in length and type of elements. Other data is stored as by
    `Parameter`.
    """

    __slots__ = ()

    IDENTIFIER = entry_items.IDENTIFIER

    @judges_scalars_by_type
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter takes ``data``; decided by exact types."""
        kind = type(data)
        if kind is list or kind is tuple:
            return not data or super().f_supports(data)
        if kind is np.ndarray and not data.size:
            return data.ndim == 1 and supports_array(data)
        return super().f_supports(data)

    @judges_scalars_by_type
    def _values_of_same_type(self, a: Any, b: Any) -> bool:
        if type(a) in _KEPT_APART or type(b) in _KEPT_APART:
            return self._both_supported(a, b) and type(a) is type(b)
        return super()._values_of_same_type(a, b)

    def _needs_entry_items(self) -> bool:
        return self._keeps_entry_items or type(self._data) in _KEPT_APART
