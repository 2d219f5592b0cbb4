"""`ArrayParameter`: large arrays, lists and tuples, stored as separate items."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.leaves.leaf_io import ENTRY_IDENTIFIER
from pypet.leaves.parameter import Parameter
from pypet.leaves.supported_data import depends_on_scalar_type, supports_array

_KEPT_APART = frozenset((np.ndarray, np.matrix, list, tuple))


class ArrayParameter(Parameter):
    """A parameter for arrays, lists and tuples of any size, stored as separate items.

    Supports empty lists, tuples and one-dimensional arrays, too. Arrays of a range may differ in
    shape and dtype, lists and tuples in length and type of elements. Equal entries are stored once.
    Other data is stored like that of a `Parameter`.
    """

    __slots__ = ()

    IDENTIFIER = ENTRY_IDENTIFIER

    @depends_on_scalar_type
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter supports ``data``, by exact types."""
        kind = type(data)
        if kind is list or kind is tuple:
            return not data or super().f_supports(data)
        if kind is np.ndarray and not data.size:
            return data.ndim == 1 and supports_array(data)
        return super().f_supports(data)

    @depends_on_scalar_type
    def _values_of_same_type(self, a: Any, b: Any) -> bool:
        if type(a) in _KEPT_APART or type(b) in _KEPT_APART:
            return self._both_supported(a, b) and type(a) is type(b)
        return super()._values_of_same_type(a, b)

    def _needs_entry_items(self) -> bool:
        return self._keeps_entry_items or type(self._data) in _KEPT_APART
