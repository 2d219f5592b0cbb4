"""Writing attributes in the encodings of PyTables.

Text is a UTF-8 string of fixed length, booleans are bit fields, numbers and numeric arrays are
themselves; everything else is pickled (protocol 0, or the next that can) into a byte string. So
are text and byte strings that PyTables would change on reading (NULs, bytes that look like a
pickle), and arrays of classes that have more than values: masks, units. Of a class derived from a
number or text, enumerations among them, only the number or text is kept: whoever loads it need
not have the class.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from h5py import h5a, h5s, h5t

from pypet.encoding import portable_pickle
from pypet.storage_backends.hdf5.encoding.types import file_type, native, text_type

SCALAR = h5s.create(h5s.SCALAR)
NULL = h5s.create(h5s.NULL)

MANY = 64
"""Up to so many attributes stay in the header of an object."""
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
