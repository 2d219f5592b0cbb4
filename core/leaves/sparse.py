"""Sparse matrices and arrays of scipy as text: an npz archive of theirs in hexadecimal.

The archives are those of `scipy.sparse.save_npz`, which knows neither lists of lists (lil) nor
dictionaries of keys (dok). These are kept as compressed rows or coordinates, which anybody can
read, with a member in the archive that says what they were.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np

from pypet.leaves.distinct import bytes_key
from pypet.support.optional import require

IDENTIFIER = "__spsp__"
"""Part of the names of items that hold a sparse matrix as text."""

_FORMATS = ("csr", "csc", "bsr", "coo", "dia", "lil", "dok")
_CLASSES = frozenset(f"{name}_{kind}" for name in _FORMATS for kind in ("matrix", "array"))
_CHECKED = frozenset(("csr", "csc", "bsr"))
_COMPRESSED_PARTS = ("data", "indices", "indptr")

_FORMAT_MEMBER = "pypet_format"
_CONVERTED = frozenset(("lil", "dok"))
"""Formats that are kept as another one."""
_LONGEST_FORMAT = 16


def is_sparse(value: Any) -> bool:
    """Return whether a value is a sparse matrix or array of scipy, by exact type.

    Asking imports nothing.
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
    """Return the matrix that `sparse_to_text` wrote, of the same class.

    Raises
    ------
    ValueError
        Indices are out of bounds, at which scipy itself does not look; or the format is unknown.
    """
    archive = BytesIO(bytes.fromhex(text))
    matrix = _scipy_sparse().load_npz(archive)
    if matrix.format in _CHECKED:
        matrix.check_format(full_check=True)
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
    """Return a key that matrices share only if class, shape, dtype and every bit agree."""
    return (
        type(matrix).__name__,
        matrix.shape,
        *((part.dtype.str, part.shape, bytes_key(part)) for part in _parts(_kept(matrix))),
    )


def _kept(matrix: Any) -> Any:
    """Return a matrix in a format that has archives."""
    if matrix.format == "lil":
        return matrix.tocsr()
    if matrix.format == "dok":  # in whichever order its elements were set
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
