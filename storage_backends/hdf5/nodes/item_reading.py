"""Reading the items of a leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5d, h5g, h5s

from pypet import pypetconstants as constants
from pypet.encoding.mixtures import NONE
from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.records import ArrayItem, Column, FrameItem, Item, SharedItem, TableItem
from pypet.storage_backends.hdf5.compression.filters import (
    MissingFilterError,
    check_readable,
    has_filter_plugins,
    missing_filter,
)
from pypet.storage_backends.hdf5.encoding.attributes import SCALAR, attribute_names, read_text
from pypet.storage_backends.hdf5.encoding.checksums import check_values, crc_of, crc_of_rows
from pypet.storage_backends.hdf5.encoding.layout import (
    BYTE_ORDER,
    CHECKSUM,
    COLLECTION,
    ELEMENT_TYPES,
    SCALAR_TYPE,
    SHARED_TYPE,
    STORED_AS,
    column_prefix,
)
from pypet.storage_backends.hdf5.encoding.types import dtype_of, file_type, native
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.contents import check_frame, read_content
from pypet.storage_backends.hdf5.frames.dtypes import with_noted_dtypes
from pypet.storage_backends.hdf5.frames.frame_reading import read_frames
from pypet.storage_backends.hdf5.frames.plain_frames import notes_of, plain_frame
from pypet.storage_backends.hdf5.nodes.item_opening import ItemOpener
from pypet.storage_backends.hdf5.objects.arrays import COMPACT_BYTES
from pypet.storage_backends.hdf5.objects.header_patterns import Link
from pypet.storage_backends.hdf5.objects.tables import column_types
from pypet.storage_backends.hdf5.pytables.fallback_reading import read_through_pytables

FLAVOR = b"FLAVOR"
_EMPTY_DTYPE = b"PTCOMPAT__empty__dtype"

_ARRAYS = frozenset((constants.ARRAY, constants.CARRAY, constants.EARRAY))
_TABLES = frozenset((constants.TABLE, constants.DICT))
_FRAMES = frozenset((constants.FRAME, constants.SERIES))

_PYTHON_SCALARS = frozenset(("int", "float", "complex", "str", "bytes"))
"""Types of scalars whose flavor is always Python."""
_NONE = np.array(NONE.encode())
"""None is stored like the text of these letters; another attribute distinguishes the two."""

ItemFilter = Callable[[str], bool]


class _Found(NamedTuple):
    """Something in a leaf that needs the file to be closed first: it is read at the end."""

    name: str
    flag: str
    path: str


class ItemReader:
    """Reads the items of one leaf after another from an open file."""

    def __init__(
        self, file: OpenFile, policy: UnpicklingPolicy, opener: ItemOpener, *, checksums: bool
    ) -> None:
        self._file = file
        self._policy = policy
        self._opener = opener
        self._checksums = checksums

    def read(
        self,
        leaf: h5g.GroupID,
        path: bytes,
        wants: ItemFilter | None,
        links: list[Link] | None = None,
    ) -> tuple[Item, ...]:
        """Return the items, in alphabetical order, for which ``wants(name)`` is true.

        ``path`` is the absolute path of the leaf in the file, ``links`` are those in its header if
        they are known. Handles of groups may be invalid afterwards: see `OpenFile.generation`.

        Raises
        ------
        RefusedPickleError
            Something that pandas or PyTables would unpickle may not be.
        MissingFilterError
            An item is compressed by a filter that neither h5py nor PyTables has.
        StorageFormatError
            An item is damaged, its values are not in the file or take more memory than allowed,
            or there is an object that has no attribute with the kind of item.
        """
        items: list[Item] = []
        frames: list[_Found] = []
        foreign: list[_Found] = []
        for name, flag, location in _walk(leaf, "", path, wants, self._opener, links):
            if flag in _FRAMES:
                frames.append(_Found(name, flag, _inside(path, name)))
                continue
            try:
                items.append(self._read_item(location, name, flag))
            except (*SYMPTOMS, StorageFormatError) as err:
                if not (flag and isinstance(err, OSError) and has_filter_plugins(location)):
                    raise _unreadable(path, name, self._file.path, err) from err
                found = _Found(name, flag, _inside(path, name))
                if missing_filter(location):
                    foreign.append(found)
                    continue
                with self._about(found, path):  # once more, with filters that there are now
                    items.append(self._read_item(location, name, flag))
        if frames:
            items += self._read_frames(frames, path)
        if foreign:
            paths = [found.path for found in foreign]
            with read_through_pytables(self._file, paths, self._policy) as source:
                items += [source.item(found.name, found.flag, found.path) for found in foreign]
        if frames or foreign:
            items.sort(key=lambda item: item.name)
        return tuple(items)

    def _read_frames(self, frames: list[_Found], path: bytes) -> list[Item]:
        """Return pandas items, all of which are checked before PyTables sees one of them."""
        items: list[Item] = []
        others: list[_Found] = []
        for frame in frames:
            with self._about(frame, path):
                group = h5g.open(self._file.id, frame.path.encode("utf8"))
                check_readable(group, f"{frame.path} in {self._file.path}")
                if missing_filter(group):  # PyTables has it
                    others.append(frame)
                    continue
                parts = read_content(group)
                if self._checksums:
                    check_frame(group, parts)
                value = plain_frame(parts, self._policy, frame.path)
                if value is None:
                    others.append(frame)
                else:
                    value = with_noted_dtypes(value, notes_of(parts))
                    items.append(FrameItem(frame.name, frame.flag, value))
        return items + (self._read_by_pandas(others, path) if others else [])

    def _read_by_pandas(self, frames: list[_Found], path: bytes) -> list[Item]:
        try:
            values = read_frames(self._file, [frame.path for frame in frames], self._policy)
        except RefusedPickleError:
            raise
        except (*SYMPTOMS, StorageFormatError):  # which one it is shows when they are read alone
            values = []
            for frame in frames:
                with self._about(frame, path):
                    values += read_frames(self._file, [frame.path], self._policy)
        return [
            FrameItem(frame.name, frame.flag, value)
            for frame, value in zip(frames, values, strict=True)
        ]

    @contextmanager
    def _about(self, found: _Found, path: bytes) -> Iterator[None]:
        """Name the item in the error about damage in it."""
        try:
            yield
        except (RefusedPickleError, MissingFilterError):
            raise
        except (*SYMPTOMS, StorageFormatError) as err:
            raise _unreadable(path, found.name, self._file.path, err) from err

    def _read_item(self, location: Any, name: str, flag: str | None) -> Item:
        if flag == constants.VLARRAY:
            rows = self._opener.ragged_rows(h5py.Dataset(location), name)
            return _read_ragged(location, name, rows, check=self._checksums)
        return _read_item(location, name, flag, check=self._checksums)


def _inside(path: bytes, name: str) -> str:
    return path.decode("utf8") + "/" + name.replace(".", "/")


def _unreadable(path: bytes, name: str, file: str, err: Exception) -> StorageFormatError:
    return StorageFormatError(
        f"Item {name!r} at {path.decode()} in {file} cannot be read, the file may be damaged: {err}"
    )


def _walk(
    group: h5g.GroupID,
    prefix: str,
    path: bytes,
    wants: ItemFilter | None,
    opener: ItemOpener,
    links: list[Link] | None = None,
) -> Iterator[tuple[str, str | None, Any]]:
    """Yield name, flag and open location of all items, those of nested groups in their place."""
    for raw, address in opener.members(group, links):
        name = prefix + raw.decode("utf8")
        is_foreign = address is None and opener.is_foreign(group, raw, path, name)
        if is_foreign and wants is not None and not wants(name):
            continue
        location = opener.opened(group, raw, address, path, name)
        flag = _text_or_none(location, STORED_AS)
        if flag == constants.NESTED_GROUP:
            yield from _walk(location, name + ".", path, wants, opener)
        elif wants is None or wants(name):
            opener.check_allowed(
                location, address, path, name, is_shared=flag == constants.SHARED_DATA
            )
            yield name, flag, location


def _read_item(location: Any, name: str, flag: str | None, *, check: bool) -> Item:
    if flag in _ARRAYS:
        return _read_array(location, name, flag, check=check)
    if flag in _TABLES:
        if isinstance(location, h5g.GroupID):
            return _read_split_table(location, name, flag, check=check)
        return _read_table(location, name, flag, check=check)
    if flag == constants.SHARED_DATA:
        shared = _text_or_none(location, SHARED_TYPE)
        if shared is not None:
            return SharedItem(name, shared)
    if flag is None:
        raise StorageFormatError("it does not say what kind of item it is")
    raise StorageFormatError(f"nothing is known about its kind {flag!r}")


# ----- arrays ----------------------------------------------------------------------------------


def _read_array(dataset: h5d.DatasetID, name: str, flag: str, *, check: bool) -> ArrayItem:
    collection = _text_or_none(dataset, COLLECTION)
    if collection == constants.COLL_SCALAR and not (check and _may_have_checksum(dataset, flag)):
        scalar = _text_or_none(dataset, SCALAR_TYPE)
        value = _read_scalar(dataset, scalar)
        if value.dtype == _NONE.dtype and value[()] == _NONE:
            types = _text_or_none(dataset, ELEMENT_TYPES)
            return ArrayItem(name, flag, value, collection, scalar, _flavor(dataset), None, types)
        if scalar in _PYTHON_SCALARS:
            return ArrayItem(name, flag, value, collection, scalar, "python")
        return ArrayItem(name, flag, value, collection, scalar, _flavor(dataset))
    names = attribute_names(dataset)
    scalar = read_text(dataset, SCALAR_TYPE) if SCALAR_TYPE in names else None
    value = read_values(dataset, check=check and CHECKSUM in names)
    if collection == constants.COLL_SCALAR and value.size == 1:
        value = value.reshape(())
    if _EMPTY_DTYPE in names and value.size == 1:
        value = np.empty(0, dtype=np.dtype(read_text(dataset, _EMPTY_DTYPE)))
    order = read_text(dataset, BYTE_ORDER) if BYTE_ORDER in names else None
    types = read_text(dataset, ELEMENT_TYPES) if ELEMENT_TYPES in names else None
    return ArrayItem(name, flag, value, collection, scalar, _flavor(dataset), order, types)


def _text_or_none(location: Any, name: bytes) -> str | None:
    try:
        return read_text(location, name)
    except KeyError:
        return None


def _flavor(dataset: h5d.DatasetID) -> str:
    return _text_or_none(dataset, FLAVOR) or "numpy"


def _may_have_checksum(dataset: h5d.DatasetID, flag: str) -> bool:
    """Return whether a scalar is not kept in the header of its dataset, as most are."""
    return flag != constants.ARRAY or dataset.get_storage_size() > COMPACT_BYTES


def read_values(dataset: h5d.DatasetID, *, check: bool) -> np.ndarray[Any, Any]:
    """Return all values of a dataset, rows as structures.

    With ``check`` the dataset has a checksum, which is looked at.
    """
    kind = dataset.get_type()
    shape = dataset.shape
    if shape is None:
        return np.zeros(0, dtype=dtype_of(kind))
    values = np.zeros(shape, dtype=dtype_of(kind))
    if values.size:
        dataset.read(h5s.ALL, h5s.ALL, values, kind)
    if check:
        check_values(dataset, lambda: crc_of(values), values.size)
    return native(values)


def _read_scalar(dataset: h5d.DatasetID, scalar: str | None) -> np.ndarray[Any, Any]:
    """Return the only value of a dataset, whose type follows from that of the scalar."""
    expected = _SCALARS.get(scalar or "")
    try:
        if expected is not None and dataset.get_storage_size() == expected[0].itemsize:
            value = np.zeros((), dtype=expected[0])
            dataset.read(SCALAR, h5s.ALL, value, expected[1])
        else:
            kind = dataset.get_type()
            value = np.zeros((), dtype=dtype_of(kind))
            dataset.read(SCALAR, h5s.ALL, value, kind)
    except OSError:  # it has an axis, or another type
        return read_values(dataset, check=False)
    return native(value)


_SCALARS = {
    name: (np.dtype(kind), file_type(np.dtype(kind)))
    for name, kind in (("bool", "?"), ("float", "f8"), ("complex", "c16"))
}
"""Types whose files hold nothing else under these names; integers are signed or not."""


def _read_ragged(
    dataset: h5d.DatasetID, name: str, read: Sequence[Any], *, check: bool
) -> ArrayItem:
    rows = [np.asarray(row) for row in read]
    if check and CHECKSUM in attribute_names(dataset):
        check_values(dataset, lambda: crc_of_rows(rows), len(rows))
    value = np.empty(len(rows), dtype=object)
    for position, row in enumerate(rows):
        value[position] = row
    return ArrayItem(
        name,
        constants.VLARRAY,
        value,
        _text_or_none(dataset, COLLECTION),
        _text_or_none(dataset, SCALAR_TYPE),
        _flavor(dataset),
        _text_or_none(dataset, BYTE_ORDER),
        _text_or_none(dataset, ELEMENT_TYPES),
    )


# ----- tables ----------------------------------------------------------------------------------


def _read_table(table: h5d.DatasetID, name: str, flag: str, *, check: bool) -> TableItem:
    names = attribute_names(table)
    rows = read_values(table, check=check and CHECKSUM in names)
    return TableItem(
        name,
        flag,
        tuple(
            Column(column, native(rows[column]), *column_types(table, names, column))
            for column in rows.dtype.names or ()
        ),
    )


def _read_split_table(group: h5g.GroupID, name: str, flag: str, *, check: bool) -> TableItem:
    last = name.rpartition(".")[2]
    types = _types(h5d.open(group, f"{last}__{STORED_AS.decode()}".encode()), check=check)
    columns = []
    part = last
    number = 0
    while group.links.exists(part.encode("utf8")):
        rows = _read_part(h5d.open(group, part.encode("utf8")), check=check)
        for column in rows.dtype.names or ():
            prefix = column_prefix(column)
            columns.append(
                Column(
                    column,
                    native(rows[column]),
                    types.get(prefix + "COLL_TYPE"),
                    types.get(prefix + "SCALAR_TYPE"),
                    types.get(prefix + "BYTE_ORDER"),
                    types.get(prefix + "ELEMENT_TYPES"),
                )
            )
        number += 1
        part = f"{last}_{number}"
    return TableItem(name, flag, tuple(columns))


def _read_part(table: h5d.DatasetID, *, check: bool) -> np.ndarray[Any, Any]:
    return read_values(table, check=check and CHECKSUM in attribute_names(table))


def _types(table: h5d.DatasetID, *, check: bool) -> dict[str, str]:
    rows = _read_part(table, check=check)
    return {
        name.decode("utf8"): value.decode("utf8")
        for name, value in zip(rows["field_name"].tolist(), rows["data_type"].tolist(), strict=True)
    }
