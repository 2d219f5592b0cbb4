"""`ArrayParameter`: large arrays, lists and tuples, each distinct one of a range kept once."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.leaves.distinct import content_key, distinct
from pypet.leaves.exchange import Sink, Source
from pypet.leaves.parameter import Parameter
from pypet.leaves.support import judges_scalars_by_type, supports_array
from pypet.pypetconstants import RUNS_PER_SET

# Not asked of the instance: for dense data of `SparseParameter` the names are the same.
_IDENTIFIER = "__rr__"
_DATA = f"data{_IDENTIFIER}"
_INDEX_TABLE = f"explored_data{_IDENTIFIER}"

_KEPT_APART = frozenset((np.ndarray, np.matrix, list, tuple))


class ArrayParameter(Parameter):
    """A parameter for arrays, lists and tuples of any size, stored as items of their own.

    Also takes empty lists, tuples and one-dimensional arrays. Arrays of a range may differ in
    shape and dtype, lists and tuples in length and type of elements. Other data is stored as by
    `Parameter`.
    """

    __slots__ = ()

    IDENTIFIER = _IDENTIFIER

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

    def _shares_column(self, value: Any, default: Any) -> bool:
        return True  # what could not share a column is kept apart

    def _put_items(self, sink: Sink) -> None:
        if type(self._data) not in _KEPT_APART:
            super()._put_items(sink)
            return
        sink.value(_DATA, self._data)
        if self._explored_range:
            entries, indices = distinct(self._explored_range, content_key)
            for index, entry in enumerate(entries):
                sink.value(self._entry_name(index), entry)
            sink.column(_INDEX_TABLE, "idx", indices)

    def _entry_name(self, index: int) -> str:
        return f"explored{_IDENTIFIER}.set_{index // RUNS_PER_SET:05d}.xa_{index:08d}"

    def _take_items(self, source: Source) -> None:
        if _DATA not in source:
            super()._take_items(source)
            return
        self._take_value(source.value(_DATA))
        if _INDEX_TABLE in source:
            indices = source.column(_INDEX_TABLE, "idx")
            entries = {index: self._take_entry(source, index) for index in set(indices)}
            self._take_range([entries[index] for index in indices])

    def _take_entry(self, source: Source, index: int) -> Any:
        flat_name = f"xa{_IDENTIFIER}{index:08d}"  # of files before 0.2b1
        return source.value(flat_name if flat_name in source else self._entry_name(index))
