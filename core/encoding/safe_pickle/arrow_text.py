"""Text that pandas keeps in arrays of pyarrow, from pickles.

pyarrow trusts the offsets in its buffers. Therefore its objects are not created: text is decoded
from the buffers here, which needs no pyarrow, and pandas makes a column of it. Source of the
format: Arrow Columnar Format 1.5, "Variable-size Binary Layout" and "Validity bitmaps".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pypet.encoding.safe_pickle.machine import PickleMachine
from pypet.encoding.safe_pickle.vocabulary import (
    AllowedNames,
    check,
    check_integer,
    check_text,
)

_TEXT = "text of pyarrow"
_LONGEST = 2**40
_BYTES_PER_VALUE = 64
"""What an object of a short text takes."""


class _TextType(NamedTuple):
    offsets: np.dtype[Any]


_TYPES = {
    "string": _TextType(np.dtype("<i4")),
    "utf8": _TextType(np.dtype("<i4")),
    "large_string": _TextType(np.dtype("<i8")),
    "large_utf8": _TextType(np.dtype("<i8")),
}


class ArrowText:
    """The values of an array of pyarrow: text, and None where there is none."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.values = values


def _type(machine: PickleMachine, alias: Any) -> _TextType:
    check(check_text(alias, 20) in _TYPES, _TEXT)
    return _TYPES[alias]


def _buffer(machine: PickleMachine, content: Any) -> bytes | bytearray:
    check(type(content) in (bytes, bytearray), _TEXT)
    return content  # type: ignore[no-any-return]


def _array(machine: PickleMachine, data: Any) -> ArrowText:
    check(type(data) is tuple and len(data) == 7, _TEXT)
    kind, length, _, start, buffers, children, dictionary = data
    check(type(kind) is _TextType and not children and dictionary is None, _TEXT)
    check(type(buffers) in (list, tuple) and len(buffers) == 3, _TEXT)
    check_integer(length, 0, _LONGEST, _TEXT)
    check_integer(start, 0, _LONGEST, _TEXT)
    if not length:
        return ArrowText(np.empty(0, object))
    bitmap, offsets, content = (_raw(buffer) for buffer in buffers)
    stop = start + length
    check(len(offsets) // kind.offsets.itemsize > stop, _TEXT)
    places = np.frombuffer(offsets, kind.offsets, stop + 1)[start:]
    check(places[0] >= 0 and places[-1] <= len(content), _TEXT)
    check(bool((places[1:] >= places[:-1]).all()), _TEXT)
    is_there = np.ones(length, bool)
    if buffers[0] is not None:
        check(8 * len(bitmap) >= stop, _TEXT)
        bits = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")
        is_there = bits[start:stop].astype(bool)
    machine.charge(_BYTES_PER_VALUE * length + int(places[-1] - places[0]))
    values = np.empty(length, object)
    bounds = places.tolist()
    for position in np.flatnonzero(is_there).tolist():
        values[position] = content[bounds[position] : bounds[position + 1]].decode("utf8")
    return ArrowText(values)


def _raw(buffer: Any) -> bytes:
    check(buffer is None or type(buffer) in (bytes, bytearray), _TEXT)
    return bytes(buffer or b"")


def _chunks(machine: PickleMachine, chunks: Any, kind: Any = None) -> ArrowText:
    check(type(chunks) in (list, tuple) and all(type(c) is ArrowText for c in chunks), _TEXT)
    machine.charge(_BYTES_PER_VALUE * sum(len(chunk.values) for chunk in chunks))
    return ArrowText(np.concatenate([np.empty(0, object), *(chunk.values for chunk in chunks)]))


def kinds() -> AllowedNames:
    """Return the allowed names of pyarrow."""
    found = AllowedNames()
    found.add_constructors(
        {
            "type_for_alias": _type,
            "py_buffer": _buffer,
            "_restore_array": _array,
            "chunked_array": _chunks,
        }
    )
    return found
