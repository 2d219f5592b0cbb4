"""Creating shared data, and the frames among it, which pandas keeps, extends and searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding import encode_column, encode_value
from pypet.encoding.object_table import is_pandas
from pypet.records import ArrayItem, Column, TableItem
from pypet.storage_backends.hdf5.encoding.layout import (
    BYTE_ORDER,
    COLLECTION,
    ELEMENT_TYPES,
    SCALAR_TYPE,
    column_prefix,
)
from pypet.storage_backends.hdf5.frames.dtypes import without_text_dtypes
from pypet.storage_backends.hdf5.objects.tables import row_dtype, rows_of
from pypet.storage_backends.hdf5.pytables.stores import adapt_to_older_pandas, ragged_filters
from pypet.storage_backends.hdf5.settings.settings import FILTER_NAMES, Settings
from pypet.storage_backends.hdf5.shareddata.locations import ItemLocation

# ----- frames -------------------------------------------------------------------------------------


_REPLACEMENT = "__new_item__"


def put_shared_frame(
    location: ItemLocation,
    *,
    obj: Any = None,
    flag: str | None = None,
    format: str = "table",
    append: bool = False,
    overwrite: bool = False,
    **options: Any,
) -> None:
    """Create a frame, add rows to it, or replace it.

    Raises
    ------
    TypeError
        The content is not a frame of pandas.
    ValueError
        The frame exists and is neither to be added to nor to be replaced, or pandas cannot
        keep it so.
    """
    if not is_pandas(obj, "DataFrame") or flag not in (None, constants.FRAME):
        raise TypeError(
            f"{location} can only be made of a pandas frame, not of a {type(obj).__name__}"
            f"{'' if flag in (None, constants.FRAME) else f' kept as {flag}'}."
        )
    arguments = {"encoding": location.settings.encoding, "track_times": False, **options}
    frame = without_text_dtypes(obj)
    is_old = location.exists()
    if frame.empty and (append or str(format).startswith("t")):
        if is_old and append:
            return
        raise ValueError(
            f"An empty frame cannot be kept at {location} with format {format!r}; give "
            "`format='fixed'`, or create it with the first rows."
        )
    if not is_old:
        location.create_parents()
        try:
            location.store.put(location.path, frame, format=format, append=append, **arguments)
            _adapt(location, location.path)
            location.mark(constants.FRAME)
        except BaseException:
            location.remove()
            raise
    elif append:
        location.store.put(location.path, frame, format=format, append=True, **arguments)
    elif overwrite:
        _replace(location, frame, {"format": format, **arguments})
    else:
        raise ValueError(
            f"There is a frame at {location} already. Give `append=True` to add rows, or "
            "`overwrite=True` to replace it."
        )


def _replace(location: ItemLocation, frame: Any, arguments: dict[str, Any]) -> None:
    """Write the new frame next to the old one, so that a failure does not lose data."""
    parent = location.path.rpartition("/")[0]
    beside = f"{parent}/{_REPLACEMENT}"
    try:
        location.store.put(beside, frame, **arguments)
        _adapt(location, beside)
    except BaseException:
        if beside in location.file:
            location.file.remove_node(beside, recursive=True)
        raise
    location.remove()
    location.file.rename_node(beside, location.name)
    location.mark(constants.FRAME)


def _adapt(location: ItemLocation, path: str) -> None:
    group = location.file.get_node(path)
    is_table = str(group._v_attrs["pandas_type"]).endswith("_table")
    adapt_to_older_pandas(group, is_table=is_table)


def get_frame(location: ItemLocation) -> Any:
    """Return the whole frame."""
    location.node()
    return location.store.get(location.path)


def select_frame(location: ItemLocation, **options: Any) -> Any:
    """Return the part of a frame that pandas' ``HDFStore.select`` gives for the options."""
    location.node()
    return location.store.select(location.path, **options)


# ----- everything else ----------------------------------------------------------------------------


def create(
    location: ItemLocation, *, obj: Any = None, flag: str | None = None, **options: Any
) -> None:
    """Create shared data from ``obj``, from what PyTables takes instead, or from both.

    Raises
    ------
    ValueError
        There is something already.
    RuntimeError
        Neither ``flag`` nor ``obj`` determines how the data is kept, or it cannot be kept so.
    TypeError, Exception
        The content or the options do not go with the way.
    """
    if flag is None:
        flag = _flag_of(location, obj)
    create_one = _CREATORS.get(flag)
    if create_one is None:
        raise RuntimeError(
            f"{location} cannot be created as shared data kept as {flag!r}; there are "
            f"{', '.join(_CREATORS)}."
        )
    location.check_free()
    try:
        create_one(location, obj, options)
        location.mark(flag)
    except BaseException:
        location.remove()
        raise


def _flag_of(location: ItemLocation, obj: Any) -> str:
    if obj is None:
        raise RuntimeError(
            f"To create {location} say how it is to be kept, by `flag` or by the content `obj`."
        )
    return encode_value(location.item, obj, None, location.settings.encoding).flag


# ----- arrays ----------------------------------------------------------------------------------


def _create_array(location: ItemLocation, obj: Any, options: dict[str, Any]) -> None:
    flavor = "numpy"
    if obj is not None:
        item = _encoded(location, obj, constants.ARRAY)
        options["obj"], flavor = item.value, item.flavor
    node = _made(location, location.file.create_array, options)
    node.flavor = flavor
    if obj is not None:
        _recall(node, item)


def _create_chunks(flag: str, function: str) -> Callable[..., None]:
    def create_chunks(location: ItemLocation, obj: Any, options: dict[str, Any]) -> None:
        options["filters"] = _filters(options, location.settings)
        if flag == constants.VLARRAY:
            options["filters"] = ragged_filters(options["filters"])
        item = None
        if obj is not None:
            item = _encoded(location, obj, flag)
            options["obj"] = item.value
        node = _made(location, getattr(location.file, function), options)
        if item is not None:
            _recall(node, item)

    return create_chunks


def _made(location: ItemLocation, function: Callable[..., Any], options: dict[str, Any]) -> Any:
    options.setdefault("track_times", False)
    return function(location.create_parents(), location.name, **options)


def _encoded(location: ItemLocation, obj: Any, flag: str) -> ArrayItem:
    item = encode_value(location.item, obj, flag, location.settings.encoding)
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


def _create_table(location: ItemLocation, obj: Any, options: dict[str, Any]) -> None:
    options["filters"] = _filters(options, location.settings)
    first_row = options.pop("first_row", None)
    columns: tuple[Column, ...] = ()
    if first_row is not None:
        options["obj"] = _first_row(location, first_row)
    elif is_pandas(obj, "DataFrame"):
        item = encode_value(location.item, obj, constants.TABLE, location.settings.encoding)
        if not isinstance(item, TableItem):
            raise TypeError(f"{location} cannot be made of a table without columns.")
        columns = item.columns
        options["obj"] = rows_of(columns, row_dtype(columns))
    elif obj is not None:
        options["obj"] = obj
    node = _made(location, location.file.create_table, options)
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


def _first_row(location: ItemLocation, row: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    columns = tuple(
        encode_column(name, (row[name],), location.settings.encoding, location.item)
        for name in sorted(row)
    )
    return rows_of(columns, row_dtype(columns))


# ----- frames ----------------------------------------------------------------------------------


def _create_frame(location: ItemLocation, obj: Any, options: dict[str, Any]) -> None:
    put_shared_frame(location, obj=obj, **options)


_CREATORS: dict[str, Callable[[ItemLocation, Any, dict[str, Any]], None]] = {
    constants.ARRAY: _create_array,
    constants.CARRAY: _create_chunks(constants.CARRAY, "create_carray"),
    constants.EARRAY: _create_chunks(constants.EARRAY, "create_earray"),
    constants.VLARRAY: _create_chunks(constants.VLARRAY, "create_vlarray"),
    constants.TABLE: _create_table,
    constants.FRAME: _create_frame,
}
