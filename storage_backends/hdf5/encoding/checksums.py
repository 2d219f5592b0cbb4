"""Checksums of values: attributes of the datasets that the values are in.

HDF5 itself checks the headers of what is written here, with all attributes, and the groups. It
does not check values, apart from those in a header. Their checksum is the attribute
``SRVC_CHECKSUM`` of the dataset: the CRC-32 of the values as they are in the file, uncompressed,
and how many elements that were. So it goes when another program replaces the dataset, and no
longer counts when that program changes its shape or attributes.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from h5py import h5, h5a, h5d, h5t

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.encoding.attributes import (
    Encoded,
    encode_attribute,
    replace_attribute,
    write_attribute,
)
from pypet.storage_backends.hdf5.encoding.layout import CHECKSUM
from pypet.support.optional import is_installed

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Crc = Callable[[Any, int], int]

_NOTE = np.dtype("<u8")


@functools.cache
def crc_function() -> Crc:
    """Return the fastest CRC-32: that of ISA-L is ten times as fast as that of zlib."""
    if is_installed("isal"):
        from isal import isal_zlib

        return isal_zlib.crc32
    import zlib

    return zlib.crc32


def crc_of(values: Array, start: int = 0) -> int:
    """Return the CRC-32 of the bytes of an array, going on from ``start``."""
    if not values.nbytes:
        return start
    raw = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return crc_function()(raw, start)


def crc_of_bytes(raw: bytes, start: int) -> int:
    """Return the CRC-32 of bytes, going on from ``start``."""
    return crc_function()(raw, start)


def crc_of_rows(rows: Iterable[Array], start: int = 0) -> int:
    """Return the CRC-32 of rows of different lengths, and of these lengths."""
    crc = start
    for row in rows:
        crc = crc_of(np.array(row.shape, dtype=_NOTE), crc_of(row, crc))
    return crc


def checksum_note(crc: int, *sizes: int) -> Array:
    """Return what is kept: the checksum and the number of elements it is about."""
    return np.array((crc, *sizes), dtype=_NOTE)


def encoded_note(crc: int, *sizes: int) -> Encoded:
    """Return a note as an attribute."""
    return encode_attribute(checksum_note(crc, *sizes))


def note_checksum(dataset: h5d.DatasetID, crc: int, size: int) -> None:
    """Write the checksum of values into their dataset, as the last of its attributes."""
    write_attribute(dataset, CHECKSUM, encoded_note(crc, size))


def renew_checksum(dataset: h5d.DatasetID, values: Array) -> None:
    """Write the checksum of all values into their dataset, in place of a former one."""
    note = [crc_of(values), values.size]
    if not h5a.exists(dataset, CHECKSUM) or note_of(dataset) != note:
        replace_attribute(dataset, CHECKSUM, encoded_note(*note))


def note_of(location: Any) -> list[int]:
    """Return checksum and sizes that an object says it has; the attribute is there."""
    attribute = h5a.open(location, CHECKSUM)
    note = np.zeros(attribute.shape, dtype=_NOTE)
    attribute.read(note, h5t.STD_U64LE)
    values: list[int] = note.reshape(-1).tolist()
    return values


def check_values(dataset: h5d.DatasetID, crc: Callable[[], int], size: int) -> None:
    """Raise if the values of a dataset that has a checksum are not those that were stored.

    ``crc`` computes their checksum, ``size`` is the number of elements.

    Raises
    ------
    StorageFormatError
        They differ, and there is no sign that another program changed the dataset.
    """
    kept, noted_size = note_of(dataset)
    if size != noted_size:
        logger.debug("A checksum of %d elements says nothing about %d.", noted_size, size)
    elif crc() != kept:
        if has_later_attributes(dataset):
            logger.debug("A checksum is older than what it was about.")
            return
        raise StorageFormatError(MISMATCH)


MISMATCH = (
    "its values do not fit their checksum (if another program changed them on purpose, load with "
    "`checksums=False`)"
)


def has_later_attributes(location: Any) -> bool:
    """Return whether attributes were written after the checksum, which comes last.

    PyTables recreates an attribute when it changes it.
    """
    if not h5a.get_info(location, CHECKSUM).corder_valid:
        return False
    names: list[bytes] = []
    h5a.iterate(location, names.append, index_type=h5.INDEX_CRT_ORDER)
    return names[-1] != CHECKSUM
