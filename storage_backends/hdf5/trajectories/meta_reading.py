"""Reading the data about a trajectory itself, in all versions of the layout."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5g

from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import DataNotInStorageError, RefusedPickleError, StorageFormatError
from pypet.records import Digest, Info, MetaRecord, RunError, RunRows
from pypet.records.run_rows import RunSelection
from pypet.storage_backends.hdf5.compression.filters import missing_filter
from pypet.storage_backends.hdf5.encoding.annotations import read_annotations
from pypet.storage_backends.hdf5.encoding.attributes import (
    attribute_names,
    read_comment,
    read_text,
)
from pypet.storage_backends.hdf5.encoding.layout import COMMENT, COMPLIB
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.groups import child_names, has_child, hdf5_path
from pypet.storage_backends.hdf5.objects.paths import OwnPaths, external_source
from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit, charge_dataset
from pypet.storage_backends.hdf5.objects.tables import read_integers
from pypet.storage_backends.hdf5.pytables.fallback_reading import read_through_pytables
from pypet.storage_backends.hdf5.settings.settings import TABLES, full_name
from pypet.storage_backends.hdf5.trajectories.rebuilding import (
    OverviewDamage,
    RefusedTableError,
    checked_rows,
    explored_leaves,
    known_length,
    settings_in_config,
)
from pypet.storage_backends.hdf5.trajectories.run_errors import COLUMNS as ERROR_COLUMNS
from pypet.storage_backends.hdf5.trajectories.run_errors import read_errors
from pypet.storage_backends.hdf5.trajectories.run_rows import (
    read_rows_of_runs,
    read_runs,
    unstarted_runs,
)
from pypet.version import __version__

Rows = np.ndarray[Any, Any]

_KEPT_ROW_BYTES = 128
"""Approximate memory of a row of the run table."""


def read_meta(
    file: OpenFile,
    trajectory: str,
    policy: UnpicklingPolicy,
    *,
    with_runs: bool,
    limit: SizeLimit | None = None,
) -> MetaRecord:
    """Return info, annotations, explorations, settings and, on request, the run table.

    Damaged parts are rebuilt from the rest of the file, with one warning in the log.

    Raises
    ------
    DataNotInStorageError
        There is neither an overview nor any other part of a trajectory.
    RefusedPickleError
        An annotation is pickled, and ``policy`` forbids loading it.
    StorageFormatError
        A table is not in this file, or takes more memory than ``limit`` allows.
    """
    damage = OverviewDamage(file.path, trajectory)
    record = read_overview(file, trajectory, policy, damage, with_runs=with_runs, limit=limit)
    root = h5g.open(file.id, hdf5_path(trajectory, ""))
    annotations = read_annotations(root, attribute_names(root), policy, "")
    damage.log()
    return record._replace(annotations=annotations)


def read_overview(
    file: OpenFile,
    trajectory: str,
    policy: UnpicklingPolicy,
    damage: OverviewDamage,
    *,
    with_runs: bool,
    limit: SizeLimit | None = None,
) -> MetaRecord:
    """Return the same without annotations, and add rebuilt parts to ``damage``.

    Raises the same errors as `read_meta`.
    """
    tables = _Tables(file, trajectory, policy, limit)
    info = _info(tables, trajectory, damage)
    explorations = damage.read(
        "explorations", lambda: _explorations(tables), "explored are the parameters with a range"
    )
    if explorations is None:
        explorations = tuple(name for name, _ in explored_leaves(tables.root()))
    settings = _settings(tables, trajectory, damage)
    runs = _runs(tables, info.length, damage) if with_runs else None
    return MetaRecord(info, {}, explorations, settings, runs)


def read_some_runs(
    file: OpenFile,
    trajectory: str,
    policy: UnpicklingPolicy,
    select: RunSelection,
    limit: SizeLimit | None = None,
) -> MetaRecord | None:
    """Return the data about a trajectory with the rows of some runs; see `InspectsRuns`.

    None unless the overview is as it should be.
    """
    damage = OverviewDamage(file.path, trajectory, notes_refusals=True)
    meta = read_overview(file, trajectory, policy, damage, with_runs=False, limit=limit)
    indices = select(meta.info.length)
    if indices is None or damage.found:
        return None
    try:
        runs = _Tables(file, trajectory, policy, limit).some_runs(indices)
    except (*SYMPTOMS, StorageFormatError, RefusedPickleError):
        return None
    return None if runs is None else meta._replace(runs=runs)


def read_digest(
    file: OpenFile, trajectory: str, policy: UnpicklingPolicy, limit: SizeLimit | None
) -> Digest | None:
    """Return the digest of a trajectory whose overview is as it should be, else None.

    Takes a third of the time of `read_overview`.
    """
    tables = _Tables(file, trajectory, policy, limit)
    try:
        rows = tables.rows("info")
        if rows is None or len(rows) != 1:
            return None
        root = tables.root()
        names = attribute_names(root)
        info = _info_of_row(rows, read_comment(root, COMMENT) if COMMENT in names else "")
        completed = tables.completed()
        if not info.name or completed is None or len(completed) != info.length:
            return None
        if completed.all():
            return Digest(info, len(completed), 0)
        failed = sum(0 <= run < len(completed) and not completed[run] for run in tables.errors())
        return Digest(info, int(completed.sum()), failed)
    except (*SYMPTOMS, StorageFormatError, RefusedPickleError):
        return None  # read_overview describes what is wrong


class _Tables:
    """The overview tables of a trajectory, with any compression."""

    def __init__(
        self, file: OpenFile, trajectory: str, policy: UnpicklingPolicy, limit: SizeLimit | None
    ) -> None:
        self._limit = limit
        self._file = file
        self._policy = policy
        self._path = hdf5_path(trajectory, "overview")
        self._root = hdf5_path(trajectory, "")
        self.file = file.path

    def root(self) -> h5g.GroupID:
        """Return the group of the trajectory, which becomes invalid when PyTables reads a table."""
        return h5g.open(self._file.id, self._root)

    def is_there(self, name: str) -> bool:
        """Return whether an object of this name exists, readable or not."""
        try:
            group = h5g.open(self._file.id, self._path)
        except ValueError:
            return False
        return has_child(group, name.encode("ascii"))

    def rows(self, name: str) -> Rows | None:
        """Return all rows of a table, None if it does not exist."""
        table = self._open(name)
        if table is None:
            return None
        if missing_filter(table):
            return self._foreign_rows(name)
        return checked_rows(table)

    def noted_complib(self) -> str:
        """Return the attributes of the existing table of settings."""
        table = self._open("hdf5_settings")
        assert table is not None
        return noted_complib(table)

    def length(self, name: str) -> int:
        """Return the number of rows of a table, 0 if it is unknown."""
        try:
            table = self._open(name)
            return 0 if table is None else int(table.shape[0])
        except (*SYMPTOMS, StorageFormatError):
            return 0

    def runs(self, length: int) -> tuple[RunRows, int] | None:
        """Return the run table and how many of its ``length`` rows are lost, None without one."""
        table = self._open("runs")
        if table is None:
            return None
        return read_runs(self._foreign_rows("runs") if missing_filter(table) else table, length)

    def some_runs(self, indices: np.ndarray[Any, Any]) -> RunRows | None:
        """Return the rows of some runs, with the errors of all; None if all have to be read."""
        table = self._open("runs")
        if table is None or missing_filter(table):
            return None
        runs = read_rows_of_runs(table, indices)
        return None if runs is None else replace(runs, errors=self.errors())

    def completed(self) -> np.ndarray[Any, np.dtype[np.bool_]] | None:
        """Return which runs are completed, by index; None if the run table is not that simple."""
        table = self._open("runs")
        if table is None or missing_filter(table):
            return None
        idx, completed = read_integers(table, ("idx", "completed"))
        is_sound = np.array_equal(idx, np.arange(len(idx)))
        is_completed: np.ndarray[Any, np.dtype[np.bool_]] = completed == 1
        return is_completed if is_sound and (is_completed | (completed == 0)).all() else None

    def errors(self) -> dict[int, RunError]:
        """Return run index -> error of failed runs; empty for files of other programs."""
        rows = self.rows("run_errors")
        if rows is None:
            return {}
        missing = set(ERROR_COLUMNS) - set(rows.dtype.names or ())
        if missing:
            raise StorageFormatError(f"it has no column {', '.join(sorted(missing))}")
        return read_errors(rows)

    def _open(self, name: str) -> h5d.DatasetID | None:
        path = self._path + b"/" + name.encode("ascii")
        if not OwnPaths(self._file.id).lead_to(path):
            return None
        table = h5d.open(self._file.id, path)
        where = f"Table {path.decode('utf8')!r} in {self._file.path}"
        source = external_source(table)
        if source:
            raise RefusedTableError(f"{where} is {source}; nothing is read from other files.")
        if self._limit is not None:  # runs are read in blocks; most of a row is empty text
            kept = _KEPT_ROW_BYTES if name == "runs" else None
            try:
                charge_dataset(self._limit, table, lambda: where, row_size=kept)
            except StorageFormatError as refusal:
                raise RefusedTableError(str(refusal)) from refusal
        return table

    def _foreign_rows(self, name: str) -> Rows:
        path = f"{self._path.decode('utf8')}/{name}"
        with read_through_pytables(self._file, [path], self._policy) as source:
            return source.values(path)


def _info(tables: _Tables, trajectory: str, damage: OverviewDamage) -> Info:
    instead = "time and version of the trajectory are unknown, runs are those that can be found"
    rows = damage.read("info", lambda: tables.rows("info"), instead)
    root = tables.root()
    attributes = attribute_names(root)
    comment = read_comment(root, COMMENT) if COMMENT in attributes else ""
    if rows is not None and len(rows):
        info = _info_of_row(rows, comment)
        if info.name and info.length > 0:
            return info
        damage.note("info", "is empty", instead)
    elif rows is None and not set(child_names(root)[0]) - {b"overview"}:
        raise _no_trajectory(tables, trajectory)
    elif rows is None and not tables.is_there("info"):
        damage.note("info", "is missing", instead)
    length = max(known_length(root), tables.length("runs"))
    return Info(trajectory, "", 0.0, comment, length, __version__, "")


def _no_trajectory(tables: _Tables, trajectory: str) -> DataNotInStorageError:
    return DataNotInStorageError(
        f"{trajectory!r} in {tables.file} has no table overview/info, so it is not a trajectory or "
        "was not stored completely."
    )


def _info_of_row(rows: Rows, comment: str) -> Info:
    row = {name: rows[name][0] for name in rows.dtype.names or ()}

    def text(name: str) -> str:
        value: bytes = row.get(name, b"")
        return bytes(value).decode("utf8", "replace")

    return Info(
        text("name"),
        text("time"),
        float(row.get("timestamp", 0.0)),
        comment or text("comment"),
        int(row.get("length", 0)),
        text("version"),
        text("python"),
    )


def _explorations(tables: _Tables) -> tuple[str, ...] | None:
    """Return the names of explored parameters, None if there is no table, as in old files."""
    rows = tables.rows("explorations")
    if rows is None:
        return None
    names = tuple(name.decode("utf8") for name in rows["explorations"].tolist())
    for name in names:
        if not name.startswith(_PARAMETERS):
            raise StorageFormatError(f"it names {name!r}")
    return names


_PARAMETERS = ("parameters.", "derived_parameters.")


def _runs(tables: _Tables, length: int, damage: OverviewDamage) -> RunRows:
    found = damage.read("runs", lambda: tables.runs(length), _NOT_COMPLETED)
    if found is None:
        if not tables.is_there("runs"):
            damage.note("runs", "is missing", _NOT_COMPLETED)
        return unstarted_runs(length)
    runs, lost = found
    if lost:
        damage.note("runs", f"has lost {lost} of {length} rows", _NOT_COMPLETED)
    errors = damage.read("run_errors", tables.errors, "why runs failed is unknown")
    return replace(runs, errors=errors) if errors else runs


_NOT_COMPLETED = "runs without a row count as not completed, though their results may be there"


def _settings(tables: _Tables, trajectory: str, damage: OverviewDamage) -> Mapping[str, Any]:
    """Return settings by their names below ``config.hdf5``."""
    instead = "settings are those in config.hdf5, or the default ones"
    rows = damage.read("hdf5_settings", lambda: tables.rows("hdf5_settings"), instead)
    if rows is not None and len(rows):
        settings = damage.read(
            "hdf5_settings", lambda: _settings_of(rows, tables.noted_complib()), instead
        )
        if settings is not None:
            return settings
    elif rows is not None or not tables.is_there("hdf5_settings"):
        damage.note("hdf5_settings", "is missing", instead)
    known = settings_in_config(tables.root())
    return {
        name: value
        for name, value in known.items()
        if name in _OTHER or name.removeprefix("overview.") in TABLES
    }


def noted_complib(table: h5d.DatasetID) -> str:
    """Return the compression library with its compressor from the table of settings."""
    return read_text(table, COMPLIB) if h5a.exists(table, COMPLIB) else ""


def _settings_of(rows: Rows, noted_complib: str) -> Mapping[str, Any]:
    """Return the content of the table; columns of old files are ignored."""
    settings: dict[str, Any] = {}
    if rows.dtype.names is None:
        raise StorageFormatError("it has no columns")
    for name in rows.dtype.names:
        value = rows[name][0]
        value = value.decode("utf8") if isinstance(value, bytes) else value.item()
        if name in TABLES:
            settings[f"overview.{name}"] = value
        elif name in _OTHER:
            settings[name] = value
    codecs.lookup(settings.get("encoding", "utf8"))  # the message of its LookupError is the reason
    if "complib" in settings:
        settings["complib"] = full_name(settings["complib"], noted_complib)
    if settings.get("complib") == "" or not 0 <= settings.get("complevel", 0) <= 9:
        raise StorageFormatError("there is no such compression")
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
