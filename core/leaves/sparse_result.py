"""`SparseResult`: a result that takes sparse matrices and arrays of scipy too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet.encoding import decode_item, encode_value
from pypet.leaves.result import Result
from pypet.leaves.sparse import IDENTIFIER, is_sparse, sparse_from_text, sparse_to_text
from pypet.records import Item


class SparseResult(Result):
    """A result that takes the sparse matrices and arrays of scipy beside all that `Result` takes.

    They come back in their format: csr, csc, bsr, coo, dia, lil or dok.
    """

    __slots__ = ()

    IDENTIFIER = IDENTIFIER

    def _supports(self, item: Any) -> bool:
        return is_sparse(item) or super()._supports(item)

    def f_set_single(self, name: str, item: Any) -> None:
        """Set or replace one item.

        Raises
        ------
        AttributeError
            The name contains what marks sparse matrices in storage.
        TypeError
            The item is of a type that the result does not support.
        """
        if IDENTIFIER in str(name):
            raise AttributeError(
                f"Item {name!r} of result {self._full_name!r} cannot be called so: "
                f"{IDENTIFIER!r} marks sparse matrices in storage."
            )
        super().f_set_single(name, item)

    def _store(self) -> dict[str, Any]:
        """Return the data by item name, sparse matrices as text."""
        return dict(map(_to_storage, self._data.items()))

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        """Merge what `_store` returned into the data."""
        self._data.update(map(_from_storage, load_dict.items()))

    def _encode(self, encoding: str) -> tuple[Item, ...]:
        """Return the data as items; like `_store`."""
        return tuple(
            [encode_value(*_to_storage(entry), None, encoding) for entry in self._data.items()]
        )

    def _decode(self, items: Mapping[str, Item], encoding: str) -> None:
        """Merge what `_encode` returned into the data; like `_load`."""
        self._load({name: decode_item(item, encoding) for name, item in items.items()})


def _to_storage(entry: tuple[str, Any]) -> tuple[str, Any]:
    name, value = entry
    return (name + IDENTIFIER, sparse_to_text(value)) if is_sparse(value) else entry


def _from_storage(entry: tuple[str, Any]) -> tuple[str, Any]:
    name, value = entry
    if name.endswith(IDENTIFIER):
        return name[: -len(IDENTIFIER)], sparse_from_text(value)
    return entry
