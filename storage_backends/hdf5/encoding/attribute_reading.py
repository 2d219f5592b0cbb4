"""Reading attributes in the encodings of PyTables, one by one and only those that are needed.

Nothing is unpickled here but text.
"""

from __future__ import annotations

import logging
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5f, h5g, h5s, h5t

from pypet.encoding.unpickling import SAFE, load_constants
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.storage_backends.hdf5.encoding.types import dtype_of, native, text_type

logger = logging.getLogger(__name__)

_FAST_SIZE = 64
_VARIABLE_SIZE = 16
"""So many bytes are kept in place of a text of variable length, which stands elsewhere."""
_Buffer = tuple["np.ndarray[Any, Any]", h5t.TypeID]


def _fast_buffer(size: int) -> _Buffer:
    # Room for `size` elements of this size each, so that an array of shorter texts, which nobody
    # expects where a text is read, cannot be written beyond the end.
    return np.zeros((size, size), dtype=np.uint8), text_type(size, h5t.CSET_UTF8)


_FAST: list[list[_Buffer]] = [[_fast_buffer(size)] for size in range(_FAST_SIZE + 1)]
"""Buffers by size; whoever uses one takes it out, since threads may read from several files."""


def attribute_names(location: Any) -> list[bytes]:
    """Return the names of all attributes of an open group or dataset."""
    names: list[bytes] = []
    h5a.iterate(location, names.append)
    return names


def read_text(location: Any, name: bytes) -> str:
    """Return an attribute that holds text; byte strings of older files are decoded."""
    attribute = h5a.open(location, name)
    size = attribute.get_storage_size()
    if size == 0:
        return ""
    if size <= _FAST_SIZE and size != _VARIABLE_SIZE:
        spare = _FAST[size]
        try:
            fast = spare.pop()
        except IndexError:
            fast = _fast_buffer(size)
        buffer, kind = fast
        try:
            attribute.read(buffer, kind)
            raw: bytes = buffer[0].tobytes()
        except OSError:  # another character set, or no text at all
            return _as_text(_read(attribute, location, name))
        finally:
            spare.append(fast)
        return raw.rstrip(b"\0").decode("utf8", "replace")
    return _as_text(_read(attribute, location, name))


def read_comment(location: Any, name: bytes) -> str:
    """Return an attribute that holds a comment: like `read_text`, but with NULs in it.

    Text with NULs is kept as a pickle, because PyTables would cut it (see `attributes`). Only the
    pickle of a text is loaded, which names nothing; other bytes are the comment themselves.
    """
    text = read_text(location, name)
    if not is_pickled_text(text) or not is_byte_string(location, name):
        return text
    try:
        value = load_constants(read_bytes(location, name), name.decode("ascii"), SAFE)
    except (RefusedPickleError, StorageFormatError):
        return text
    return value if isinstance(value, str) else text


def is_pickled_text(text: str) -> bool:
    """Return whether text seems to be what `attributes` makes of text with NULs."""
    return text.startswith("V") and text.endswith("\np0\n.") and "\\u0000" in text


def is_byte_string(location: Any, name: bytes) -> bool:
    """Return whether an attribute holds bytes, as all text of Python 2 did."""
    kind = h5a.open(location, name).get_type()
    return bool(kind.get_class() == h5t.STRING and kind.get_cset() == h5t.CSET_ASCII)


def read_flag(location: Any, name: bytes) -> bool:
    """Return an attribute that says yes or no: a boolean, in older files an integer."""
    attribute = h5a.open(location, name)
    if attribute.get_storage_size() == 1:
        buffer = np.zeros(1, dtype=np.uint8)
        try:
            attribute.read(buffer, h5t.STD_B8LE)
        except OSError:  # no bit field
            return bool(np.any(_read(attribute, location, name)))
        return bool(buffer[0])
    return bool(np.any(_read(attribute, location, name)))


def read_bytes(location: Any, name: bytes) -> bytes:
    """Return the bytes of an attribute that holds text; none for any other."""
    raw = read_raw(location, name)
    if isinstance(raw, str):
        return raw.encode("utf8", "surrogateescape")  # as h5py keeps bytes that are no UTF-8
    return raw if isinstance(raw, bytes) else b""


def read_raw(location: Any, name: bytes) -> Any:
    """Return an attribute of any kind: bytes, `numpy.str_`, a numpy scalar or an array."""
    return _read(h5a.open(location, name), location, name)


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf8", "replace")
    return str(value)


def _read(attribute: h5a.AttrID, location: Any, name: bytes) -> Any:
    """Return bytes, `numpy.str_`, a numpy scalar or an array."""
    kind = attribute.get_type()
    if kind.get_class() == h5t.STRING and kind.is_variable_str():
        return _foreign_text(location, name)
    is_text = kind.get_class() == h5t.STRING and kind.get_cset() == h5t.CSET_UTF8
    if attribute.get_space().get_simple_extent_type() == h5s.NULL:
        return np.str_() if is_text else b""
    try:
        dtype = dtype_of(kind)
    except StorageFormatError as err:
        err.add_note(f"This is attribute {name.decode('utf8')!r}.")
        raise
    array = np.zeros(attribute.shape, dtype=dtype)
    if array.size:
        attribute.read(array, kind)
    array = native(array)
    if array.ndim:
        return array
    if dtype.kind == "S":
        raw = array.tobytes().rstrip(b"\0")
        return np.str_(raw.decode("utf8", "replace")) if is_text else raw
    return array[()]


def _foreign_text(location: Any, name: bytes) -> Any:
    """Return text of variable length, which other programs write."""
    is_group = isinstance(location, h5g.GroupID | h5f.FileID)
    node = h5py.Group(location) if is_group else h5py.Dataset(location)
    value = node.attrs[name.decode("utf8")]
    return np.str_(value) if isinstance(value, str) else value
