"""Writing the data about a trajectory itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5g

from pypet import pypetconstants as constants
from pypet.records import Info, PutMeta
from pypet.storage_backends.hdf5.encoding.annotations import annotate
from pypet.storage_backends.hdf5.encoding.attributes import (
    attribute_names,
    encode_attribute,
    read_comment,
    replace_attribute,
    write_text,
)
from pypet.storage_backends.hdf5.encoding.checksums import renew_checksum
from pypet.storage_backends.hdf5.encoding.layout import CHECKSUM, COMMENT, COMPLIB
from pypet.storage_backends.hdf5.objects.groups import create_group, has_child, remove
from pypet.storage_backends.hdf5.objects.tables import (
    Rows,
    create_table,
    cut,
    dtype_of_table,
    fitted,
    read_rows,
    write_all,
    write_rows,
)
from pypet.storage_backends.hdf5.settings.settings import TABLES, Filters, Settings, library_of
from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache
from pypet.storage_backends.hdf5.trajectories.meta_reading import noted_complib
from pypet.storage_backends.hdf5.trajectories.overview_tables import (
    make_missing_tables,
    overview_group,
)
from pypet.storage_backends.hdf5.trajectories.run_errors import write_errors
from pypet.storage_backends.hdf5.trajectories.run_rows import write_runs

_TEXT = constants.HDF5_STRCOL_MAX_LOCATION_LENGTH
_NAME = constants.HDF5_STRCOL_MAX_NAME_LENGTH
INFO = np.dtype(
    [
        ("name", f"S{_TEXT}"),
        ("time", "S20"),
        ("length", "i4"),
        ("timestamp", "f8"),
        ("comment", f"S{constants.HDF5_STRCOL_MAX_COMMENT_LENGTH}"),
        ("python", f"S{_NAME}"),
        ("version", f"S{_NAME}"),
    ]
)


def put_meta(cache: TrajectoryCache, meta: PutMeta, settings: Settings) -> None:
    """Write info, runs, settings and explorations; create the trajectory if it is new.

    Raises
    ------
    RuntimeError
        The trajectory should be new, but the file has another one of its name.
    """
    if cache.exists():
        if meta.is_new:
            _check_same(cache, cache.groups[""], meta)
        _write(cache, meta, settings)
        return
    name = cache.name.encode("utf8")
    root = create_group(cache.file.id, name, settings.filters, title=cache.name)
    cache.remember("", root)
    try:
        _write(cache, meta, settings)
    except BaseException:
        cache.forget_handles()
        remove(cache.file.id, b"/" + name)
        raise


def _write(cache: TrajectoryCache, meta: PutMeta, settings: Settings) -> None:
    filters = settings.filters
    root = cache.groups[""]
    _describe(root, meta)
    cache.forget_tables()
    group = overview_group(root, filters)
    _put_row(group, b"info", _info_columns(meta.info), INFO, filters)
    make_missing_tables(group, settings.tables, filters)
    write_errors(group, meta.runs, filters)
    write_runs(group, meta.runs, meta.info.length, filters)
    columns = _settings_columns(settings)
    row = _put_row(group, b"hdf5_settings", columns, _settings_layout(settings), filters)
    table = h5d.open(group, b"hdf5_settings")
    _note_compressor(table, settings.complib)
    if filters.checksums:
        # The row alone, not compressed chunks: the table is too small to be compressed.
        renew_checksum(table, row)
    _put_explorations(group, meta.explorations, filters)


def _check_same(cache: TrajectoryCache, root: h5g.GroupID, meta: PutMeta) -> None:
    """Accept a request that was applied before."""
    if has_child(root, b"overview"):
        group = h5g.open(root, b"overview")
        if has_child(group, b"info"):
            rows = read_rows(h5d.open(group, b"info"), 0, 1)
            if len(rows) and rows["timestamp"][0] == meta.info.timestamp:
                return
    raise RuntimeError(
        f"There is already a trajectory {cache.name!r} in {cache.file.path}. Give the new one "
        "another name, for example with `add_time=True`, or another file, or let "
        "`overwrite_file=True` delete this one with all that is in it. With "
        "`on_existing='extend'` an environment continues the existing one."
    )


def _describe(root: h5g.GroupID, meta: PutMeta) -> None:
    known = attribute_names(root)
    comment = meta.info.comment
    if comment and (COMMENT not in known or read_comment(root, COMMENT) != comment):
        replace_attribute(root, COMMENT, encode_attribute(comment))
    if meta.annotations or meta.overwrite:
        annotate(root, meta.annotations, known, replace=meta.overwrite)


def _info_columns(info: Info) -> dict[str, Any]:
    return {
        name: [cut(value, INFO[name].itemsize) if isinstance(value, str) else value]
        for name, value in info._asdict().items()
    }


def _settings_layout(settings: Settings) -> np.dtype[Any]:
    def width(least: int, text: str) -> str:
        return f"S{max(least, len(text.encode('utf8')))}"

    return np.dtype(
        [
            ("complib", "S7"),  # the width in files of established versions, which truncate it
            ("complevel", "i4"),
            ("shuffle", "?"),
            ("fletcher32", "?"),
            ("pandas_format", width(7, settings.pandas_format)),
            ("encoding", width(11, settings.encoding)),
            *[(name, "?") for name in TABLES],
            ("purge_duplicate_comments", "?"),
            ("results_per_run", "i4"),
            ("derived_parameters_per_run", "i4"),
        ]
    )


def _settings_columns(settings: Settings) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for path, (value, _) in settings.entries().items():
        cell = value.encode("utf8") if isinstance(value, str) else value
        columns[path.rpartition(".")[2]] = [cell]
    columns["complib"] = [library_of(settings.complib).encode("ascii")]
    return columns


def _note_compressor(table: h5d.DatasetID, complib: str) -> None:
    """Record the full name of a compression library if it includes a compressor."""
    noted = noted_complib(table)
    if noted == (complib if complib != library_of(complib) else ""):
        return
    for name in (COMPLIB, CHECKSUM):  # the checksum is always the last attribute
        if h5a.exists(table, name):
            h5a.delete(table, name)
    if complib != library_of(complib):
        write_text(table, COMPLIB, complib)


def _put_row(
    group: h5g.GroupID,
    name: bytes,
    columns: Mapping[str, Any],
    layout: np.dtype[Any],
    filters: Filters,
) -> Rows:
    """Write the only row of a table and return the table; recreate it if its layout differs."""
    row = fitted(dict(columns), 1, layout)
    if has_child(group, name):
        table = h5d.open(group, name)
        if dtype_of_table(table) == layout and table.shape == (1,):
            write_rows(table, 0, row)
            return row
        group.unlink(name)
    title = name.decode("ascii")
    write_all(create_table(group, name, layout, 1, filters, title=title, chunk_rows=1), row)
    return row


def _put_explorations(group: h5g.GroupID, explorations: tuple[str, ...], filters: Filters) -> None:
    """Write the names of explored parameters unless the file has them already."""
    name = b"explorations"
    texts = [text.encode("utf8") for text in explorations]
    if has_child(group, name):
        if read_rows(h5d.open(group, name))["explorations"].tolist() == texts:
            return
        group.unlink(name)
    width = max(1, int(1.5 * max(map(len, texts), default=0)))
    rows = np.array([(text,) for text in texts], dtype=[("explorations", f"S{width}")])
    table = create_table(group, name, rows.dtype, len(rows), filters, title="")
    write_all(table, rows)
    if filters.checksums:
        renew_checksum(table, rows)
