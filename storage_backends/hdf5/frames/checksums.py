"""Checksums of pandas items, which PyTables writes in HDF5's oldest format.

That has no checksums at all, so ours is about everything that pandas reads: names, attributes,
types and values of all that is in the group of the item. It is the attribute ``SRVC_CHECKSUM`` of
that group, followed by the number of rows of each dataset, in the order of their paths. Rows that
another program appends later are not counted, and indexes are not, from which nothing is loaded.
"""

from __future__ import annotations

import numpy as np
from h5py import h5a, h5g

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.compression.filter_plugins import missing_filter
from pypet.storage_backends.hdf5.encoding.attributes import replace_attribute
from pypet.storage_backends.hdf5.encoding.checksums import (
    MISMATCH,
    crc_of,
    crc_of_bytes,
    crc_of_rows,
    encoded_note,
    note_of,
)
from pypet.storage_backends.hdf5.encoding.layout import CHECKSUM
from pypet.storage_backends.hdf5.frames.contents import Part, read_content

_LENGTH = b"NROWS"
"""PyTables' note of the number of rows, which grows with the table."""


def note_frame(group: h5g.GroupID) -> None:
    """Write the checksum of a pandas item into its group; replaces a former one.

    There will be none if h5py cannot read the values because of their compression.
    """
    parts = read_content(group)
    datasets = [part for part in parts if part.is_dataset]
    if any(missing_filter(part.location) for part in datasets):
        forget_frame(group)
        return
    lengths = [part.length for part in datasets]
    replace_attribute(group, CHECKSUM, encoded_note(_crc(parts, lengths), *lengths))


def forget_frame(group: h5g.GroupID) -> None:
    """Remove the checksum of a pandas item that changes, if it has one."""
    if h5a.exists(group, CHECKSUM):
        h5a.delete(group, CHECKSUM)


def check_frame(group: h5g.GroupID, parts: list[Part]) -> None:
    """Raise if a pandas item is not what was stored; nothing is known of one without a checksum.

    ``parts`` are what is in its group.

    Raises
    ------
    StorageFormatError
        It is something else.
    """
    if not h5a.exists(group, CHECKSUM):
        return
    kept, *lengths = note_of(group)
    datasets = [part for part in parts if part.is_dataset]
    is_integer = len(datasets) == len(lengths) and all(
        part.length >= length for part, length in zip(datasets, lengths, strict=True)
    )
    if not is_integer or _crc(parts, lengths) != kept:
        raise StorageFormatError(MISMATCH)


def _crc(parts: list[Part], lengths: list[int]) -> int:
    """Return the checksum of parts, of datasets as many rows as ``lengths`` says."""
    crc = 0
    remaining = iter(lengths)
    for part in parts:
        crc = _crc_of_attributes(part, crc_of_bytes(part.path + b"\0", crc))
        if part.is_dataset:
            crc = crc_of_bytes(part.kind.encode(), crc)
            crc = _crc_of_values(part, next(remaining), crc)
    return crc


def _crc_of_attributes(part: Part, crc: int) -> int:
    attributes = part.attributes
    for name in sorted(attributes):
        if name in (CHECKSUM, _LENGTH):
            continue
        attribute = attributes[name]
        crc = crc_of_bytes(name + b"\0" + attribute.encoded_kind, crc)
        if attribute.value is not None:
            crc = crc_of(attribute.value, crc)
    return crc


def _crc_of_values(part: Part, rows: int, crc: int) -> int:
    if not part.shape or not rows:
        return crc_of(np.array(part.shape or (), dtype="<u8"), crc)
    if part.is_ragged:
        return crc_of_rows(part.ragged_rows(rows), crc)
    values = part.raw_values
    return crc_of(values[:rows], crc_of(np.array(values.shape[1:], dtype="<u8"), crc))
