"""Types of pandas, without importing it: `ObjectTable`, and checks of exact types."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.support.optional import require


def _make_class() -> type:
    frame: Any = require("pandas", plugin="ObjectTable", extra="hdf5").DataFrame

    class ObjectTable(frame):  # type: ignore[misc]
        """`pandas.DataFrame` of dtype object: integers stay Python integers, text stays text.

        Slices and copies are plain frames.
        """

        def __init__(
            self, data: Any = None, index: Any = None, columns: Any = None, copy: bool = False
        ) -> None:
            super().__init__(data=data, index=index, columns=columns, dtype=object, copy=copy)

    ObjectTable.__module__ = __name__
    ObjectTable.__qualname__ = "ObjectTable"
    return ObjectTable


def __getattr__(name: str) -> Any:
    if name == "ObjectTable":
        cls = _make_class()
        globals()[name] = cls
        return cls
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def object_table_class() -> Any:
    """Return `ObjectTable`.

    Raises
    ------
    MissingDependencyError
        pandas is not installed.
    """
    made = globals().get("ObjectTable")
    return __getattr__("ObjectTable") if made is None else made


def table_of_columns(columns: Mapping[str, Sequence[Any]]) -> Any:
    """Return an `ObjectTable` whose cells are exactly the given objects, lists and arrays too."""
    return object_table_class()(
        {name: _objects(cells) for name, cells in columns.items()}, columns=list(columns)
    )


def _objects(cells: Sequence[Any]) -> np.ndarray[Any, Any]:
    array = np.empty(len(cells), dtype=object)
    for position, cell in enumerate(cells):  # assigned as a whole, lists would become axes
        array[position] = cell
    return array


def pandas_flag(value: Any) -> str | None:
    """Return the storage flag of a frame, series or `ObjectTable` by its exact type, else None."""
    pandas = sys.modules.get("pandas")
    if pandas is None:
        return None
    kind = type(value)
    if kind is pandas.DataFrame:
        return constants.FRAME
    if kind is pandas.Series:
        return constants.SERIES
    made = globals().get("ObjectTable")  # None: not created yet, so no instance exists
    return constants.TABLE if made is not None and kind is made else None


def is_pandas(value: Any, class_name: str) -> bool:
    """Return whether ``value`` is an instance of a class of pandas, given by name."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, class_name))
