"""`SparseParameter`: sparse matrices and arrays of scipy."""

from __future__ import annotations

from typing import Any

from pypet.leaves.array_parameter import ArrayParameter
from pypet.leaves.distinct import distinct
from pypet.leaves.exchange import Sink, Source
from pypet.leaves.sparse import IDENTIFIER, is_sparse, sparse_from_text, sparse_key, sparse_to_text
from pypet.leaves.support import judges_scalars_by_type

_DATA = f"data{IDENTIFIER}"
_INDEX_TABLE = f"explored_data{IDENTIFIER}"


class SparseParameter(ArrayParameter):
    """A parameter for the sparse matrices and arrays of scipy, and all that `ArrayParameter` takes.

    Takes the formats csr, csc, bsr, coo, dia, lil and dok. They may be mixed in one range, but
    matrices of different classes are never equal.
    """

    __slots__ = ()

    IDENTIFIER = IDENTIFIER

    @judges_scalars_by_type
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter takes ``data``; decided by exact types."""
        return is_sparse(data) or super().f_supports(data)

    @judges_scalars_by_type
    def _values_of_same_type(self, a: Any, b: Any) -> bool:
        sparse_a, sparse_b = is_sparse(a), is_sparse(b)
        if sparse_a or sparse_b:
            return sparse_a and sparse_b
        return super()._values_of_same_type(a, b)

    def _equal_values(self, a: Any, b: Any) -> bool:
        sparse_a, sparse_b = is_sparse(a), is_sparse(b)
        if sparse_a and sparse_b:
            return sparse_key(a) == sparse_key(b)
        return not (sparse_a or sparse_b) and super()._equal_values(a, b)

    def _put_items(self, sink: Sink) -> None:
        if not is_sparse(self._data):
            super()._put_items(sink)
            return
        sink.value(_DATA, sparse_to_text(self._data))
        if self._explored_range:
            matrices, indices = distinct(self._explored_range, sparse_key)
            for index, matrix in enumerate(matrices):
                sink.value(self._matrix_name(index), sparse_to_text(matrix))
            sink.column(_INDEX_TABLE, "idx", indices)

    def _matrix_name(self, index: int) -> str:
        return f"xspm{IDENTIFIER}{index:08d}"

    def _take_items(self, source: Source) -> None:
        if _DATA not in source:
            super()._take_items(source)
            return
        self._take_value(sparse_from_text(source.value(_DATA)))
        if _INDEX_TABLE in source:
            indices = source.column(_INDEX_TABLE, "idx")
            matrices = {
                index: sparse_from_text(source.value(self._matrix_name(index)))
                for index in set(indices)
            }
            self._take_range([matrices[index] for index in indices])
