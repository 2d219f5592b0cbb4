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

    def fit(level: int, complib: str | None, *, shuffle: bool) -> Any:
        if complib is None or library_of(complib) == _UNFIT:
            complib = "zlib"
        return tables.Filters(level, complib, shuffle=shuffle)

    own = fit(settings.complevel, settings.complib, shuffle=settings.shuffle)

    def create_vlarray(*args: Any, filters: Any = None, **kwargs: Any) -> Any:
        if filters is not None:
            filters = fit(filters.complevel, filters.complib, shuffle=filters.shuffle)
        return create(*args, filters=own if filters is None else filters, **kwargs)

    file.create_vlarray = create_vlarray
