"""Plain data of records as bytes, for media that keep bytes.

A value is four bytes with the length of a header (little-endian), the header (JSON), and buffers
one after the other. The header of an item has its kind, and for each array dtype (numpy's
spelling, with byte order) and shape; buffers are raw, in C order. Only what has no such form is
pickled: frames, and annotations that no item can hold.
"""

from __future__ import annotations

import json
import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from pypet.encoding.type_names import as_text
from pypet.encoding.unpickling import current_policy
from pypet.encoding.value_codec import decode_item, encode_value
from pypet.errors import StorageFormatError
from pypet.records import (
    ArrayItem,
    Column,
    FrameItem,
    Info,
    Item,
    MetaRecord,
    RunError,
    RunRows,
    TableItem,
)
from pypet.records.run_rows import TEXT_COLUMNS, text_columns

Array = np.ndarray[Any, Any]

_LENGTH = struct.Struct("<I")
_PROTOCOL = 4
_ARRAY, _ROWS, _TABLE, _FRAME = "array", "rows", "table", "frame"
_ITEM, _PICKLE = "item", "pickle"
BLOCK = 10_000
"""Rows whose text is made at a time."""


# ----- items -----------------------------------------------------------------------------------


def item_to_bytes(item: Item) -> bytes:
    """Return an item as bytes, all but its name.

    Raises
    ------
    TypeError
        It is shared data, which only its own storage can keep, or there are Python objects in it.
    """
    if isinstance(item, ArrayItem):
        recall = item.flag, item.collection, item.scalar, item.flavor, item.order, item.types
        value = item.value
        if value.dtype == object:  # rows of various lengths
            rows = [np.asarray(row) for row in value]
            return _join((_ROWS, *recall, list(map(_form, rows))), rows)
        return _join((_ARRAY, *recall, _form(value)), (value,))
    if isinstance(item, TableItem):
        columns = [
            (each.name, each.collection, each.scalar, each.order, each.types, _form(each.values))
            for each in item.columns
        ]
        return _join((_TABLE, item.flag, columns), [column.values for column in item.columns])
    if isinstance(item, FrameItem):
        return _join((_FRAME, item.flag), (pickle.dumps(item.value, _PROTOCOL),))
    raise TypeError(f"Item {item.name!r} is shared data, which is not stored with its leaf.")


def item_from_bytes(name: str, data: bytes, where: str = "", unpickle: str = "trust") -> Item:
    """Return the item that `item_to_bytes` gave; its arrays are writable.

    ``where`` names the node in messages. Whether frames are unpickled is decided by the policy of
    the service that is loading, or else by ``unpickle``.

    Raises
    ------
    RefusedPickleError
        It is a frame, and the policy refuses to unpickle that.
    StorageFormatError
        The bytes are not those of an item.
    """
    label = f"Item {name!r} of {where!r}"
    try:
        header, position = _split(data)
        kind, flag, *rest = header
        if kind == _ARRAY:
            *recall, form = rest
            value, _ = _array(form, data, position)
            return ArrayItem(name, flag, value, *recall)
        if kind == _ROWS:
            *recall, forms = rest
            rows = np.empty(len(forms), object)
            for number, form in enumerate(forms):
                rows[number], position = _array(form, data, position)
            return ArrayItem(name, flag, rows, *recall)
        if kind == _TABLE:
            columns = []
            for column, *recall, form in rest[0]:
                values, position = _array(form, data, position)
                columns.append(Column(column, values, *recall))
            return TableItem(name, flag, tuple(columns))
        if kind != _FRAME:
            raise ValueError(f"it is of unknown kind {kind!r}")
    except (ValueError, TypeError, struct.error) as error:
        raise StorageFormatError(f"{label} cannot be read: {error}") from error
    return FrameItem(name, flag, current_policy(unpickle).loads(data[position:], label))


# ----- values by name --------------------------------------------------------------------------


def values_to_bytes(values: Mapping[str, Any]) -> bytes:
    """Return annotations or settings as bytes; ``b""`` if there are none.

    Raises
    ------
    Exception
        Whatever pickling raises for a value that has to be pickled.
    """
    if not values:
        return b""
    encoded = [(name, *_value_to_bytes(name, value)) for name, value in values.items()]
    header = [(name, kind, len(data)) for name, kind, data in encoded]
    return _join(header, [data for _, _, data in encoded])


def _value_to_bytes(name: str, value: Any) -> tuple[str, bytes]:
    if not isinstance(value, dict):
        try:
            return _ITEM, item_to_bytes(encode_value(name, value))
        except (TypeError, ValueError):  # no item can hold it
            pass
    return _PICKLE, pickle.dumps(value, _PROTOCOL)


def values_from_bytes(data: bytes, where: str = "", unpickle: str = "trust") -> dict[str, Any]:
    """Return what was given to `values_to_bytes`; for the rest see `item_from_bytes`."""
    if not data:
        return {}
    header, position = _split(data)
    values = {}
    for name, kind, length in header:
        piece = data[position : position + length]
        position += length
        if kind == _ITEM:
            values[name] = decode_item(item_from_bytes(name, piece, where, unpickle))
        else:
            label = f"Annotation {name!r} of {where or 'the trajectory'!r}"
            values[name] = current_policy(unpickle).loads(piece, label)
    return values


# ----- trajectories ----------------------------------------------------------------------------


def meta_to_bytes(meta: MetaRecord) -> bytes:
    """Return ``info``, ``explorations`` and ``settings`` of a record as bytes."""
    return _join((meta.info, meta.explorations), (values_to_bytes(meta.settings),))


def meta_from_bytes(data: bytes, where: str = "", unpickle: str = "trust") -> MetaRecord:
    """Return what `meta_to_bytes` keeps; for arguments and errors see `item_from_bytes`."""
    (info, explorations), position = _split(data)
    settings = values_from_bytes(data[position:], where, unpickle)
    return MetaRecord(Info(*info), {}, tuple(explorations), settings, None)


class RunRecord(NamedTuple):
    """One row of the run table as numbers and text."""

    idx: int
    completed: int
    timestamp: float
    finish_timestamp: float
    hexsha: str | None
    """None before the run."""
    name: str | None
    """None for the default name."""
    time: str
    runtime: str
    parameter_summary: str
    error: str | None = None
    """A `RunError` as JSON; None if the run did not fail."""


def run_records(rows: RunRows) -> Iterator[RunRecord]:
    """Yield rows of the run table one by one."""
    for block in rows.blocks(BLOCK):
        texts = text_columns(block)
        for number, idx in enumerate(block.idx.tolist()):
            sha = int(block.environment[number])
            error = rows.errors.get(idx)
            yield RunRecord(
                idx,
                int(block.completed[number]),
                float(block.timestamp[number]),
                float(block.finish_timestamp[number]),
                None if sha < 0 else rows.hexshas[sha],
                None if block.names is None else block.names[number],
                texts["time"][number],
                texts["runtime"][number],
                texts["parameter_summary"][number],
                None if error is None else json.dumps(error),
            )


def run_rows(records: Iterable[Iterable[Any]]) -> RunRows:
    """Return the rows whose `RunRecord` are given in ascending order of ``idx``."""
    made = list(map(RunRecord._make, records))
    hexshas = list(dict.fromkeys(each.hexsha for each in made if each.hexsha is not None))
    numbers: dict[str | None, int] = {None: -1, **{sha: at for at, sha in enumerate(hexshas)}}
    names = None
    if any(each.name is not None for each in made):
        names = [each.name or f"run_{each.idx:08d}" for each in made]
    return RunRows(
        np.array([each.idx for each in made], np.int64),
        np.array([each.completed for each in made], np.int8),
        np.array([each.timestamp for each in made], np.float64),
        np.array([each.finish_timestamp for each in made], np.float64),
        np.array([numbers[each.hexsha] for each in made], np.int32),
        tuple(hexshas),
        names=names,
        text={
            name: np.array([getattr(each, name).encode() for each in made], "S")
            for name in TEXT_COLUMNS
        },
        errors={each.idx: RunError(*json.loads(each.error)) for each in made if each.error},
    )


# ----- headers and buffers ---------------------------------------------------------------------


def _join(header: Any, buffers: Iterable[Any]) -> bytes:
    # Byte strings occur among the attributes of items that were copied from files of Python 2.
    text = json.dumps(header, default=as_text).encode("ascii")
    pieces = [each.tobytes() if isinstance(each, np.ndarray) else each for each in buffers]
    return b"".join((_LENGTH.pack(len(text)), text, *pieces))


def _split(data: bytes) -> tuple[Any, int]:
    """Return the header, and where the buffers begin."""
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    return json.loads(data[_LENGTH.size : end]), end


def _form(array: Array) -> tuple[str, tuple[int, ...]]:
    if array.dtype.hasobject:  # its buffer has addresses
        raise TypeError(f"Python objects cannot be stored as an array: {array!r}.")
    return array.dtype.str, array.shape


def _array(form: tuple[str, list[int]], data: bytes, position: int) -> tuple[Array, int]:
    """Return an array of its own memory, and where the next buffer begins."""
    dtype, shape = np.dtype(form[0]), tuple(form[1])
    if not dtype.itemsize:
        return np.zeros(shape, dtype), position
    end = position + dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if end > len(data):
        raise ValueError("its end is missing")
    return np.ndarray(shape, dtype, data, position).copy(), end
