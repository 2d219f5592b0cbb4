"""Between Python values and items: the entry point of this package, and scalars."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding import text_arrays
from pypet.encoding.arrays import (
    decode_array,
    decode_matrix,
    encode_array,
    plain_array,
    rows_of,
)
from pypet.encoding.encoding_errors import unknown_type, wrong_flag
from pypet.encoding.mixtures import NONE, pack_ints
from pypet.encoding.object_table import is_pandas, pandas_flag, table_of_columns
from pypet.encoding.sequences import pack_sequence, unpack_sequence
from pypet.encoding.tables import (
    COLL_EMPTY_TABLE,
    decode_dict,
    decode_table,
    encode_dict,
    encode_table,
)
from pypet.encoding.type_names import NAME_OF_TYPE, TEXT_TYPES, as_text, type_of_name
from pypet.records import ArrayItem, FrameItem, Item, SharedItem, TableItem

_SEQUENCES: dict[type, str] = {list: constants.COLL_LIST, tuple: constants.COLL_TUPLE}
_ARRAYS = (np.ndarray, np.matrix)


def encode_value(name: str, value: Any, flag: str | None = None, encoding: str = "utf8") -> Item:
    """Encode one datum; ``flag`` overrides the one that goes with its exact type.

    The item may share memory with ``value``: nothing is copied for those who write it at once.
    Services that keep items in memory make their own copies.

    Raises
    ------
    NoSuchServiceError
        The type cannot be stored; subclasses of known types count as unknown.
    TypeError
        The content cannot be kept without loss: sequences of anything but scalars and None,
        integers beyond 64 bit, arrays of objects, masked arrays, dictionaries with keys that are
        no text. Or ``flag`` does not go with the type.
    RuntimeError
        The flag is unknown.
    """
    if flag is None:
        encode = _BY_TYPE.get(type(value))
        if encode is not None:
            return encode(name, value, encoding)
        return _encode_pandas(name, value, encoding)
    encode = _BY_FLAG.get(flag)
    if encode is None:
        raise RuntimeError(
            f"Item {name!r} should be stored with the unknown flag {flag!r}. "
            f"Flags are {', '.join(sorted(_BY_FLAG))}."
        )
    return encode(name, value, encoding)


# ----- scalars: these functions run for each stored number --------------------------------------


def _encode_int(name: str, value: int, encoding: str) -> ArrayItem:
    return ArrayItem(name, constants.ARRAY, pack_ints(name, value), constants.COLL_SCALAR, "int")


def _encode_number(name: str, value: float | complex, encoding: str) -> ArrayItem:
    kind = type(value).__name__
    return ArrayItem(name, constants.ARRAY, np.array(value), constants.COLL_SCALAR, kind)


def _encode_str(name: str, value: str, encoding: str) -> ArrayItem:
    raw = text_arrays.encode_text(name, value, encoding)
    return ArrayItem(name, constants.ARRAY, text_arrays.pack_one(raw), constants.COLL_SCALAR, "str")


def _encode_bytes(name: str, value: bytes, encoding: str) -> ArrayItem:
    return ArrayItem(
        name, constants.ARRAY, text_arrays.pack_one(value), constants.COLL_SCALAR, "bytes"
    )


def _encode_numpy_str(name: str, value: np.str_, encoding: str) -> ArrayItem:
    raw = text_arrays.encode_text(name, value, encoding)
    return ArrayItem(
        name, constants.ARRAY, text_arrays.pack_one(raw), constants.COLL_SCALAR, "str_", "numpy"
    )


def _encode_numpy_bytes(name: str, value: np.bytes_, encoding: str) -> ArrayItem:
    return ArrayItem(
        name,
        constants.ARRAY,
        text_arrays.pack_one(bytes(value)),
        constants.COLL_SCALAR,
        "bytes_",
        "numpy",
    )


def _encode_numpy(name: str, value: Any, encoding: str) -> ArrayItem:
    return ArrayItem(
        name,
        constants.ARRAY,
        np.asarray(value),
        constants.COLL_SCALAR,
        NAME_OF_TYPE[type(value)],
        "numpy",
    )


def _encode_none(name: str, value: None, encoding: str) -> ArrayItem:
    return ArrayItem(
        name,
        constants.ARRAY,
        text_arrays.pack_one(NONE.encode()),
        constants.COLL_SCALAR,
        "str",
        types=NONE,
    )


_SCALARS: dict[type, Callable[[str, Any, str], ArrayItem]] = {
    **dict.fromkeys(NAME_OF_TYPE, _encode_numpy),
    int: _encode_int,
    **dict.fromkeys((float, bool, complex), _encode_number),
    str: _encode_str,
    bytes: _encode_bytes,
    np.str_: _encode_numpy_str,
    np.bytes_: _encode_numpy_bytes,
    type(None): _encode_none,
}
"""Exact type of a scalar, or of None -> the function that encodes it."""


# ----- by type ---------------------------------------------------------------------------------


def _encode_sequence(name: str, value: Any, encoding: str) -> ArrayItem:
    collection = _SEQUENCES[type(value)]
    if not value:
        return ArrayItem(name, constants.ARRAY, np.empty(0), collection, None)
    array, scalar, types = pack_sequence(name, value, encoding)
    return ArrayItem(name, constants.ARRAY, array, collection, scalar, types=types)


_BY_TYPE: dict[type, Callable[[str, Any, str], Item]] = {
    **_SCALARS,
    list: _encode_sequence,
    tuple: _encode_sequence,
    np.ndarray: encode_array,
    np.matrix: encode_array,
    dict: encode_dict,
}


def _encode_pandas(name: str, value: Any, encoding: str) -> Item:
    kind = pandas_flag(value)
    if kind == constants.TABLE:
        return encode_table(name, value, encoding)
    if kind is None:
        raise unknown_type(name, value)
    return FrameItem(name, kind, value)


# ----- by flag ---------------------------------------------------------------------------------


def _as_array(name: str, value: Any, encoding: str) -> Item:
    if type(value) in _ARRAYS:
        return encode_array(name, value, encoding)._replace(flag=constants.ARRAY)
    if type(value) in _SCALARS or type(value) in _SEQUENCES:
        return _BY_TYPE[type(value)](name, value, encoding)
    if type(value) is dict and not value:
        return encode_dict(name, value, encoding)
    raise wrong_flag(name, value, constants.ARRAY, "scalars, lists, tuples and arrays")


def _as_chunks(flag: str) -> Callable[[str, Any, str], Item]:
    def encode(name: str, value: Any, encoding: str) -> Item:
        if type(value) in _ARRAYS:
            array, collection, scalar, order = plain_array(name, value, encoding)
            item = ArrayItem(name, flag, array, collection, scalar, "numpy", order)
        elif type(value) in _SEQUENCES:
            item = _encode_sequence(name, value, encoding)._replace(flag=flag)
        else:
            raise wrong_flag(name, value, flag, "arrays, lists and tuples")
        if not item.value.ndim:
            raise wrong_flag(name, value, flag, "arrays that have at least one axis")
        if flag == constants.VLARRAY and item.value.ndim != 1:
            raise wrong_flag(name, value, flag, "arrays that have one axis")
        extendable = flag != constants.CARRAY and 0 not in item.value.shape[1:]
        if not item.value.size and not extendable:
            return item._replace(flag=constants.ARRAY)  # no chunk without elements
        return item

    return encode


def _as_table(name: str, value: Any, encoding: str) -> Item:
    if is_pandas(value, "DataFrame"):
        return encode_table(name, value, encoding)
    raise wrong_flag(name, value, constants.TABLE, "ObjectTables and pandas frames")


def _as_dict(name: str, value: Any, encoding: str) -> Item:
    if isinstance(value, dict):
        return encode_dict(name, value, encoding)
    raise wrong_flag(name, value, constants.DICT, "dictionaries")


def _as_frame(name: str, value: Any, encoding: str) -> Item:
    if is_pandas(value, "DataFrame"):
        return FrameItem(name, constants.FRAME, value)
    raise wrong_flag(name, value, constants.FRAME, "pandas frames")


def _as_series(name: str, value: Any, encoding: str) -> Item:
    if is_pandas(value, "Series"):
        return FrameItem(name, constants.SERIES, value)
    raise wrong_flag(name, value, constants.SERIES, "pandas series")


_BY_FLAG: dict[str, Callable[[str, Any, str], Item]] = {
    constants.ARRAY: _as_array,
    constants.CARRAY: _as_chunks(constants.CARRAY),
    constants.EARRAY: _as_chunks(constants.EARRAY),
    constants.VLARRAY: _as_chunks(constants.VLARRAY),
    constants.TABLE: _as_table,
    constants.DICT: _as_dict,
    constants.FRAME: _as_frame,
    constants.SERIES: _as_series,
}


# ----- decoding --------------------------------------------------------------------------------


def decode_item(item: Item, encoding: str = "utf8") -> Any:
    """Return the value of an item, with its exact type as far as the item records it.

    The value may share memory with the item. Attributes as older versions wrote them are
    understood: byte strings, spellings of Python 2, sequences of one element kept as scalars.
    Shared data has no value in memory: its item is returned as it is.

    Raises
    ------
    TypeError
        The item names an unknown scalar type.
    UnicodeDecodeError
        Text is not in ``encoding``.
    """
    try:
        if isinstance(item, ArrayItem):
            decode = _BY_COLLECTION.get(item.collection)
            if decode is None:
                # A byte string of an older file, or an unknown name: returned as it is.
                decode = _BY_COLLECTION.get(as_text(item.collection), decode_array)
            return decode(item, encoding)
        if isinstance(item, TableItem):
            if as_text(item.flag) == constants.DICT:
                return decode_dict(item, encoding)
            return decode_table(item, encoding)
    except (TypeError, ValueError) as err:
        err.add_note(f"This happened while decoding item {item.name!r}.")
        raise
    return item if isinstance(item, SharedItem) else item.value


def _decode_scalar(item: ArrayItem, encoding: str) -> Any:
    """Return the scalar or None; of the numpy type of the array if the item names no type."""
    value = item.value
    if item.types == NONE:
        return None
    if item.scalar is None:
        return value[()] if value.ndim == 0 else value
    kind: Any = type_of_name(item.scalar)
    if kind in TEXT_TYPES and value.dtype.kind in "Su":
        raw = text_arrays.unpack_one(value)
        if issubclass(kind, str):
            decoded = raw.decode(encoding)
            return decoded if kind is str else kind(decoded)
        return raw if kind is bytes else kind(raw)
    if value.dtype.type is kind:
        return value.reshape(())[()]
    return kind(value.item())


def _decode_list(item: ArrayItem, encoding: str) -> list[Any]:
    value = item.value
    if item.flag == constants.VLARRAY:
        rows = rows_of(value)  # a sequence is kept as one row
        if len(rows) > 1:
            return rows  # others were added since
        value = rows[0] if rows else np.empty(0)
    if not value.ndim:
        value = value.reshape(1)  # older files keep sequences of one element as scalars
    if not value.size:
        return []
    return unpack_sequence(value, item.scalar, encoding, item.types)


def _decode_tuple(item: ArrayItem, encoding: str) -> tuple[Any, ...]:
    return tuple(_decode_list(item, encoding))


def _decode_empty_dict(item: ArrayItem, encoding: str) -> dict[str, Any]:
    return {}


def _decode_empty_table(item: ArrayItem, encoding: str) -> Any:
    return table_of_columns({})


_BY_COLLECTION: dict[str | None, Callable[[ArrayItem, str], Any]] = {
    constants.COLL_SCALAR: _decode_scalar,
    constants.COLL_LIST: _decode_list,
    constants.COLL_TUPLE: _decode_tuple,
    constants.COLL_NDARRAY: decode_array,
    constants.COLL_MATRIX: decode_matrix,
    constants.COLL_EMPTY_DICT: _decode_empty_dict,
    COLL_EMPTY_TABLE: _decode_empty_table,
    None: decode_array,
}
