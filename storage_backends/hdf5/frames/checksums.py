"""Checksums of pandas items, which PyTables writes in HDF5's oldest format.

That has no checksums at all, so ours is about everything that pandas reads: names, attributes,
types and values of all that is in the group of the item. It is the attribute ``SRVC_CHECKSUM`` of
that group, followed by the number of rows of each dataset, in the order of their paths. Rows that
another program appends later are not counted, and indexes are not, from which nothing is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5i, h5o, h5s, h5t

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.compression.filter_plugins import missing_filter
from pypet.storage_backends.hdf5.encoding.attribute_reading import attribute_names
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
from pypet.storage_backends.hdf5.objects.groups import child_names

_INDEX = b"_i_"
"""Begins the names of groups with PyTables' indexes."""
_LENGTH = b"NROWS"
"""PyTables' note of the number of rows, which grows with the table."""


class _Part(NamedTuple):
    """The group of the item, or something in it."""

    path: bytes
    location: Any


def note_frame(group: h5g.GroupID) -> None:
    """Write the checksum of a pandas item into its group; replaces a former one.

    There will be none if h5py cannot read the values because of their compression.
    """
    parts = list(_parts(group, b""))
    datasets = [part.location for part in parts if isinstance(part.location, h5d.DatasetID)]
    if any(map(missing_filter, datasets)):
        forget_frame(group)
        return
    lengths = [_length(dataset) for dataset in datasets]
    replace_attribute(group, CHECKSUM, encoded_note(_crc(parts, lengths), *lengths))


def forget_frame(group: h5g.GroupID) -> None:
    """Remove the checksum of a pandas item that changes, if it has one."""
    if h5a.exists(group, CHECKSUM):
        h5a.delete(group, CHECKSUM)


def check_frame(group: h5g.GroupID) -> None:
    """Raise if a pandas item is not what was stored.

    Nothing is known of one without a checksum, or whose compression h5py cannot read here.

    Raises
    ------
    StorageFormatError
        It is something else.
    """
    if not h5a.exists(group, CHECKSUM):
        return
    kept, *lengths = note_of(group)
    parts = list(_parts(group, b""))
    datasets = [part.location for part in parts if isinstance(part.location, h5d.DatasetID)]
    if any(map(missing_filter, datasets)):
        return
    is_whole = len(datasets) == len(lengths) and all(
        _length(dataset) >= length for dataset, length in zip(datasets, lengths, strict=True)
    )
    if not is_whole or _crc(parts, lengths) != kept:
        raise StorageFormatError(MISMATCH)


def _parts(group: h5g.GroupID, path: bytes) -> Iterator[_Part]:
    """Yield a group and all that is in it, always in the same order."""
    yield _Part(path, group)
    for name in child_names(group)[0]:
        if name.startswith(_INDEX):
            continue
        child = h5o.open(group, name)
        below = path + b"/" + name
        if h5i.get_type(child) == h5i.GROUP:
            yield from _parts(child, below)
        else:
            yield _Part(below, child)


def _length(dataset: h5d.DatasetID) -> int:
    return int(dataset.shape[0]) if dataset.shape else 0


def _crc(parts: list[_Part], lengths: list[int]) -> int:
    """Return the checksum of parts, of datasets as many rows as ``lengths`` says."""
    crc = 0
    remaining = iter(lengths)
    for path, location in parts:
        crc = _crc_of_attributes(location, crc_of_bytes(path + b"\0", crc))
        if isinstance(location, h5d.DatasetID):
            crc = crc_of_bytes(location.get_type().encode(), crc)
            crc = _crc_of_values(location, next(remaining), crc)
    return crc


def _crc_of_attributes(location: Any, crc: int) -> int:
    for name in sorted(attribute_names(location)):
        if name in (CHECKSUM, _LENGTH):
            continue
        attribute = h5a.open(location, name)
        kind = attribute.get_type()
        crc = crc_of_bytes(name + b"\0" + kind.encode(), crc)
        if kind.get_class() == h5t.STRING and kind.is_variable_str():
            continue  # nothing here writes such
        if attribute.get_space().get_simple_extent_type() == h5s.NULL:
            continue
        value = np.zeros(attribute.shape, dtype=f"V{kind.get_size()}")
        if value.size:
            attribute.read(value, kind)
        crc = crc_of(value, crc)
    return crc


def _crc_of_values(dataset: h5d.DatasetID, rows: int, crc: int) -> int:
    if not dataset.shape or not rows:
        shape: tuple[int, ...] = () if dataset.shape is None else dataset.shape
        return crc_of(np.array(shape, dtype="<u8"), crc)
    kind = dataset.get_type()
    if kind.get_class() == h5t.VLEN:
        return crc_of_rows(map(np.asarray, h5py.Dataset(dataset)[:rows]), crc)
    values = np.zeros(dataset.shape, dtype=f"V{kind.get_size()}")
    dataset.read(h5s.ALL, h5s.ALL, values, kind)
    return crc_of(values[:rows], crc_of(np.array(values.shape[1:], dtype="<u8"), crc))
