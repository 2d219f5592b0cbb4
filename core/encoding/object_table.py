"""`ObjectTable`: a pandas frame that leaves every cell the Python object that it is.

The class is made when it is first asked for, so that importing this module imports no pandas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

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
