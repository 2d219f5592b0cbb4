"""Sparse matrices of scipy as text: the bytes of a compressed npz archive in hexadecimal."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from pypet.leaves.distinct import bytes_key
from pypet.support.optional import require

IDENTIFIER = "__spsp__"
"""Part of the names of items that hold a sparse matrix as text."""

_CLASSES = frozenset(("csr_matrix", "csc_matrix", "bsr_matrix", "dia_matrix"))
_PARTS = {"dia": ("data", "offsets")}
_CHECKED = frozenset(("csr", "csc", "bsr"))
_COMPRESSED_PARTS = ("data", "indices", "indptr")


def is_sparse(value: Any) -> bool:
    """Return whether ``value`` is a csr, csc, bsr or dia matrix; asking imports nothing."""
    kind = type(value)
    return kind.__name__ in _CLASSES and kind.__module__.startswith("scipy.sparse")


def sparse_to_text(matrix: Any) -> str:
    """Return the matrix as text."""
    archive = BytesIO()
    _scipy_sparse().save_npz(archive, matrix, compressed=True)
    return archive.getvalue().hex()


def sparse_from_text(text: str) -> Any:
    """Return the matrix that `sparse_to_text` wrote, in the same format.

    Raises
    ------
    ValueError
        Indices are out of bounds, at which scipy itself does not look.
    """
    matrix = _scipy_sparse().load_npz(BytesIO(bytes.fromhex(text)))
    if matrix.format in _CHECKED:
        matrix.check_format(full_check=True)
    return matrix


def sparse_key(matrix: Any) -> tuple[Any, ...]:
    """Return a key that matrices share only if format, shape, dtype and every bit agree."""
    parts = [getattr(matrix, name) for name in _PARTS.get(matrix.format, _COMPRESSED_PARTS)]
    return (
        matrix.format,
        matrix.shape,
        *((part.dtype.str, part.shape, bytes_key(part)) for part in parts),
    )


def _scipy_sparse() -> Any:
    return require("scipy.sparse", plugin="sparse matrices", extra="all")
