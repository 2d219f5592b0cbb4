"""Overview tables: lists of leaves for people who look into a file.

They are never read back, except for the digests of comments, and rows are never removed. New rows
are collected and written together when the file is flushed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from h5py import h5d, h5g

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import StorageFormatError
from pypet.records import PutNode
from pypet.storage_backends.hdf5.compression.filters import chunked, missing_filter
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.objects.groups import (
    child_address,
    child_names,
    create_group,
    has_child,
)
from pypet.storage_backends.hdf5.objects.tables import (
    append_rows,
    create_table,
    cut,
    dtype_of_table,
    fitted,
    read_rows,
    write_all,
    write_rows,
)
from pypet.storage_backends.hdf5.pytables.fallback_reading import read_through_pytables
from pypet.storage_backends.hdf5.settings.settings import Filters

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache

logger = logging.getLogger(__name__)

GROUP_NAME = b"overview"
CHUNK_ROWS = 16
"""Small chunks, so that adding one row does not recompress many."""

DIGEST_SIZE = 64
"""Width in bytes of the column with the digest of a comment."""

_LOCATION = ("location", f"S{constants.HDF5_STRCOL_MAX_LOCATION_LENGTH}")
_NAME = ("name", f"S{constants.HDF5_STRCOL_MAX_NAME_LENGTH}")
_VALUE = ("value", f"S{constants.HDF5_STRCOL_MAX_VALUE_LENGTH}")
_COMMENT = ("comment", f"S{constants.HDF5_STRCOL_MAX_COMMENT_LENGTH}")
_LEAVES = np.dtype([_LOCATION, _NAME, _VALUE, _COMMENT])
_SUMMARY = np.dtype([_LOCATION, _NAME, _VALUE, ("hexdigest", f"S{DIGEST_SIZE}"), _COMMENT])
_EXPLORED = np.dtype(
    [
        _LOCATION,
        _NAME,
        _VALUE,
        _COMMENT,
        ("length", "i4"),
        ("range", f"S{constants.HDF5_STRCOL_MAX_RANGE_LENGTH}"),
    ]
)

LAYOUTS: dict[str, np.dtype[Any]] = {
    "config_overview": _LEAVES,
    "parameters_overview": _LEAVES,
    "derived_parameters_overview": _LEAVES,
    "results_overview": _LEAVES,
    "explored_parameters_overview": _EXPLORED,
    "derived_parameters_summary": _SUMMARY,
    "results_summary": _SUMMARY,
}
"""Name of each table -> its columns."""

Row = dict[str, Any]


def leaf_row(node: PutNode) -> Row:
    """Return the columns of a leaf that all tables share."""
    location, _, name = node.path.rpartition(".")
    return {
        "location": cut(location, constants.HDF5_STRCOL_MAX_LOCATION_LENGTH),
        "name": cut(name, constants.HDF5_STRCOL_MAX_NAME_LENGTH),
        "value": cut(node.summary or "", constants.HDF5_STRCOL_MAX_VALUE_LENGTH),
        "comment": cut(node.comment, constants.HDF5_STRCOL_MAX_COMMENT_LENGTH),
    }


def explored_row(node: PutNode) -> Row:
    """Return the additional columns of an explored parameter."""
    exploration = node.exploration
    assert exploration is not None
    return {
        **leaf_row(node),
        "length": exploration.length,
        "range": cut(exploration.summary, constants.HDF5_STRCOL_MAX_RANGE_LENGTH),
    }


class Place(Protocol):
    """Opens groups of a trajectory by full name."""

    def group(self, path: str) -> h5g.GroupID | None:
        """Return an open group, None if it does not exist."""


class OverviewTable:
    """One table and its pending rows."""

    def __init__(self, place: Place, name: str, cap: int | None) -> None:
        self._place = place
        self._name = name.encode("ascii")
        self._cap = cap
        self._length: int | None = None
        self._first: Row | None = None
        self._changed: Row | None = None
        self._pending: list[Row] = []
        self._is_damaged = False

    def open(self) -> h5d.DatasetID | None:
        """Return the table, None if it does not exist or is damaged."""
        if self._is_damaged:
            return None
        table = None
        with self.harmless():
            group = self._place.group("overview")
            if group is not None and has_child(group, self._name):
                table = h5d.open(group, self._name)
        return table

    @contextmanager
    def harmless(self) -> Iterator[None]:
        """Treat a table that turns out to be damaged in a ``with`` block as missing.

        The tables are only for people to read, so their damage does not prevent storing.
        """
        try:
            yield
        except (*SYMPTOMS, StorageFormatError) as error:
            if comes_from_the_system(error):
                raise
            self._is_damaged = True
            self._length = -1
            self._pending.clear()
            logger.warning(
                "The table overview/%s is damaged and will not be updated any more; no other data "
                "is affected: %s",
                self._name.decode(),
                error,
            )

    def has_room(self) -> bool:
        """Return whether the table exists and accepts another row."""
        if self._length is None:
            table = self.open()
            self._length = -1
            if table is not None:
                with self.harmless():
                    self._length = table.shape[0]
        if self._length < 0:
            return False
        return self._cap is None or self._length + len(self._pending) < self._cap

    def add(self, row: Row) -> None:
        """Add a pending row.

        In a capped table of fewer than two rows, it replaces the row of the same leaf.
        """
        if not self.has_room():
            return
        if self._cap is not None and self._length + len(self._pending) < 2:  # type: ignore[operator]
            for position, other in enumerate(self._pending):
                if _same_leaf(other, row):
                    self._pending[position] = row
                    return
            if self._length:
                with self.harmless():
                    if _same_leaf(self._first_row(), row):
                        self._changed = row
                        return
                if self._is_damaged:
                    return
        self._pending.append(row)

    def _first_row(self) -> Row:
        if self._first is None:
            table = self.open()
            rows = read_rows(table, 0, 1)
            self._first = {name: rows[name][0] for name in ("location", "name")}
        return self._first

    def write_pending(self) -> None:
        """Write the pending rows."""
        if not self._pending and self._changed is None:
            return
        table = self.open()
        changed, self._changed = self._changed, None
        pending, self._pending = self._pending, []
        self._length = self._first = None
        if table is None:
            return
        with self.harmless():
            dtype = dtype_of_table(table)
            if changed is not None:
                write_rows(table, 0, _rows([changed], dtype))
            append_rows(table, _rows(pending, dtype))


def comes_from_the_system(error: Exception) -> bool:
    """Return whether the disk is full or failing, as opposed to a damaged table."""
    is_reported = isinstance(error, OSError) and error.errno is not None
    return is_reported or "errno = " in str(error)


def _same_leaf(row: Row, other: Row) -> bool:
    return bool(row["name"] == other["name"] and row["location"] == other["location"])


def _rows(rows: list[Row], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    names = rows[0].keys() if rows else ()
    return fitted({name: [row[name] for row in rows] for name in names}, len(rows), dtype)


def overview_group(root: h5g.GroupID, filters: Filters) -> h5g.GroupID:
    """Return the group of the overview tables; create it if necessary."""
    if has_child(root, GROUP_NAME):
        return h5g.open(root, GROUP_NAME)
    return create_group(root, GROUP_NAME, filters, title="overview")


def make_missing_tables(group: h5g.GroupID, wanted: dict[str, bool], filters: Filters) -> None:
    """Create the requested tables that do not exist yet."""
    for name, is_wanted in wanted.items():
        raw = name.encode("ascii")
        if is_wanted and not has_child(group, raw):
            create_table(group, raw, LAYOUTS[name], 0, filters, title=name, chunk_rows=CHUNK_ROWS)


# ----- tables of other programs -------------------------------------------------------------------


def make_tables_writable(
    cache: TrajectoryCache, filters: Filters, policy: UnpicklingPolicy
) -> None:
    """Rewrite overview tables with ``filters`` if h5py cannot change them.

    Other data stays as it is and can be read through PyTables.

    Raises
    ------
    ValueError
        PyTables does not have the compression filter either.
    RefusedPickleError
        PyTables would load a pickle that ``policy`` forbids.
    """
    group = cache.group("overview")
    if group is None or not has_child(group, b"info"):
        return
    address = child_address(group, b"info")
    if cache.file.file_cache.writable.get(cache.name) == address:
        return
    names = [name for name in child_names(group)[0] if _is_foreign(group, name)]
    if names:
        _convert(cache, names, filters, policy)
    else:
        cache.file.file_cache.writable[cache.name] = address


def _convert(
    cache: TrajectoryCache, names: list[bytes], filters: Filters, policy: UnpicklingPolicy
) -> None:
    chunked((1,), filters, 1, constants.TABLE)  # raises before anything is touched
    base = cache.hdf5_path("overview").decode("utf8")
    paths = [f"{base}/{name.decode('utf8')}" for name in names]
    with read_through_pytables(cache.file, paths, policy) as source:
        tables = {name: source.values(f"{base}/{name.decode('utf8')}") for name in names}
    group = cache.group("overview")  # the file was closed in the meantime
    assert group is not None
    for name, rows in tables.items():
        group.unlink(name)
        title = "" if name == b"explorations" else name.decode("utf8")
        table = create_table(
            group, name, rows.dtype, len(rows), filters, title=title, chunk_rows=CHUNK_ROWS
        )
        write_all(table, rows)


def _is_foreign(group: h5g.GroupID, name: bytes) -> bool:
    try:
        return bool(missing_filter(h5d.open(group, name)))
    except (KeyError, OSError, RuntimeError, ValueError):  # damaged: reading it reports that
        return False
