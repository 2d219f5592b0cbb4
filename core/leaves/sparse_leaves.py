"""`SparseParameter` and `SparseResult`: sparse matrices and arrays of scipy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet.encoding import decode_item, encode_value
from pypet.leaves.array_parameter import ArrayParameter
from pypet.leaves.leaf_io import LeafReader, LeafWriter, deduplicate
from pypet.leaves.result import Result
from pypet.leaves.sparse_text import (
    SPARSE_IDENTIFIER,
    is_sparse,
    sparse_from_text,
    sparse_key,
    sparse_to_text,
)
from pypet.leaves.supported_data import depends_on_scalar_type
from pypet.records import Item

_SPARSE_DATA = f"data{SPARSE_IDENTIFIER}"
_INDEX_TABLE = f"explored_data{SPARSE_IDENTIFIER}"


class SparseParameter(ArrayParameter):
    """A parameter for sparse matrices and arrays of scipy, and all data of an `ArrayParameter`.

    Supports the formats csr, csc, bsr, coo, dia, lil and dok. A range may mix them, but matrices of
    different classes are never equal.
    """

    __slots__ = ()

    IDENTIFIER = SPARSE_IDENTIFIER

    @depends_on_scalar_type
    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter supports ``data``, by exact types."""
        return is_sparse(data) or super().f_supports(data)

    @depends_on_scalar_type
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

    def _write_items(self, writer: LeafWriter) -> None:
        if not is_sparse(self._data):
            super()._write_items(writer)
            return
        writer.value(_SPARSE_DATA, sparse_to_text(self._data))
        if self._explored_range:
            matrices, indices = deduplicate(self._explored_range, sparse_key)
            for index, matrix in enumerate(matrices):
                writer.value(self._matrix_name(index), sparse_to_text(matrix))
            writer.column(_INDEX_TABLE, "idx", indices)

    def _matrix_name(self, index: int) -> str:
        return f"xspm{SPARSE_IDENTIFIER}{index:08d}"

    def _read_items(self, reader: LeafReader) -> None:
        if _SPARSE_DATA not in reader:
            super()._read_items(reader)
            return
        self._restore_value(sparse_from_text(reader.value(_SPARSE_DATA)))
        if _INDEX_TABLE in reader:
            indices = reader.column(_INDEX_TABLE, "idx")
            matrices = {
                index: sparse_from_text(reader.value(self._matrix_name(index)))
                for index in set(indices)
            }
            self._restore_range([matrices[index] for index in indices])


class SparseResult(Result):
    """A result for sparse matrices and arrays of scipy, and all data of a `Result`.

    Their format is preserved: csr, csc, bsr, coo, dia, lil or dok.
    """

    __slots__ = ()

    IDENTIFIER = SPARSE_IDENTIFIER

    def _supports(self, item: Any) -> bool:
        return is_sparse(item) or super()._supports(item)

    def f_set_single(self, name: str, item: Any) -> None:
        """Set or replace one item.

        Raises
        ------
        AttributeError
            The name contains the marker of stored sparse matrices.
        TypeError
            The item is of a type that the result does not support.
        """
        if SPARSE_IDENTIFIER in str(name):
            raise AttributeError(
                f"Item {name!r} of result {self._full_name!r} cannot have this name: "
                f"{SPARSE_IDENTIFIER!r} marks sparse matrices in storage."
            )
        super().f_set_single(name, item)

    def _store(self) -> dict[str, Any]:
        """Return the data by item name, sparse matrices as text."""
        return dict(map(_to_storage, self._data.items()))

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        """Merge the result of `_store` into the data."""
        self._data.update(map(_from_storage, load_dict.items()))

    def _encode(self, encoding: str) -> tuple[Item, ...]:
        """Return the data as items; like `_store`."""
        return tuple(
            [encode_value(*_to_storage(entry), None, encoding) for entry in self._data.items()]
        )

    def _decode(self, items: Mapping[str, Item], encoding: str) -> None:
        """Merge the result of `_encode` into the data; like `_load`."""
        self._load({name: decode_item(item, encoding) for name, item in items.items()})


def _to_storage(entry: tuple[str, Any]) -> tuple[str, Any]:
    name, value = entry
    return (name + SPARSE_IDENTIFIER, sparse_to_text(value)) if is_sparse(value) else entry


def _from_storage(entry: tuple[str, Any]) -> tuple[str, Any]:
    name, value = entry
    if name.endswith(SPARSE_IDENTIFIER):
        return name[: -len(SPARSE_IDENTIFIER)], sparse_from_text(value)
    return entry
