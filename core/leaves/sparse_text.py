"""Sparse matrices and arrays of scipy as text: an npz archive in hexadecimal.

The archives are those of `scipy.sparse.save_npz`, which supports neither lists of lists (lil) nor
dictionaries of keys (dok). These are converted to compressed rows or coordinates, which every
reader understands; an additional member of the archive names the original format.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np

from pypet.leaves.leaf_io import bytes_key
from pypet.support.optional import require

SPARSE_IDENTIFIER = "__spsp__"
"""Part of the names of items that hold a sparse matrix as text."""

_FORMATS = ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")
_CLASSES = frozenset(f"{name}_{kind}" for name in _FORMATS for kind in ("matrix", "array"))
_CHECKED = frozenset(("csr", "csc", "bsr"))
_COMPRESSED_PARTS = ("data", "indices", "indptr")

_FORMAT_MEMBER = "pypet_format"
_CONVERTED = frozenset(("lil", "dok"))
"""Formats that are stored as another one."""
_LONGEST_FORMAT = 16


def is_sparse(value: Any) -> bool:
    """Return whether a value is a sparse matrix or array of scipy, by exact type.

    Does not import scipy.
    """
    kind = type(value)
    return kind.__name__ in _CLASSES and kind.__module__.startswith("scipy.sparse")


def sparse_to_text(matrix: Any) -> str:
    """Return the matrix as text."""
    archive = BytesIO()
    _scipy_sparse().save_npz(archive, _kept(matrix), compressed=True)
    if matrix.format in _CONVERTED:
        with ZipFile(archive, "a", ZIP_DEFLATED) as members:
            members.writestr(_FORMAT_MEMBER, matrix.format)
    return archive.getvalue().hex()


def sparse_from_text(text: str) -> Any:
    """Return the matrix written by `sparse_to_text`, as the same class.

    Raises
    ------
    ValueError
        Indices are out of bounds, or the format is unknown.
    """
    archive = BytesIO(bytes.fromhex(text))
    matrix = _scipy_sparse().load_npz(archive)
    if matrix.format in _CHECKED:
        matrix.check_format(full_check=True)  # `load_npz` does not check indices
    if matrix.format not in ("csr", "coo"):
        return matrix
    with ZipFile(archive) as members:
        if _FORMAT_MEMBER not in members.namelist():
            return matrix
        with members.open(_FORMAT_MEMBER) as member:
            kept_as = member.read(_LONGEST_FORMAT).decode("ascii")
    if kept_as not in _CONVERTED:
        raise ValueError(f"There is no sparse format {kept_as!r}.")
    return matrix.asformat(kept_as)


def sparse_key(matrix: Any) -> tuple[Any, ...]:
    """Return a key that is equal only if class, shape, dtype and all bits agree."""
    return (
        type(matrix).__name__,
        matrix.shape,
        *((part.dtype.str, part.shape, bytes_key(part)) for part in _parts(_kept(matrix))),
    )


def _kept(matrix: Any) -> Any:
    """Return a matrix in a format that `save_npz` supports."""
    if matrix.format == "lil":
        return matrix.tocsr()
    if matrix.format == "dok":  # in order of insertion, which must not matter
        found = matrix.tocoo()
        coords = _coords(found)
        order = np.lexsort(coords[::-1])
        sorted_coords = tuple(part[order] for part in coords)
        return type(found)((found.data[order], sorted_coords), shape=found.shape)
    return matrix


def _parts(matrix: Any) -> tuple[Any, ...]:
    if matrix.format == "dia":
        return (matrix.data, matrix.offsets)
    if matrix.format == "coo":
        return (matrix.data, *_coords(matrix))
    return tuple(getattr(matrix, name) for name in _COMPRESSED_PARTS)


def _coords(matrix: Any) -> tuple[Any, ...]:
    coords: tuple[Any, ...] | None = getattr(matrix, "coords", None)  # scipy 1.13
    return (matrix.row, matrix.col) if coords is None else coords


def _scipy_sparse() -> Any:
    return require("scipy.sparse", plugin="sparse matrices", extra="all")
