"""Questions about values of pandas; asking never imports it."""

from __future__ import annotations

import sys
from typing import Any

from pypet import pypetconstants as constants
from pypet.encoding import object_table


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
    made = vars(object_table).get("ObjectTable")  # not made yet: there can be no instance
    return constants.TABLE if made is not None and kind is made else None


def is_pandas(value: Any, class_name: str) -> bool:
    """Return whether ``value`` is an instance of this class of pandas."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(value, getattr(pandas, class_name))
