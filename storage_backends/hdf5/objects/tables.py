"""PyTables' tables: making them, and reading, appending and changing their rows."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from h5py import h5a, h5d, h5s, h5t

from pypet import pypetconstants as constants
from pypet.records import Column, TableItem
from pypet.storage_backends.hdf5.compression.chunks import may_be_written_whole, write_row_chunks
from pypet.storage_backends.hdf5.compression.filters import chunk_shape, chunked
from pypet.storage_backends.hdf5.encoding.attributes import (
    encode_attribute,
    encode_text,
    read_text,
    write_attribute,
    write_text,
)
from pypet.storage_backends.hdf5.encoding.layout import column_prefix
from pypet.storage_backends.hdf5.encoding.types import dtype_of, file_type, native
from pypet.storage_backends.hdf5.settings.settings import Filters

Rows = np.ndarray[Any, Any]

MAX_COLUMNS = 512
"""Tables with more columns are split: PyTables' limit."""

_CLASS = encode_text(b"TABLE")
_VERSION = encode_text(b"2.7")
_EMPTY_TEXT = encode_text(b"\0", h5t.CSET_ASCII)


class Chunk(NamedTuple):
    """A piece of a table as it is in the file, compressed."""

    first_row: int
    content: bytes


# ----- from items to rows and back -------------------------------------------------------------


def row_dtype(columns: tuple[Column, ...]) -> np.dtype[Any]:
    """Return the dtype of the rows of a table with these columns."""
    return np.dtype(
        [
            (column.name, column.values.dtype.newbyteorder("="), column.values.shape[1:])
            for column in columns
        ]
    )


def rows_of(columns: tuple[Column, ...], dtype: np.dtype[Any]) -> Rows:
    """Return columns as an array of rows."""
    rows = np.zeros(len(columns[0].values) if columns else 0, dtype=dtype)
    for column in columns:
        rows[column.name] = column.values
    return rows


# ----- writing ---------------------------------------------------------------------------------


def create_table(
    parent: Any,
    name: bytes,
    dtype: np.dtype[Any],
    length: int,
    filters: Filters,
    *,
    title: str,
    chunk_rows: int | None = None,
) -> h5d.DatasetID:
    """Make a table of ``length`` rows without writing them.

    Raises
    ------
    TypeError
        A column has a dtype that HDF5 has no place for.
    """
    if chunk_rows is None:
        chunk_rows = chunk_shape((length,), dtype.itemsize)[0]
    properties = chunked((max(1, chunk_rows),), filters, dtype.itemsize, constants.TABLE)
    space = h5s.create_simple((length,), (h5s.UNLIMITED,))
    table = h5d.create(parent, name, file_type(dtype), space, properties)
    write_attribute(table, b"CLASS", _CLASS)
    write_attribute(table, b"VERSION", _VERSION)
    write_attribute(table, b"TITLE", encode_text(title.encode("utf8")))
    for position, column in enumerate(dtype.names or ()):
        prefix = b"FIELD_%d_" % position
        write_text(table, prefix + b"NAME", column)
        write_attribute(table, prefix + b"FILL", _fill_value(dtype[column]))
    write_attribute(table, b"NROWS", encode_attribute(length))
    return table


def _fill_value(dtype: np.dtype[Any]) -> Any:
    base = dtype.base
    if base.kind == "S":
        return _EMPTY_TEXT
    return encode_attribute(np.zeros((), dtype=base)[()])


def write_types(table: Any, item: TableItem) -> None:
    """Write the attributes that recall what was in the cells of an item."""
    for column in item.columns:
        prefix = column_prefix(column.name).encode()
        if column.collection is not None:
            write_text(table, prefix + b"COLL_TYPE", column.collection)
        if column.scalar is not None:
            write_text(table, prefix + b"SCALAR_TYPE", column.scalar)
        if column.order is not None:
            write_text(table, prefix + b"BYTE_ORDER", column.order)
        if column.types is not None:
            write_text(table, prefix + b"ELEMENT_TYPES", column.types)


def write_all(table: h5d.DatasetID, rows: Rows) -> None:
    """Write all rows of a table that has their number."""
    if len(rows):
        table.write(h5s.ALL, h5s.ALL, rows, file_type(rows.dtype))


def write_rows(table: h5d.DatasetID, start: int, rows: Rows) -> None:
    """Replace rows from index ``start`` on; all of them must exist."""
    if not (
        len(rows)
        and may_be_written_whole(rows)
        and dtype_of_table(table) == rows.dtype
        and write_row_chunks(table, start, rows, functools.partial(read_rows, table))
    ):
        _write_selected(table, start, rows)


def _write_selected(table: h5d.DatasetID, start: int, rows: Rows) -> None:
    if not len(rows):
        return
    space = table.get_space()
    space.select_hyperslab((start,), (len(rows),))
    table.write(h5s.create_simple((len(rows),)), space, rows, file_type(rows.dtype))


def append_rows(table: h5d.DatasetID, rows: Rows) -> None:
    """Add rows at the end."""
    if not len(rows):
        return
    length = table.shape[0]
    table.set_extent((length + len(rows),))
    write_rows(table, length, rows)
    attribute = h5a.open(table, b"NROWS")
    attribute.write(np.array(length + len(rows)), h5t.NATIVE_INT64)


def fitted(columns: dict[str, Any], length: int, dtype: np.dtype[Any]) -> Rows:
    """Return rows of ``dtype`` filled from columns of the same names; others stay empty."""
    rows = np.zeros(length, dtype=dtype)
    for name in dtype.names or ():
        if name in columns:
            rows[name] = columns[name]
    return rows


# ----- reading ---------------------------------------------------------------------------------


def cut(text: str, size: int) -> bytes:
    """Return text in UTF-8, cut between characters and marked by dots if it is too long."""
    raw = text.encode("utf8", "replace")
    if len(raw) <= size:
        return raw
    return raw[: size - 3].decode("utf8", "ignore").encode("utf8") + b"..."


def dtype_of_table(table: h5d.DatasetID) -> np.dtype[Any]:
    """Return the dtype of the rows in the file."""
    return dtype_of(table.get_type())


def read_rows(table: h5d.DatasetID, start: int = 0, stop: int | None = None) -> Rows:
    """Return rows ``start`` to ``stop`` (exclusive); by default all."""
    length = table.shape[0]
    stop = length if stop is None else min(stop, length)
    kind = table.get_type()
    rows = np.zeros(max(0, stop - start), dtype=dtype_of(kind))
    if not len(rows):
        return rows
    if len(rows) == length:
        table.read(h5s.ALL, h5s.ALL, rows, kind)
    else:
        space = table.get_space()
        space.select_hyperslab((start,), (len(rows),))
        table.read(h5s.create_simple((len(rows),)), space, rows, kind)
    return native(rows)


def read_bytes(table: h5d.DatasetID, name: str, size: int, start: int = 0) -> list[bytes]:
    """Return one column of byte strings, from row ``start`` on, without reading the others.

    Strings are cut to ``size`` bytes.
    """
    dtype, kind = _one_column(name, size)
    column = np.zeros(max(0, table.shape[0] - start), dtype=dtype)
    if len(column):
        space = table.get_space()
        space.select_hyperslab((start,), (len(column),))
        table.read(h5s.create_simple((len(column),)), space, column, kind)
    found: list[bytes] = column[name].tolist()
    return found


def read_integers(table: h5d.DatasetID, names: tuple[str, ...]) -> list[Rows]:
    """Return columns of integers, int64 of shape (rows,), without converting the others.

    Raises
    ------
    OSError, TypeError, ValueError
        There is no such column, or it has no numbers.
    """
    dtype = np.dtype([(name, np.int64) for name in names])
    rows = np.zeros(table.shape[0], dtype)
    if len(rows):
        table.read(h5s.ALL, h5s.ALL, rows, h5t.py_create(dtype))
    return [rows[name] for name in names]


def last_chunk(table: h5d.DatasetID) -> Chunk | None:
    """Return the chunk of the last row as it is in the file; None if there is none.

    To compare it takes a twentieth of the time that reading a row takes.
    """
    rows = table.get_create_plist().get_chunk()[0]
    first_row = (table.shape[0] - 1) // rows * rows
    return None if first_row < 0 else Chunk(first_row, table.read_direct_chunk((first_row,))[1])


def has_chunk(table: h5d.DatasetID, chunk: Chunk) -> bool:
    """Return whether a table still has a chunk."""
    try:
        content: bytes = table.read_direct_chunk((chunk.first_row,))[1]
    except (OSError, RuntimeError, ValueError):  # nothing is there, or it is not chunked
        return False
    return content == chunk.content


@functools.cache
def _one_column(name: str, size: int) -> tuple[np.dtype[Any], h5t.TypeID]:
    dtype = np.dtype([(name, f"S{size}")])
    return dtype, file_type(dtype)


def column_types(
    table: Any, names: list[bytes], column: str
) -> tuple[str | None, str | None, str | None, str | None]:
    """Return collection type, scalar type, byte order and element types of a column of a table."""
    prefix = column_prefix(column).encode()
    return (
        read_text(table, prefix + b"COLL_TYPE") if prefix + b"COLL_TYPE" in names else None,
        read_text(table, prefix + b"SCALAR_TYPE") if prefix + b"SCALAR_TYPE" in names else None,
        read_text(table, prefix + b"BYTE_ORDER") if prefix + b"BYTE_ORDER" in names else None,
        read_text(table, prefix + b"ELEMENT_TYPES") if prefix + b"ELEMENT_TYPES" in names else None,
    )
