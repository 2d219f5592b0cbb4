"""pandas' dtypes of text, which its HDF5 files know nothing of.

They are written as objects, which every version of pandas reads. Reading, pandas takes text for
what is its default; columns of another dtype of text are noted beside the data.
"""

from __future__ import annotations

from typing import Any

NOTE = "SRVC_PANDAS_STRING"
"""Attribute with the positions, separated by commas, of columns whose missing value is NA."""
_INDEX = "index"


def without_text_dtypes(value: Any) -> Any:
    """Return a frame or series with text as objects."""
    import pandas

    if isinstance(value, pandas.Series):
        return value.astype(object) if _is_text(value.dtype) else value
    text = {name: object for name, dtype in value.dtypes.items() if _is_text(dtype)}
    return value.astype(text) if text else value


def note_text_dtypes(value: Any, node: Any) -> None:
    """Write down which columns of ``value`` are of dtype ``string``; ``node`` is of PyTables."""
    places = [str(place) for place, dtype in enumerate(_dtypes(value)) if _has_na(dtype)]
    if _has_na(value.index.dtype):
        places.append(_INDEX)
    if places:
        node._v_attrs[NOTE] = ",".join(places)


def with_text_dtypes(value: Any, attributes: Any) -> Any:
    """Return what pandas has read with the dtypes that were noted in attributes of the item."""
    if NOTE not in attributes:
        return value
    import pandas

    places = str(attributes[NOTE]).split(",")
    if _INDEX in places:
        places.remove(_INDEX)
        value.index = value.index.astype("string")
    if isinstance(value, pandas.Series):
        return value.astype("string") if places else value
    for place in map(int, places):
        value.isetitem(place, value.iloc[:, place].astype("string"))
    return value


def _dtypes(value: Any) -> list[Any]:
    dtypes = value.dtypes
    return list(dtypes) if hasattr(dtypes, "items") else [dtypes]


def _is_text(dtype: Any) -> bool:
    import pandas

    return isinstance(dtype, pandas.StringDtype)


def _has_na(dtype: Any) -> bool:
    import pandas

    return _is_text(dtype) and dtype.na_value is pandas.NA
