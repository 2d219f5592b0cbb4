"""Tables and dictionaries as items, column by column, and back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding.arrays import in_order, order_of, plain_array, recall_text
from pypet.encoding.encoding_errors import advice_on_type, refused
from pypet.encoding.object_table import table_of_columns
from pypet.encoding.sequences import pack_sequence, unpack_sequence
from pypet.encoding.type_names import NAME_OF_TYPE, as_text
from pypet.records import ArrayItem, Column, Item, TableItem

Array = np.ndarray[Any, Any]

COLL_EMPTY_TABLE = "COLL_EMPTY_TABLE"
"""A table without columns, kept as an empty array like an empty dictionary."""

TEXT_SLACK = 1.5
"""Columns of text are wider than their longest text, as in the established layout."""

_SEQUENCES: dict[type, str] = {list: constants.COLL_LIST, tuple: constants.COLL_TUPLE}
_MAKERS: dict[str, type] = {constants.COLL_LIST: list, constants.COLL_TUPLE: tuple}


# ----- encoding --------------------------------------------------------------------------------


def encode_column(
    column: str, cells: Sequence[Any], encoding: str = "utf8", item: str | None = None
) -> Column:
    """Encode the cells of one column; there is at least one.

    Cells are scalars and None, or flat lists or tuples of such, or arrays; lists, tuples and arrays
    all of the same type and shape.

    Raises
    ------
    TypeError
        The cells differ, or cannot be kept; the message names ``item`` and the column.
    """
    first = cells[0]
    kind: type = type(first)
    label = column if item is None or item == column else f"{item}.{column}"
    if kind in NAME_OF_TYPE or first is None:
        values, scalar, types = pack_sequence(label, cells, encoding, TEXT_SLACK)
        return Column(column, values, constants.COLL_SCALAR, scalar, types=types)
    if kind in _SEQUENCES:
        return _encode_sequences(column, cells, kind, encoding, label)
    if kind is np.ndarray or kind is np.matrix:
        return _encode_arrays(column, cells, kind, encoding, label)
    parts = (
        "cells of tables and values of dictionaries are scalars, None, flat lists, tuples or "
        f"arrays, by exact type, not {kind.__name__}.",
        advice_on_type(first),
    )
    raise refused(label, " ".join(filter(None, parts)))


def _encode_sequences(
    column: str, cells: Sequence[Any], kind: Any, encoding: str, label: str
) -> Column:
    length = len(cells[0])
    if any(type(cell) is not kind or len(cell) != length for cell in cells):
        raise refused(label, f"its cells are not all of type {kind.__name__} and equally long.")
    if not length:
        # Without a scalar type, as for empty lists that are items of their own.
        return Column(column, np.zeros(len(cells)), _SEQUENCES[kind], None)
    flat = list(chain.from_iterable(cells)) if len(cells) > 1 else cells[0]
    values, scalar, types = pack_sequence(label, flat, encoding, TEXT_SLACK)
    shaped = values.reshape(len(cells), length, *values.shape[1:])
    return Column(column, shaped, _SEQUENCES[kind], scalar, types=types)


def _encode_arrays(
    column: str, cells: Sequence[Any], kind: Any, encoding: str, label: str
) -> Column:
    shape, code = cells[0].shape, _text_or_dtype(cells[0])
    if any(
        type(cell) is not kind or cell.shape != shape or _text_or_dtype(cell) != code
        for cell in cells
    ):
        raise refused(label, "the arrays in its cells differ in type, dtype or shape.")
    if 0 in shape:
        raise refused(label, "an empty array cannot be stored in a table or dictionary.")
    stacked = np.array([np.asarray(cell) for cell in cells]) if len(cells) > 1 else None
    if stacked is None:
        stacked = np.asarray(cells[0])[np.newaxis]
    values, _, scalar, _ = plain_array(label, stacked, encoding, TEXT_SLACK)
    is_matrix = kind is np.matrix
    collection = constants.COLL_MATRIX if is_matrix else constants.COLL_NDARRAY
    return Column(column, values, collection, scalar, order_of(cells[0]))


def _text_or_dtype(array: Array) -> Any:
    dtype = array.dtype
    return ("U", dtype.isnative) if dtype.kind == "U" else dtype


def encode_dict(name: str, value: dict[Any, Any], encoding: str) -> Item:
    """Encode a dictionary as a table of one row; columns in the order of their names.

    Raises
    ------
    TypeError
        A key is not text or cannot be a column's name, or a value cannot be kept.
    """
    if not value:
        return _empty(name, constants.COLL_EMPTY_DICT)
    for key in value:
        _check_column_name(name, key)
    columns = tuple(encode_column(key, (value[key],), encoding, name) for key in sorted(value))
    return TableItem(name, constants.DICT, columns)


def encode_table(name: str, frame: Any, encoding: str) -> Item:
    """Encode a pandas frame as a table; columns in the order of their names, without the index.

    Raises
    ------
    TypeError
        Names of columns are not text or not unique, or cells of one column differ.
    """
    labels = list(frame.columns)
    if not labels:
        return _empty(name, COLL_EMPTY_TABLE)
    for label in labels:
        _check_column_name(name, label)
    if len(set(labels)) < len(labels):
        raise refused(name, "several of its columns have the same name.")
    positions = {label: position for position, label in enumerate(labels)}
    columns = []
    for label in sorted(labels):
        cells = list(frame.iloc[:, positions[label]].to_numpy())
        if cells:
            columns.append(encode_column(label, cells, encoding, name))
        else:
            columns.append(Column(label, np.empty(0), None, None))
    return TableItem(name, constants.TABLE, tuple(columns))


def _empty(name: str, collection: str) -> ArrayItem:
    return ArrayItem(name, constants.ARRAY, np.empty(0), collection, None)


def _check_column_name(name: str, key: Any) -> None:
    if type(key) is not str:
        raise refused(name, f"its key {key!r} is not of type str.")
    if not key or "/" in key or "\0" in key:
        raise refused(name, f"its key {key!r} is empty or contains '/' or NUL.")


# ----- decoding --------------------------------------------------------------------------------


def decode_column(column: Column, encoding: str = "utf8") -> list[Any]:
    """Return the cells of one column; numpy scalars and arrays if nothing is to be recalled."""
    values = column.values
    collection = None if column.collection is None else as_text(column.collection)
    if collection == constants.COLL_SCALAR:
        return unpack_sequence(values, column.scalar, encoding, column.types)
    if collection in _MAKERS:
        return _decode_sequences(column, _MAKERS[collection], encoding)
    if collection in (constants.COLL_NDARRAY, constants.COLL_MATRIX):
        values = recall_text(values, column.scalar, encoding, tight=True)
        values = in_order(values, column.order)
        rows = [values[position, ...] for position in range(len(values))]
        if collection == constants.COLL_MATRIX:
            return [row.view(np.matrix) for row in rows]
        return rows
    return list(values)


def _decode_sequences(column: Column, make: type, encoding: str) -> list[Any]:
    values, scalar = column.values, column.scalar
    closed_text = values.dtype.kind == "u" and values.ndim == 3
    if values.ndim == 1:
        if scalar is None:
            return [make() for _ in range(len(values))]
        # Older files keep sequences of one element as if they were scalars.
        return [make((value,)) for value in unpack_sequence(values, scalar, encoding)]
    length = values.shape[1]
    flat_shape = (-1, values.shape[2]) if closed_text else (-1,)
    flat = unpack_sequence(values.reshape(flat_shape), scalar, encoding, column.types)
    return [make(flat[start : start + length]) for start in range(0, len(flat), length)]


def decode_dict(item: TableItem, encoding: str) -> dict[str, Any]:
    """Return the dictionary that a table of one row represents."""
    return {column.name: decode_column(column, encoding)[0] for column in item.columns}


def decode_table(item: TableItem, encoding: str) -> Any:
    """Return the table as `ObjectTable`."""
    return table_of_columns(
        {column.name: decode_column(column, encoding) for column in item.columns}
    )
