"""Between numpy dtypes and HDF5 types, as PyTables chooses them.

Text is fixed-length, booleans are bit fields of 8 bits, complex numbers are compounds of ``r``
and ``i``. The same type serves in the file and in memory, so that HDF5 has nothing to convert.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from h5py import h5t

from pypet.errors import StorageFormatError

_FILE_TYPES: dict[np.dtype[Any], h5t.TypeID] = {}
_COMPOUNDS: dict[bytes, np.dtype[Any]] = {}
_MOST_CACHED = 4096


def file_type(dtype: np.dtype[Any]) -> h5t.TypeID:
    """Return the HDF5 type for arrays of a native dtype.

    Raises
    ------
    TypeError
        PyTables has no such type: objects, dates, unicode text that is not encoded.
    """
    known = _FILE_TYPES.get(dtype)
    if known is None:
        if len(_FILE_TYPES) >= _MOST_CACHED:
            _FILE_TYPES.clear()
        known = _FILE_TYPES[dtype] = _make_type(dtype)
    return known


def _make_type(dtype: np.dtype[Any]) -> h5t.TypeID:
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return h5t.array_create(file_type(base), shape)
    if dtype.names is not None:
        compound = h5t.create(h5t.COMPOUND, dtype.itemsize)
        for name in dtype.names:
            member, offset = dtype.fields[name][:2]  # type: ignore[index]
            compound.insert(name.encode("utf8"), offset, file_type(member))
        return compound
    if dtype.kind == "b":
        return h5t.STD_B8LE
    if dtype.kind == "S":
        return text_type(dtype.itemsize, h5t.CSET_ASCII)
    if dtype.kind == "c":
        return _complex_type(dtype)
    if dtype.kind in "iuf":
        return h5t.py_create(dtype)
    raise TypeError(
        f"Arrays of dtype {dtype} cannot be kept in HDF5; convert them or store them pickled."
    )


def _complex_type(dtype: np.dtype[Any]) -> h5t.TypeID:
    half = dtype.itemsize // 2
    part = h5t.py_create(np.dtype(f"f{half}"))
    compound = h5t.create(h5t.COMPOUND, dtype.itemsize)
    compound.insert(b"r", 0, part)
    compound.insert(b"i", half, part)
    return compound


def text_type(size: int, charset: int) -> h5t.TypeID:
    """Return the type of text of ``size`` bytes (at least 1)."""
    kind = h5t.TypeID.copy(h5t.C_S1)
    kind.set_size(max(1, size))
    kind.set_strpad(h5t.STR_NULLTERM)
    kind.set_cset(charset)
    return kind


def dtype_of(kind: h5t.TypeID) -> np.dtype[Any]:
    """Return the dtype whose elements look in memory exactly as those of an HDF5 type.

    Raises
    ------
    StorageFormatError
        There is no such dtype, for example for text of variable length.
    """
    read = _READERS.get(kind.get_class())
    if read is None:
        return _foreign_dtype(kind)
    return read(kind)


def _integer_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    sign = "u" if kind.get_sign() == h5t.SGN_NONE else "i"
    return np.dtype(f"{_order(kind)}{sign}{kind.get_size()}")


def _float_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    size = kind.get_size()
    if size > 8:
        return _foreign_dtype(kind)
    return np.dtype(f"{_order(kind)}f{size}")


def _order(kind: h5t.TypeID) -> str:
    return ">" if kind.get_order() == h5t.ORDER_BE else "<"


def _bitfield_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    size = kind.get_size()
    return np.dtype(bool) if size == 1 else np.dtype(f"{_order(kind)}u{size}")


def _text_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    if kind.is_variable_str():
        return _foreign_dtype(kind)
    return np.dtype(f"S{kind.get_size()}")


def _array_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    return np.dtype((dtype_of(kind.get_super()), kind.get_array_dims()))


def _enum_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    return dtype_of(kind.get_super())


def _compound_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    key: bytes = kind.encode()
    known = _COMPOUNDS.get(key)
    if known is None:
        if len(_COMPOUNDS) >= _MOST_CACHED:
            _COMPOUNDS.clear()
        known = _COMPOUNDS[key] = _make_compound_dtype(kind)
    return known


def _make_compound_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    count = kind.get_nmembers()
    names = [kind.get_member_name(index) for index in range(count)]
    formats = [dtype_of(kind.get_member_type(index)) for index in range(count)]
    offsets = [kind.get_member_offset(index) for index in range(count)]
    _check_apart(offsets, formats)
    if names == [b"r", b"i"] and formats[0].kind == "f" and formats[0] == formats[1]:
        return np.dtype(f"{formats[0].byteorder}c{2 * formats[0].itemsize}")
    return np.dtype(
        {
            "names": [name.decode("utf8") for name in names],
            "formats": formats,
            "offsets": offsets,
            "itemsize": kind.get_size(),
        }
    )


def _check_apart(offsets: list[int], formats: list[np.dtype[Any]]) -> None:
    """Raise if two members of a compound share bytes, which no library writes."""
    end = 0
    for offset, dtype in sorted(zip(offsets, formats, strict=True), key=lambda member: member[0]):
        if offset < end:
            raise StorageFormatError(
                f"The columns of a table overlap at byte {offset} of its rows, so its type is "
                "damaged."
            )
        end = offset + dtype.itemsize


_READERS = {
    h5t.INTEGER: _integer_dtype,
    h5t.FLOAT: _float_dtype,
    h5t.BITFIELD: _bitfield_dtype,
    h5t.STRING: _text_dtype,
    h5t.ARRAY: _array_dtype,
    h5t.ENUM: _enum_dtype,
    h5t.COMPOUND: _compound_dtype,
}


def _foreign_dtype(kind: h5t.TypeID) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = kind.dtype
    except TypeError:
        dtype = np.dtype(object)
    if dtype.hasobject or h5py.check_vlen_dtype(dtype) is not None:
        raise StorageFormatError(
            f"HDF5 data of class {kind.get_class()} and size {kind.get_size()} has no place in "
            "a numpy array."
        )
    return dtype


def native(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the array in the byte order of this machine, contiguous in memory."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array if array.flags.c_contiguous else np.array(array, order="C")
