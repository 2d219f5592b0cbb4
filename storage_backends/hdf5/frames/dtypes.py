"""Pandas dtypes that its HDF5 formats lack: written as numpy dtypes, and recorded in attributes.

Integers, floats and booleans with missing values become plain ones, or objects if some are
missing; sparse columns become dense; intervals become objects, and so do categories if the other
columns need the fixed format. Text becomes objects, which every version of pandas reads. Thus
every program can read the files, and loading restores the dtypes from the attributes. Text that was
of dtype object is recorded, too, because pandas would load it as its own text dtype, and so are
columns of foreign byte order, because pandas reads all columns in native order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from pypet.encoding.arrays import OTHER_ORDER, dtype_in_order
from pypet.errors import StorageFormatError


def with_noted_dtypes(value: Any, attributes: Any) -> Any:
    """Return a value that pandas has read, with all dtypes that attributes of the item record."""
    value = with_orders(with_text_dtypes(value, attributes), attributes)
    return with_extension_dtypes(value, attributes)


# ----- byte orders --------------------------------------------------------------------------------


ORDER_NOTE = "SRVC_PANDAS_BYTE_ORDER"
"""Attribute with the byte order, a blank, and column positions separated by commas."""


def note_orders(value: Any, node: Any) -> None:
    """Record columns of ``value`` in foreign byte order in attributes of a PyTables ``node``."""
    dtypes = value.dtypes
    columns = list(dtypes) if hasattr(dtypes, "items") else [dtypes]
    places = [str(place) for place, dtype in enumerate(columns) if _is_swapped(dtype)]
    if _is_swapped(value.index.dtype):
        places.append(INDEX)
    if places:
        node._v_attrs[ORDER_NOTE] = f"{OTHER_ORDER} {','.join(places)}"


def with_orders(value: Any, attributes: Any) -> Any:
    """Restore the byte orders that attributes of the item record."""
    if ORDER_NOTE not in attributes:
        return value
    order, _, listed = str(attributes[ORDER_NOTE]).partition(" ")
    places = listed.split(",")
    if INDEX in places:
        places.remove(INDEX)
        value.index = value.index.astype(dtype_in_order(value.index.dtype, order))
    if not hasattr(value, "columns"):
        return value.astype(dtype_in_order(value.dtype, order)) if places else value
    for place in map(int, places):
        column = value.iloc[:, place]
        value.isetitem(place, column.astype(dtype_in_order(column.dtype, order)))
    return value


def _is_swapped(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and not dtype.isnative


# ----- text ---------------------------------------------------------------------------------------


STRING_NOTE = "SRVC_PANDAS_STRING"
"""Attribute with the positions of columns whose missing value is NA, separated by commas."""


def without_text_dtypes(value: Any) -> Any:
    """Return a frame or series with text as objects."""
    import pandas

    if isinstance(value, pandas.Series):
        return value.astype(object) if _is_text(value.dtype) else value
    text = {name: object for name, dtype in value.dtypes.items() if _is_text(dtype)}
    return value.astype(text) if text else value


def note_text_dtypes(value: Any, node: Any) -> None:
    """Record the columns of ``value`` of dtype ``string`` in attributes of a PyTables ``node``."""
    places = [str(place) for place, dtype in enumerate(_dtypes(value)) if _has_na(dtype)]
    if _has_na(value.index.dtype):
        places.append(INDEX)
    if places:
        node._v_attrs[STRING_NOTE] = ",".join(places)


def with_text_dtypes(value: Any, attributes: Any) -> Any:
    """Restore the text dtypes that attributes of the item record."""
    if STRING_NOTE not in attributes:
        return value
    import pandas

    places = str(attributes[STRING_NOTE]).split(",")
    if INDEX in places:
        places.remove(INDEX)
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


# ----- extension dtypes ---------------------------------------------------------------------------


DTYPES_NOTE = "SRVC_PANDAS_DTYPES"
"""Attribute in JSON: name of a dtype -> positions of columns, or one of these names."""
INDEX, COLUMNS = "index", "columns"

_MASKED = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean")
_SPARSE = re.compile(r"Sparse\[(bool|u?int\d\d?|float\d\d|complex\d\d\d?)\] ([A-Za-z0-9.+\-()]+)")
_UNIT = r"(datetime64|timedelta64)\[(s|ms|us|ns)\]"
_INTERVAL = re.compile(rf"interval\[(u?int\d\d?|float\d\d|{_UNIT}), (left|right|both|neither)\]")
_TEXT = re.compile(r"(string|str)\[(python|pyarrow)\]")
_OBJECT = "object"
_CATEGORY = "category "
"""Prefix of the name of a categorical dtype; the rest is JSON."""
_NAMES = "names of levels"
_LABELS = (str, int, float, bool)


# ----- writing ---------------------------------------------------------------------------------


def without_extension_dtypes(value: Any, *, categories: bool = False) -> Any:
    """Return a frame or series with these columns and indexes converted to numpy dtypes.

    With ``categories``, categorical columns are converted, too.
    """
    import pandas

    index = value.index
    if _noted_name(index.dtype) is not None:
        plain = _plain(index.array)
        value = value.set_axis(pandas.Index(plain, dtype=plain.dtype, name=index.name), axis=0)
    if isinstance(value, pandas.Series):
        if _noted_name(value.dtype, categories) is None:
            return value
        return _series(_plain(value.array), value.index, value.name)
    places = [
        place
        for place, dtype in enumerate(value.dtypes)
        if _noted_name(dtype, categories) is not None
    ]
    if places:
        value = value.copy(deep=False)
        for place in places:
            value.isetitem(place, _series(_plain(value.iloc[:, place].array), value.index))
    return value


def _series(array: Any, index: Any, name: Any = None) -> Any:
    """Return a series with exactly the dtype of an array; pandas would infer that of objects."""
    import pandas

    return pandas.Series(array, index=index, name=name, dtype=array.dtype)


def has_categories(value: Any) -> bool:
    """Return whether a column is categorical with categories that can be recorded."""
    dtypes = value.dtypes
    columns = list(dtypes) if hasattr(value, "columns") else [dtypes]
    return any(_category(dtype) is not None for dtype in columns)


def note_extension_dtypes(value: Any, node: Any, *, categories: bool = False) -> None:
    """Record dtypes that reading ``value`` back would lose in attributes of a PyTables ``node``."""
    found: dict[str, list[Any]] = {}

    def note(place: int | str, data: Any) -> None:
        if getattr(data, "nlevels", 1) > 1:
            return
        noted = categories and place not in (INDEX, COLUMNS)
        name = _noted_name(data.dtype, noted) or _text_storage(data.dtype, always=value.empty)
        if name is None and _is_object(data.dtype) and _looks_like_text(data):
            name = _OBJECT
        if name is not None:
            found.setdefault(name, []).append(place)

    if hasattr(value, "columns"):
        for place, dtype in enumerate(value.dtypes):
            if not isinstance(dtype, np.dtype) or _is_object(dtype):
                note(place, value.iloc[:, place])
        note(COLUMNS, value.columns)
    else:
        note(0, value)
    note(INDEX, value.index)
    names = list(value.index.names)
    if (
        len(names) > 1
        and None in names
        and all(name is None or type(name) is str for name in names)
    ):
        found[_NAMES] = names  # the table format names unnamed levels
    if found:
        node._v_attrs[DTYPES_NOTE] = json.dumps(found)


def _is_object(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind == "O"


def _noted_name(dtype: Any, categories: bool = False) -> str | None:
    """Return the recorded name of a dtype that is written as another one."""
    import pandas

    if isinstance(dtype, np.dtype):
        return None
    if isinstance(dtype, pandas.CategoricalDtype):
        return _category(dtype) if categories else None
    name = str(dtype)
    if _MASKED.fullmatch(name):
        return name
    if isinstance(dtype, pandas.SparseDtype):
        name = f"Sparse[{dtype.subtype}] {_fill_value(dtype)!r}"
        return name if _SPARSE.fullmatch(name) else None
    return name if _INTERVAL.fullmatch(name) else None


def _category(dtype: Any) -> str | None:
    """Return the recorded name of a categorical dtype if its categories are text or numbers."""
    import pandas

    if not isinstance(dtype, pandas.CategoricalDtype):
        return None
    labels = dtype.categories.tolist()
    if not all(type(label) in _LABELS for label in labels):
        return None
    kind = dtype.categories.dtype
    if not isinstance(kind, np.dtype | pandas.StringDtype):
        return None
    return _CATEGORY + json.dumps([labels, str(kind), bool(dtype.ordered)])


def _fill_value(dtype: Any) -> Any:
    return dtype.fill_value.item() if isinstance(dtype.fill_value, np.generic) else dtype.fill_value


def _plain(array: Any) -> Any:
    dtype = array.dtype
    if _MASKED.fullmatch(str(dtype)) and not array.isna().any():
        return array.to_numpy(dtype=dtype.numpy_dtype)
    if hasattr(array, "to_dense"):
        return array.to_dense()
    return array.astype(object)


def _text_storage(dtype: Any, *, always: bool) -> str | None:
    """Return the text dtype of a column; the default one only with ``always``."""
    import pandas

    if not isinstance(dtype, pandas.StringDtype):
        return None
    name = "string" if dtype.na_value is pandas.NA else "str"
    if not always and dtype == pandas.api.types.pandas_dtype(name):
        return None
    return f"{name}[{dtype.storage}]"


def _looks_like_text(data: Any) -> bool:
    import pandas

    return bool(pandas.api.types.infer_dtype(data, skipna=True) in ("string", "empty"))


# ----- reading ---------------------------------------------------------------------------------


def with_extension_dtypes(value: Any, attributes: Any) -> Any:
    """Restore the extension dtypes that attributes of the item record.

    Raises
    ------
    StorageFormatError
        The attribute is damaged.
    """
    if DTYPES_NOTE not in attributes:
        return value
    import pandas

    for name, places in _read_note(str(attributes[DTYPES_NOTE])):
        if name == _NAMES:
            if len(places) == value.index.nlevels:
                value.index.names = places
            continue
        for place in places:
            if place == INDEX:
                value.index = _restored_labels(value.index, name)
            elif isinstance(value, pandas.Series):
                value = _series(_restored(value, name), value.index, value.name)
            elif place == COLUMNS:
                value.columns = _restored_labels(value.columns, name)
            elif type(place) is int and 0 <= place < value.shape[1]:
                array = _restored(value.iloc[:, place], name)
                value.isetitem(place, _series(array, value.index))
    return value


def _restored_labels(labels: Any, name: str) -> Any:
    import pandas

    array = _restored(labels, name)
    return pandas.Index(array, dtype=array.dtype, name=labels.name)


def _read_note(text: str) -> Iterable[tuple[str, list[Any]]]:
    try:
        found = json.loads(text)
    except ValueError as err:
        raise StorageFormatError(f"The note of dtypes is damaged: {err}") from err
    if not isinstance(found, dict) or not all(isinstance(part, list) for part in found.values()):
        raise StorageFormatError("The note of dtypes is damaged.")
    return found.items()


def _restored(data: Any, name: str) -> Any:
    """Return a column or index as an array of the dtype of this name."""
    import pandas

    if name == _OBJECT:
        return data.to_numpy(dtype=object)
    if _MASKED.fullmatch(name):
        return _with_mask(data.to_numpy(), pandas.api.types.pandas_dtype(name))
    sparse = _SPARSE.fullmatch(name)
    if sparse is not None:
        subtype = np.dtype(sparse[1])
        fill = sparse[2] == "True" if subtype.kind == "b" else complex(sparse[2])
        fill = fill if subtype.kind in "bc" else complex(fill).real
        dtype = pandas.SparseDtype(subtype, subtype.type(fill).item())
        return pandas.arrays.SparseArray(data.to_numpy(), dtype=dtype)
    if _INTERVAL.fullmatch(name):
        return pandas.array(data.to_numpy(), dtype=name)
    if name.startswith(_CATEGORY):
        return _categorical(data, name.removeprefix(_CATEGORY))
    return data.astype(_text_dtype(name)).array


def _text_dtype(name: str) -> Any:
    import pandas

    text = _TEXT.fullmatch(name)
    if text is None:
        raise StorageFormatError(f"The note of dtypes has {name!r:.40}, which is never written.")
    try:
        return pandas.StringDtype(text[2], na_value=pandas.NA if text[1] == "string" else np.nan)
    except (ImportError, TypeError):  # without pyarrow, or before pandas 3
        return pandas.api.types.pandas_dtype("string" if text[1] == "string" else object)


def _categorical(data: Any, text: str) -> Any:
    import pandas

    try:
        labels, kind, is_ordered = json.loads(text)
    except ValueError as err:
        raise StorageFormatError(f"The note of categories is damaged: {err}") from err
    if not isinstance(labels, list) or not all(type(label) in _LABELS for label in labels):
        raise StorageFormatError("The note of categories is damaged.")
    dtype: Any = np.dtype(kind) if re.fullmatch(r"bool|u?int\d\d?|float\d\d", kind) else object
    if kind in ("str", "string"):
        dtype = kind
    categories = pandas.Index(labels, dtype=dtype)
    return pandas.Categorical(data.to_numpy(), categories=categories, ordered=bool(is_ordered))


def _with_mask(values: Any, dtype: Any) -> Any:
    """Return numbers, or objects with missing ones, as an array of pandas with a mask."""
    import pandas

    mask = np.zeros(len(values), dtype=bool)
    if values.dtype == object:
        mask = np.fromiter((value is pandas.NA for value in values), bool, len(values))
        values = np.where(mask, 0, values)
    return dtype.construct_array_type()(values.astype(dtype.numpy_dtype), mask)
