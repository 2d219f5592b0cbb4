"""Writing items into leaves, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5d, h5g

from pypet import pypetconstants as constants
from pypet.errors import NoSuchServiceError
from pypet.records import ArrayItem, Column, Item, SharedItem, TableItem
from pypet.storage_backends.hdf5.encoding.attributes import (
    ONE,
    attribute_names,
    read_text,
    write_attribute,
    write_text,
)
from pypet.storage_backends.hdf5.encoding.checksums import crc_of, note_checksum
from pypet.storage_backends.hdf5.encoding.layout import COLLECTION, STORED_AS, column_prefix
from pypet.storage_backends.hdf5.objects.arrays import create_array, write_array
from pypet.storage_backends.hdf5.objects.groups import create_group, has_child
from pypet.storage_backends.hdf5.objects.tables import (
    MAX_COLUMNS,
    Rows,
    create_table,
    row_dtype,
    rows_of,
    write_all,
    write_types,
)
from pypet.storage_backends.hdf5.objects.templates import TEMPLATES, item_shape
from pypet.storage_backends.hdf5.settings.creation_options import CreationOptions
from pypet.storage_backends.hdf5.settings.settings import Filters


def write_item(group: h5g.GroupID, name: bytes, item: Item, options: CreationOptions) -> None:
    """Write an array or table item as ``name``, which must be free, into ``group``.

    Raises
    ------
    TypeError, ValueError
        HDF5 has no place for the data; something may be left at ``name``.
    """
    if isinstance(item, ArrayItem):
        _write_array(group, name, item, options)
    elif isinstance(item, TableItem):
        if len(item.columns) > MAX_COLUMNS:
            _write_split_table(group, name, item, options)
        else:
            _write_table(group, name, item, options)
    elif isinstance(item, SharedItem):
        raise NoSuchServiceError(
            f"Item {item.name!r} is shared data of another place, which only copying the whole "
            "node within or between HDF5 files brings along."
        )
    else:
        raise TypeError(f"Item {item.name!r} is a pandas object, which goes through pandas.")


def _write_array(
    group: h5g.GroupID, name: bytes, item: ArrayItem, options: CreationOptions
) -> None:
    shape = item_shape(item) if options.is_plain else None
    if shape is not None:
        TEMPLATES.copy_item(group, name, item, options.filters, shape)
        return
    dataset = create_array(
        group, name, item, options.filters, title=options.title or "", chunk=options.chunk
    )
    write_array(dataset, item, checksums=options.filters.checksums)


def _write_table(
    group: h5g.GroupID, name: bytes, item: TableItem, options: CreationOptions
) -> None:
    shape = item_shape(item) if options.is_plain else None
    if shape is not None:
        TEMPLATES.copy_item(group, name, item, options.filters, shape)
        return
    rows = rows_of(item.columns, row_dtype(item.columns))
    table = create_table(
        group,
        name,
        rows.dtype,
        len(rows),
        options.filters,
        title=item.name if options.title is None else options.title,
        chunk_rows=None if options.chunk is None else options.chunk[0],
    )
    write_all(table, rows)
    write_types(table, item)
    _write_flag(table, item)
    _check_rows(table, rows, options.filters)


def _check_rows(table: h5d.DatasetID, rows: Rows, filters: Filters) -> None:
    if filters.checksums and len(rows):
        note_checksum(table, crc_of(rows), len(rows))


def _write_flag(location: Any, item: TableItem) -> None:
    if item.flag == constants.DICT:
        write_text(location, COLLECTION, constants.COLL_DICT)
    write_text(location, STORED_AS, item.flag)


# ----- tables of many columns ------------------------------------------------------------------


def _write_split_table(
    group: h5g.GroupID, name: bytes, item: TableItem, options: CreationOptions
) -> None:
    holder = create_group(group, name, options.filters)
    last = item.name.rpartition(".")[2]
    for number, start in enumerate(range(0, len(item.columns), MAX_COLUMNS)):
        part = item.columns[start : start + MAX_COLUMNS]
        _write_part(holder, f"{last}_{number}" if number else last, part, options.filters)
    table = _write_part(holder, f"{last}__{STORED_AS.decode()}", _types(item), options.filters)
    write_attribute(table, constants.DATATYPE_TABLE.encode(), ONE)
    write_attribute(holder, constants.SPLIT_TABLE.encode(), ONE)
    _write_flag(holder, item)


def _write_part(
    holder: h5g.GroupID, name: str, columns: tuple[Column, ...], filters: Filters
) -> Any:
    rows = rows_of(columns, row_dtype(columns))
    table = create_table(holder, name.encode("utf8"), rows.dtype, len(rows), filters, title=name)
    write_all(table, rows)
    _check_rows(table, rows, filters)
    return table


def _types(item: TableItem) -> tuple[Column, ...]:
    """Return as columns what would be attributes if the table were one."""
    names, values = [], []
    for column in item.columns:
        for kind, value in (
            ("COLL_TYPE", column.collection),
            ("SCALAR_TYPE", column.scalar),
            ("BYTE_ORDER", column.order),
            ("ELEMENT_TYPES", column.types),
        ):
            if value is not None:
                names.append(f"{column_prefix(column.name)}{kind}".encode())
                values.append(value.encode("utf8"))
    return (
        Column("data_type", np.array(values, dtype=np.bytes_), None, None),
        Column("field_name", np.array(names, dtype=np.bytes_), None, None),
    )


# ----- nested items ----------------------------------------------------------------------------


def nested_group(leaf: h5g.GroupID, names: list[str], filters: Filters, path: str) -> h5g.GroupID:
    """Return the group in ``leaf`` for an item whose name has dots, made if necessary.

    Raises
    ------
    ValueError
        A plain item has the name that the group should have.
    """
    group = leaf
    for name in names:
        raw = name.encode("utf8")
        if not has_child(group, raw):
            group = create_group(group, raw, filters, title=name)
            write_text(group, STORED_AS, constants.NESTED_GROUP)
            continue
        inner = opened_nested_group(group, raw)
        if inner is None:
            raise ValueError(
                f"The items of {path!r} cannot be nested below {name!r}: there is an item of "
                "this name already."
            )
        group = inner
    return group


def opened_nested_group(group: h5g.GroupID, name: bytes) -> h5g.GroupID | None:
    """Return the child if it is a group of nested items, None if it is an item."""
    try:
        inner = h5g.open(group, name)
    except (KeyError, OSError, ValueError):  # a dataset
        return None
    if (
        STORED_AS in attribute_names(inner)
        and read_text(inner, STORED_AS) == constants.NESTED_GROUP
    ):
        return inner
    return None
