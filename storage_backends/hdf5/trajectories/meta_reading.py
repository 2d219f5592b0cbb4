"""Reading the data about a trajectory itself, of all versions of the layout."""

from __future__ import annotations

import codecs
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from h5py import h5d, h5g

from pypet.encoding.unpickling import Unpickling
from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.records import Info, MetaRecord
from pypet.storage_backends.hdf5.encoding.annotations import read_annotations
from pypet.storage_backends.hdf5.encoding.attribute_reading import (
    attribute_names,
    read_flag,
    read_text,
)
from pypet.storage_backends.hdf5.encoding.layout import COMMENT, IS_LEAF, LENGTH
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.groups import child_addresses, hdf5_path
from pypet.storage_backends.hdf5.objects.own_paths import OwnPaths, foreign_source
from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit, charge_dataset
from pypet.storage_backends.hdf5.objects.tables import read_rows
from pypet.storage_backends.hdf5.pytables.foreign import missing_filter, read_foreign
from pypet.storage_backends.hdf5.settings.settings import TABLES
from pypet.storage_backends.hdf5.trajectories.run_rows import read_runs

logger = logging.getLogger(__name__)


Rows = np.ndarray[Any, Any]

_KEPT_ROW_BYTES = 128
"""Roughly what is kept of a row of the run table."""


def read_meta(
    file: OpenFile,
    trajectory: str,
    rule: Unpickling,
    *,
    with_runs: bool,
    limit: SizeLimit | None = None,
) -> MetaRecord:
    """Return info, annotations, explorations, settings and, if asked for, the run table.

    Raises
    ------
    DataNotInStorageError
        The overview that every trajectory has is missing.
    RefusedPickleError
        An annotation is pickled, and ``rule`` forbids to load it.
    StorageFormatError
        A table is not in this file, or takes more memory than ``limit`` allows.
    """
    tables = _Tables(file, trajectory, rule, limit)
    info = tables.rows("info")
    if info is None or not len(info):
        raise DataNotInStorageError(
            f"{trajectory!r} in {file.path} has no table overview/info, so it is no trajectory or "
            "was not stored completely."
        )
    explorations = tables.rows("explorations")
    settings = tables.rows("hdf5_settings")
    if settings is None or not len(settings):
        logger.warning("%r in %s has no settings; defaults are used.", trajectory, file.path)
    runs = tables.runs() if with_runs else None
    root = h5g.open(file.id, hdf5_path(trajectory, ""))
    return MetaRecord(
        _info(info, root, trajectory),
        read_annotations(root, attribute_names(root), rule, ""),
        _explored_in_old_file(root)
        if explorations is None
        else tuple(name.decode("utf8") for name in explorations["explorations"].tolist()),
        {} if settings is None or not len(settings) else _settings(settings),
        runs,
    )


class _Tables:
    """The overview tables of a trajectory, however they are compressed."""

    def __init__(
        self, file: OpenFile, trajectory: str, rule: Unpickling, limit: SizeLimit | None
    ) -> None:
        self._limit = limit
        self._file = file
        self._rule = rule
        self._path = hdf5_path(trajectory, "overview")

    def rows(self, name: str) -> Rows | None:
        """Return all rows of a table, None if there is none of this name."""
        table = self._open(name)
        if table is None:
            return None
        if missing_filter(table):
            return self._foreign_rows(name)
        return read_rows(table)

    def runs(self) -> Any:
        """Return the run table.

        Raises
        ------
        DataNotInStorageError
            There is none.
        """
        table = self._open("runs")
        if table is None:
            raise DataNotInStorageError(
                f"There is no run table at {self._path.decode()} in {self._file.path}."
            )
        if missing_filter(table):
            return read_runs(self._foreign_rows("runs"))
        return read_runs(table)

    def _open(self, name: str) -> h5d.DatasetID | None:
        path = self._path + b"/" + name.encode("ascii")
        if not OwnPaths(self._file.id).lead_to(path):
            return None
        table = h5d.open(self._file.id, path)
        where = f"Table {path.decode('utf8')!r} in {self._file.path}"
        source = foreign_source(table)
        if source:
            raise StorageFormatError(f"{where} is {source}; nothing is read from other files.")
        if self._limit is not None:  # runs are read in blocks; most of a row is empty text
            kept = _KEPT_ROW_BYTES if name == "runs" else None
            charge_dataset(self._limit, table, lambda: where, row_size=kept)
        return table

    def _foreign_rows(self, name: str) -> Rows:
        path = f"{self._path.decode('utf8')}/{name}"
        with read_foreign(self._file, [path], self._rule) as source:
            return source.values(path)


def _info(rows: Rows, root: h5g.GroupID, trajectory: str) -> Info:
    row = {name: rows[name][0] for name in rows.dtype.names or ()}

    def text(name: str) -> str:
        value: bytes = row.get(name, b"")
        return bytes(value).decode("utf8", "replace")

    comment = read_text(root, COMMENT) if COMMENT in attribute_names(root) else text("comment")
    return Info(
        text("name") or trajectory,
        text("time"),
        float(row.get("timestamp", 0.0)),
        comment,
        int(row.get("length", 0)),
        text("version"),
        text("python"),
    )


def _settings(rows: Rows) -> Mapping[str, Any]:
    """Return settings by their names below ``config.hdf5``; columns of old files are ignored."""
    settings: dict[str, Any] = {}
    for name in rows.dtype.names or ():
        value = rows[name][0]
        value = value.decode("utf8", "replace") if isinstance(value, bytes) else value.item()
        if name in TABLES:
            settings[f"overview.{name}"] = value
        elif name in _OTHER:
            settings[name] = value
    codecs.lookup(settings.get("encoding", "utf8"))  # a LookupError tells what is wrong
    return settings


_OTHER = frozenset(
    (
        "complib",
        "complevel",
        "shuffle",
        "fletcher32",
        "pandas_format",
        "encoding",
        "purge_duplicate_comments",
        "results_per_run",
        "derived_parameters_per_run",
    )
)


def _explored_in_old_file(root: h5g.GroupID) -> tuple[str, ...]:
    """Return the names of parameters that say themselves that they are explored."""
    found: list[str] = []
    seen: set[int | None] = set()
    for branch, address in child_addresses(root)[0]:
        if branch in (b"parameters", b"derived_parameters") and address not in seen:
            seen.add(address)
            _collect_explored(h5g.open(root, branch), branch.decode("ascii"), found, seen)
    found.sort(key=lambda name: not name.startswith("parameters"))
    return tuple(found)


def _collect_explored(
    group: h5g.GroupID, path: str, found: list[str], seen: set[int | None]
) -> None:
    """Add the names below a group; what several links lead to is visited once."""
    for name, address in child_addresses(group)[0]:
        if address in seen:
            continue
        seen.add(address)
        child = h5g.open(group, name)
        child_path = f"{path}.{name.decode('utf8')}"
        attributes = attribute_names(child)
        if IS_LEAF not in attributes or not read_flag(child, IS_LEAF):
            _collect_explored(child, child_path, found, seen)
        elif LENGTH in attributes and read_flag(child, LENGTH):
            found.append(child_path)
