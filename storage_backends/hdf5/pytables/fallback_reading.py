"""Reading data through PyTables if h5py lacks the compression filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from h5py import h5o

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import TRUST, UnpicklingPolicy
from pypet.errors import StorageFormatError
from pypet.records import ArrayItem, Column, Item, TableItem
from pypet.storage_backends.hdf5.compression.filters import check_readable
from pypet.storage_backends.hdf5.encoding.layout import (
    BYTE_ORDER,
    COLLECTION,
    ELEMENT_TYPES,
    SCALAR_TYPE,
    column_prefix,
)
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.pytables.pickle_inspection import inspect_items
from pypet.storage_backends.hdf5.pytables.plain_copies import plain_copy
from pypet.storage_backends.hdf5.pytables.stores import closed_on_failure, quiet


class PyTablesReader:
    """A file opened by PyTables."""

    def __init__(self, file: Any, path: str) -> None:
        self._file = file
        self._path = path

    def values(self, path: str) -> np.ndarray[Any, Any]:
        """Return all values of an array, or all rows of a table.

        Raises
        ------
        StorageFormatError
            PyTables cannot read it either.
        """
        import tables

        node = self._file.get_node(path)
        if isinstance(node, tables.UnImplemented):
            raise StorageFormatError(
                f"{path} in {self._path} cannot be read: PyTables does not know what it is."
            )
        try:
            if isinstance(node, tables.Array):
                return np.asarray(node.read(), dtype=node.atom.dtype.base)
            return np.asarray(node.read())
        except tables.HDF5ExtError as err:
            raise StorageFormatError(
                f"{path} in {self._path} cannot be read, a filter is missing or the file is "
                f"damaged: {err}"
            ) from err

    def item(self, name: str, flag: str, path: str) -> Item:
        """Return an item of a leaf."""
        node = self._file.get_node(path)
        attributes = node._v_attrs
        values = self.values(path)
        if flag in (constants.TABLE, constants.DICT):
            columns = tuple(
                Column(
                    column,
                    np.ascontiguousarray(values[column]),
                    _text(attributes, f"{column_prefix(column)}COLL_TYPE"),
                    _text(attributes, f"{column_prefix(column)}SCALAR_TYPE"),
                    _text(attributes, f"{column_prefix(column)}BYTE_ORDER"),
                    _text(attributes, f"{column_prefix(column)}ELEMENT_TYPES"),
                )
                for column in values.dtype.names or ()
            )
            return TableItem(name, flag, columns)
        return ArrayItem(
            name,
            flag,
            values,
            _text(attributes, COLLECTION.decode()),
            _text(attributes, SCALAR_TYPE.decode()),
            _text(attributes, "FLAVOR") or "numpy",
            _text(attributes, BYTE_ORDER.decode()),
            _text(attributes, ELEMENT_TYPES.decode()),
        )


def _text(attributes: Any, name: str) -> str | None:
    if name not in attributes:
        return None
    value = attributes[name]
    return value.decode("utf8") if isinstance(value, bytes) else str(value)


@contextmanager
def read_through_pytables(
    file: OpenFile, paths: Sequence[str], policy: UnpicklingPolicy
) -> Iterator[PyTablesReader]:
    """Open the file through PyTables to read the arrays and tables at absolute paths.

    If ``policy`` trusts every pickle, h5py closes the file in the meantime. Otherwise PyTables
    opens a copy in memory.

    Raises
    ------
    RefusedPickleError
        PyTables would load a forbidden pickle.
    MissingFilterError
        PyTables does not have the filter either.
    StorageFormatError
        The file is damaged there.
    """
    for path in paths:
        check_readable(h5o.open(file.id, path.encode("utf8")), f"{path} in {file.path}")
    if policy.mode == TRUST:
        inspect_items(file, paths, policy)
        with file.handed_over() as path, quiet(), _opened(path) as source:
            yield PyTablesReader(source, path)
        return
    with plain_copy(file, paths, policy) as options:
        name = f"{file.path} (copy in memory)"
        with quiet(), _opened(name, **options) as source:
            yield PyTablesReader(source, file.path)


def _opened(path: str, **options: Any) -> Any:
    import tables

    with closed_on_failure():
        return tables.open_file(path, "r", **options)
