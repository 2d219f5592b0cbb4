"""Rows of any length, which pandas makes of text in fixed frames, with filters that they can have.

HDF5 has no checksums of such rows, whose values stand elsewhere in the file, and PyTables does not
make them with blosc2. Pandas takes the filters of the group that they are in; PyTables then fails.
"""

from __future__ import annotations

from typing import Any

from pypet.storage_backends.hdf5.settings.compressors import library_of
from pypet.storage_backends.hdf5.settings.settings import Settings

_UNFIT = "blosc2"


def keep_ragged_rows_writable(file: Any, settings: Settings) -> None:
    """Let an open file of PyTables make arrays of ragged rows that it can write."""
    import tables

    if not settings.fletcher32 and library_of(settings.complib) != _UNFIT:
        return
    create = file.create_vlarray

    own = tables.Filters(settings.complevel, settings.complib, shuffle=settings.shuffle)

    def create_vlarray(*args: Any, filters: Any = None, **kwargs: Any) -> Any:
        return create(*args, filters=ragged_filters(own if filters is None else filters), **kwargs)

    file.create_vlarray = create_vlarray


def ragged_filters(filters: Any) -> Any:
    """Return those of PyTables' filters that rows of any length can have."""
    import tables

    complib = filters.complib or "zlib"
    if library_of(complib) == _UNFIT:
        complib = "zlib"
    return tables.Filters(filters.complevel, complib, shuffle=filters.shuffle)
