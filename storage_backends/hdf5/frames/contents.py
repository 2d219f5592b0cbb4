"""The whole content of a pandas item, read once for its checksum and for creating the object.

Nothing is unpickled here. PyTables writes pandas items in HDF5's oldest format, which has no
checksums at all, so ours covers everything that pandas reads: names, attributes, types and values
of everything in the group of the item. It is the attribute ``SRVC_CHECKSUM`` of that group,
followed by the number of rows of each dataset, in the order of their paths. Rows that another
program appends later are not covered, and neither are indexes, which are never loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5i, h5o, h5s, h5t

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.compression.filters import missing_filter
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

INDEX = b"_i_"
"""Prefix of the names of groups with PyTables' indexes, which are never loaded."""

Array = np.ndarray[Any, Any]


class RawAttribute(NamedTuple):
    """An attribute as its bytes."""

    kind: h5t.TypeID
    encoded_kind: bytes
    value: Array | None
    """Elements of dtype ``V``; None if there are none, and for text of variable length."""


class Part:
    """The group of an item, or a member of it."""

    __slots__ = ("_attributes", "_has_shape", "_kind", "_raw", "_shape", "location", "path")

    def __init__(self, path: bytes, location: Any) -> None:
        self.path = path
        """Path relative to the item: empty for the group itself, otherwise with a leading slash."""
        self.location = location
        self._attributes: dict[bytes, RawAttribute] | None = None
        self._kind: h5t.TypeID | None = None
        self._raw: Array | None = None
        self._shape: tuple[int, ...] | None = None
        self._has_shape = False

    @property
    def is_dataset(self) -> bool:
        """Whether it has values."""
        return isinstance(self.location, h5d.DatasetID)

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of a dataset, None for an empty dataspace."""
        if not self._has_shape:
            self._shape = self.location.shape
            self._has_shape = True
        return self._shape

    @property
    def kind(self) -> h5t.TypeID:
        """The type of the elements of a dataset."""
        if self._kind is None:
            self._kind = self.location.get_type()
        return self._kind

    @property
    def is_ragged(self) -> bool:
        """Whether the rows of a dataset have variable length."""
        return bool(self.kind.get_class() == h5t.VLEN)

    @property
    def length(self) -> int:
        """Number of rows of a dataset."""
        return int(self.shape[0]) if self.shape else 0

    @property
    def attributes(self) -> dict[bytes, RawAttribute]:
        """All attributes by name."""
        if self._attributes is None:
            names: list[bytes] = []
            h5a.iterate(self.location, names.append)
            self._attributes = {name: _read_attribute(self.location, name) for name in names}
        return self._attributes

    @property
    def raw_values(self) -> Array:
        """All values of a dataset that has a shape and no ragged rows, of dtype ``V``."""
        if self._raw is None:
            self._raw = np.zeros(self.shape or (), dtype=f"V{self.kind.get_size()}")
            if self._raw.size:
                self.location.read(h5s.ALL, h5s.ALL, self._raw, self.kind)
        return self._raw

    def ragged_rows(self, count: int) -> Iterator[Array]:
        """Yield the first rows of a dataset with ragged rows."""
        yield from map(np.asarray, h5py.Dataset(self.location)[:count])


def read_content(group: h5g.GroupID) -> list[Part]:
    """Return the parts of an item in a fixed order; their content is read lazily."""
    return list(_parts(group, b""))


def _parts(group: h5g.GroupID, path: bytes) -> Iterator[Part]:
    yield Part(path, group)
    for name in child_names(group)[0]:
        if name.startswith(INDEX):
            continue
        child = h5o.open(group, name)
        below = path + b"/" + name
        if h5i.get_type(child) == h5i.GROUP:
            yield from _parts(child, below)
        else:
            yield Part(below, child)


def _read_attribute(location: Any, name: bytes) -> RawAttribute:
    attribute = h5a.open(location, name)
    kind = attribute.get_type()
    encoded = kind.encode()
    if _is_variable(kind, encoded):
        return RawAttribute(kind, encoded, None)
    try:
        size = attribute.get_storage_size()  # faster than querying its dataspace
    except RuntimeError:  # h5py takes 0 for an error
        if attribute.get_space().get_simple_extent_npoints():
            raise
        size = 0
    if not size:
        return RawAttribute(kind, encoded, None)
    width = kind.get_size()
    value = np.zeros(size // width, dtype=f"V{width}")
    try:
        attribute.read(value, kind)
    except TypeError:  # of several axes
        value = np.zeros(attribute.shape, dtype=f"V{width}")
        attribute.read(value, kind)
    return RawAttribute(kind, encoded, value)


def _is_variable(kind: h5t.TypeID, encoded: bytes) -> bool:
    known = _VARIABLE.get(encoded)
    if known is None:
        if len(_VARIABLE) >= _MOST_KNOWN:
            _VARIABLE.clear()
        known = kind.get_class() == h5t.STRING and bool(kind.is_variable_str())
        _VARIABLE[encoded] = known
    return known


_VARIABLE: dict[bytes, bool] = {}
"""Type -> whether it is text of variable length; a cache."""
_MOST_KNOWN = 1024


# ----- checksums ----------------------------------------------------------------------------------


_LENGTH = b"NROWS"
"""PyTables' attribute with the number of rows, which grows with the table."""


def note_frame(group: h5g.GroupID) -> None:
    """Write the checksum of a pandas item into its group; replaces a former one.

    Nothing is written if h5py cannot read the values because of their compression.
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
    """Verify the checksum of a pandas item; items without one are accepted.

    ``parts`` are the contents of its group.

    Raises
    ------
    StorageFormatError
        The content does not match the checksum.
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
    """Return the checksum of parts; ``lengths`` limits the rows of datasets."""
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
