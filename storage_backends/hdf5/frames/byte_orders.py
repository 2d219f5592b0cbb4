"""Byte orders of pandas columns: pandas reads all of them in that of the machine.

Which ones had the other order is noted beside the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet.encoding.byte_order import OTHER_ORDER, dtype_in_order

NOTE = "SRVC_PANDAS_BYTE_ORDER"
"""Attribute with the order, a blank, and the positions of columns, separated by commas."""
_INDEX = "index"


def note_orders(value: Any, node: Any) -> None:
    """Write down which columns of ``value`` are in the other order; ``node`` is of PyTables."""
    dtypes = value.dtypes
    columns = list(dtypes) if hasattr(dtypes, "items") else [dtypes]
    places = [str(place) for place, dtype in enumerate(columns) if _is_swapped(dtype)]
    if _is_swapped(value.index.dtype):
        places.append(_INDEX)
    if places:
        node._v_attrs[NOTE] = f"{OTHER_ORDER} {','.join(places)}"


def with_orders(value: Any, attributes: Any) -> Any:
    """Return what pandas has read with the orders that were noted in attributes of the item."""
    if NOTE not in attributes:
        return value
    order, _, listed = str(attributes[NOTE]).partition(" ")
    places = listed.split(",")
    if _INDEX in places:
        places.remove(_INDEX)
        value.index = value.index.astype(dtype_in_order(value.index.dtype, order))
    if not hasattr(value, "columns"):
        return value.astype(dtype_in_order(value.dtype, order)) if places else value
    for place in map(int, places):
        column = value.iloc[:, place]
        value.isetitem(place, column.astype(dtype_in_order(column.dtype, order)))
    return value


def _is_swapped(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and not dtype.isnative
