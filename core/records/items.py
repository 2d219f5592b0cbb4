"""Items: the named data of a leaf, encoded as numpy arrays plus what recalls the Python types.

The vocabulary (flags, collection and scalar types) is that of the established HDF5 layout, but
nothing here needs HDF5: any backend that can keep arrays can keep items.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class ArrayItem(NamedTuple):
    """A scalar, a flat list or tuple, or an array.

    ``value`` is 0-d for scalars. Text is encoded: dtype ``S``, whose item size is the exact
    length, trailing NULs included. ``name`` may contain dots: the item then nests.
    """

    name: str
    flag: str
    """``'ARRAY'``, ``'CARRAY'``, ``'EARRAY'`` or ``'VLARRAY'``."""
    value: np.ndarray[Any, Any]
    collection: str | None
    """``'COLL_SCALAR'``, ``'COLL_LIST'``, ...; None if nothing is to be recalled."""
    scalar: str | None
    """Name of the scalar type, for example ``'int'`` or ``'float32'``; None if unknown."""
    flavor: str = "python"
    """``'python'`` or ``'numpy'``: what a bare PyTables reader gives back."""
    order: str | None = None
    """Byte order of the array that was encoded, ``'big'`` or ``'little'``, if it was not that of
    the machine; ``value`` always has that of the machine."""
    types: str | None = None
    """Types of the elements of a list or tuple of several types, see `pypet.encoding.mixtures`;
    ``'None'`` for the scalar None."""


class Column(NamedTuple):
    """One column of a table; ``values`` has the rows as its first axis."""

    name: str
    values: np.ndarray[Any, Any]
    collection: str | None
    scalar: str | None
    order: str | None = None
    """As in `ArrayItem`."""
    types: str | None = None
    """As in `ArrayItem`; of all cells in a row."""


class TableItem(NamedTuple):
    """A table (``'TABLE'``) or a dictionary kept as a table of one row (``'DICT'``)."""

    name: str
    flag: str
    columns: tuple[Column, ...]


class FrameItem(NamedTuple):
    """A pandas frame or series; ``options`` go to the writer of the backend."""

    name: str
    flag: str
    """``'FRAME'`` or ``'SERIES'``."""
    value: Any
    options: dict[str, Any] = {}


class SharedItem(NamedTuple):
    """Data that stays in the storage and is accessed there: nothing but where it is.

    Only reading gives such items; storing a leaf leaves shared data alone.
    """

    name: str
    flag: str
    """How the data is kept: ``'ARRAY'``, ``'CARRAY'``, ``'EARRAY'``, ``'VLARRAY'``, ``'TABLE'``
    or ``'FRAME'``."""


Item = ArrayItem | TableItem | FrameItem | SharedItem
