"""Creating shared data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding import encode_column, encode_value
from pypet.encoding.pandas_types import is_pandas
from pypet.records import ArrayItem, Column, TableItem
from pypet.storage_backends.hdf5.encoding.layout import (
    BYTE_ORDER,
    COLLECTION,
    ELEMENT_TYPES,
    SCALAR_TYPE,
    column_prefix,
)
from pypet.storage_backends.hdf5.frames.ragged_filters import ragged_filters
from pypet.storage_backends.hdf5.objects.tables import row_dtype, rows_of
from pypet.storage_backends.hdf5.settings.settings import FILTER_NAMES, Settings
from pypet.storage_backends.hdf5.shareddata.frames import put_shared_frame
from pypet.storage_backends.hdf5.shareddata.places import SharedPlace


def create(place: SharedPlace, *, obj: Any = None, flag: str | None = None, **options: Any) -> None:
    """Create shared data from ``obj``, from what PyTables takes instead, or from both.

    Raises
    ------
    ValueError
        There is something already.
    RuntimeError
        Neither ``flag`` nor ``obj`` says how the data is to be kept, or there is no such way.
    TypeError, Exception
        The content or the options do not go with the way.
    """
    if flag is None:
        flag = _flag_of(place, obj)
    create_one = _CREATORS.get(flag)
    if create_one is None:
        raise RuntimeError(
            f"{place} cannot be created as shared data kept as {flag!r}; there are "
            f"{', '.join(_CREATORS)}."
        )
    place.check_free()
    try:
        create_one(place, obj, options)
        place.mark(flag)
    except BaseException:
        place.remove()
        raise


def _flag_of(place: SharedPlace, obj: Any) -> str:
    if obj is None:
        raise RuntimeError(
            f"To create {place} say how it is to be kept, by `flag` or by the content `obj`."
        )
    return encode_value(place.item, obj, None, place.settings.encoding).flag


# ----- arrays ----------------------------------------------------------------------------------


def _create_array(place: SharedPlace, obj: Any, options: dict[str, Any]) -> None:
    flavor = "numpy"
    if obj is not None:
        item = _encoded(place, obj, constants.ARRAY)
        options["obj"], flavor = item.value, item.flavor
    node = _made(place, place.file.create_array, options)
    node.flavor = flavor
    if obj is not None:
        _recall(node, item)


def _create_chunks(flag: str, function: str) -> Callable[..., None]:
    def create_chunks(place: SharedPlace, obj: Any, options: dict[str, Any]) -> None:
        options["filters"] = _filters(options, place.settings)
        if flag == constants.VLARRAY:
            options["filters"] = ragged_filters(options["filters"])
        item = None
        if obj is not None:
            item = _encoded(place, obj, flag)
            options["obj"] = item.value
        node = _made(place, getattr(place.file, function), options)
        if item is not None:
            _recall(node, item)

    return create_chunks


def _made(place: SharedPlace, function: Callable[..., Any], options: dict[str, Any]) -> Any:
    options.setdefault("track_times", False)
    return function(place.made_parent(), place.name, **options)


def _encoded(place: SharedPlace, obj: Any, flag: str) -> ArrayItem:
    item = encode_value(place.item, obj, flag, place.settings.encoding)
    assert isinstance(item, ArrayItem)
    return item


def _recall(node: Any, item: ArrayItem) -> None:
    """Note which types the content had, for when it becomes an ordinary item."""
    if item.collection is not None:
        node._v_attrs[COLLECTION.decode()] = item.collection
    if item.scalar is not None:
        node._v_attrs[SCALAR_TYPE.decode()] = item.scalar
    if item.order is not None:
        node._v_attrs[BYTE_ORDER.decode()] = item.order
    if item.types is not None:
        node._v_attrs[ELEMENT_TYPES.decode()] = item.types


def _filters(options: dict[str, Any], settings: Settings) -> Any:
    """Return PyTables' filters: those of the options, else those of the service."""
    import tables

    if options.get("filters") is not None:
        return options["filters"]
    chosen = {name: options.pop(name) for name in FILTER_NAMES if name in options}
    filters = settings.filters._replace(**chosen)
    if not filters.complevel:
        return tables.Filters(0, fletcher32=filters.fletcher32)
    return tables.Filters(**{name: getattr(filters, name) for name in FILTER_NAMES})


# ----- tables ----------------------------------------------------------------------------------


def _create_table(place: SharedPlace, obj: Any, options: dict[str, Any]) -> None:
    options["filters"] = _filters(options, place.settings)
    first_row = options.pop("first_row", None)
    columns: tuple[Column, ...] = ()
    if first_row is not None:
        options["obj"] = _first_row(place, first_row)
    elif is_pandas(obj, "DataFrame"):
        item = encode_value(place.item, obj, constants.TABLE, place.settings.encoding)
        if not isinstance(item, TableItem):
            raise TypeError(f"{place} cannot be made of a table without columns.")
        columns = item.columns
        options["obj"] = rows_of(columns, row_dtype(columns))
    elif obj is not None:
        options["obj"] = obj
    node = _made(place, place.file.create_table, options)
    for column in columns:
        prefix = column_prefix(column.name)
        if column.collection is not None:
            node._v_attrs[prefix + "COLL_TYPE"] = column.collection
        if column.scalar is not None:
            node._v_attrs[prefix + "SCALAR_TYPE"] = column.scalar
        if column.order is not None:
            node._v_attrs[prefix + "BYTE_ORDER"] = column.order
        if column.types is not None:
            node._v_attrs[prefix + "ELEMENT_TYPES"] = column.types


def _first_row(place: SharedPlace, row: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    columns = tuple(
        encode_column(name, (row[name],), place.settings.encoding, place.item)
        for name in sorted(row)
    )
    return rows_of(columns, row_dtype(columns))


# ----- frames ----------------------------------------------------------------------------------


def _create_frame(place: SharedPlace, obj: Any, options: dict[str, Any]) -> None:
    put_shared_frame(place, obj=obj, **options)


_CREATORS: dict[str, Callable[[SharedPlace, Any, dict[str, Any]], None]] = {
    constants.ARRAY: _create_array,
    constants.CARRAY: _create_chunks(constants.CARRAY, "create_carray"),
    constants.EARRAY: _create_chunks(constants.EARRAY, "create_earray"),
    constants.VLARRAY: _create_chunks(constants.VLARRAY, "create_vlarray"),
    constants.TABLE: _create_table,
    constants.FRAME: _create_frame,
}
