"""Attributes in the encodings of PyTables.

Text is a UTF-8 string of fixed length, booleans are bit fields, numbers and numeric arrays are
themselves; everything else is pickled (protocol 0, or the next that can) into a byte string. So
are text and byte strings that PyTables would change on reading (NULs, bytes that look like a
pickle), and arrays of classes that have more than values: masks, units. Of a class derived from a
number or text, enumerations among them, only the number or text is kept: loading it does not
need the class.

Attributes are read one by one, only those that are needed, and nothing is unpickled but text.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5f, h5g, h5s, h5t

from pypet.encoding import portable_pickle
from pypet.encoding.unpickling import SAFE, load_constants
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.storage_backends.hdf5.encoding.types import dtype_of, file_type, native, text_type

# ----- reading ------------------------------------------------------------------------------------


logger = logging.getLogger(__name__)

_FAST_SIZE = 64
_VARIABLE_SIZE = 16
"""Bytes of the reference that is stored for a text of variable length."""
_Buffer = tuple["np.ndarray[Any, Any]", h5t.TypeID]


def _fast_buffer(size: int) -> _Buffer:
    # Space for `size` elements of this size each, so that an array of shorter texts, which
    # is unexpected where a text is read, cannot be written beyond the end.
    return np.zeros((size, size), dtype=np.uint8), text_type(size, h5t.CSET_UTF8)


_FAST: list[list[_Buffer]] = [[_fast_buffer(size)] for size in range(_FAST_SIZE + 1)]
"""Buffers by size. A reader takes one out, since threads may read from several files."""


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
        return raw.encode("utf8", "surrogateescape")  # as h5py keeps bytes that are not UTF-8
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


# ----- writing ------------------------------------------------------------------------------------


SCALAR = h5s.create(h5s.SCALAR)
NULL = h5s.create(h5s.NULL)

MANY = 64
"""The most attributes that stay in the header of an object."""
MAX_BYTES = 64_000
"""Largest attribute; the object header has 64 KiB for one with its name and type."""

Encoded = tuple[h5t.TypeID, h5s.SpaceID, "np.ndarray[Any, Any] | None"]


@lru_cache(maxsize=1024)
def encode_text(raw: bytes, charset: int = h5t.CSET_UTF8) -> Encoded:
    """Return type, space and data of an attribute that holds text."""
    kind = text_type(len(raw), charset)
    return (kind, SCALAR, np.array(raw)) if raw else (kind, NULL, None)


_TEXT = frozenset((str, np.str_))
_BYTES = frozenset((bytes, np.bytes_))
_ARRAYS = frozenset((bool, int, float, complex, np.ndarray, np.matrix, np.memmap))
_BASES: dict[type, Callable[[Any], Any]] = {
    # Not their constructors, which ask methods that a derived class may have changed.
    str: str.__str__,
    bytes: bytes.__bytes__,
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
}


def encode_attribute(value: Any) -> Encoded:
    """Return type, space and data of an attribute for any value that can be pickled."""
    kind = type(value)
    if kind in _TEXT:
        if "\0" not in value:
            return encode_text(value.encode("utf8", "surrogatepass"))
    elif kind in _BYTES:
        if value and not value.endswith((b".", b"\0")):
            return encode_text(bytes(value), h5t.CSET_ASCII)
    elif kind in _ARRAYS or isinstance(value, np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "biufcS" and array.dtype.names is None:
            return _encode_array(native(array))
    else:
        value = _plain_base(value)
    return encode_text(portable_pickle.dumps_from(value, 0)[0], h5t.CSET_ASCII)


def _plain_base(value: Any) -> Any:
    """Return the number or text that an object of a derived class is, else the object."""
    for base, convert in _BASES.items():
        if isinstance(value, base):
            return convert(value)
    return value


def _encode_array(array: np.ndarray[Any, Any]) -> Encoded:
    space = h5s.create_simple(array.shape) if array.ndim else SCALAR
    return file_type(array.dtype), space, array


def check_size(name: bytes, encoded: Encoded) -> None:
    """Raise ValueError for a value that is larger than the 64 KiB of one attribute."""
    data = encoded[2]
    if data is not None and data.nbytes > MAX_BYTES:
        raise ValueError(
            f"Attribute {name.decode('utf8')!r} has {data.nbytes} bytes; HDF5 has place for "
            f"{MAX_BYTES} in comments, annotations and other attributes. Put longer data into a "
            "result."
        )


def write_attribute(location: Any, name: bytes, encoded: Encoded) -> None:
    """Create the attribute ``name``, which must not exist, of an open group or dataset.

    Raises
    ------
    ValueError
        The value is larger than the 64 KiB that HDF5 has for one attribute.
    """
    check_size(name, encoded)
    kind, space, data = encoded
    attribute = h5a.create(location, name, kind, space)
    if data is not None and data.size:
        attribute.write(data, kind)


def write_text(location: Any, name: bytes, text: str) -> None:
    """Create an attribute that holds text."""
    write_attribute(location, name, encode_text(text.encode("utf8", "surrogatepass")))


def replace_attribute(location: Any, name: bytes, encoded: Encoded) -> None:
    """Create or replace an attribute; see `write_attribute` for the errors."""
    check_size(name, encoded)
    if h5a.exists(location, name):
        h5a.delete(location, name)
    write_attribute(location, name, encoded)


TRUE = encode_attribute(True)
ONE = encode_attribute(1)
