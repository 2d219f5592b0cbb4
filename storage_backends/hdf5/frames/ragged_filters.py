"""Columns of text under `fletcher32`: HDF5 has no such checksum for rows of any length.

Pandas keeps text of fixed frames in such rows, whose values stand elsewhere in the file. It
takes the filters of the group that they are in; PyTables then fails.
"""

from __future__ import annotations

from typing import Any

from pypet.storage_backends.hdf5.settings.settings import Settings


def keep_ragged_rows_without_fletcher32(file: Any, settings: Settings) -> None:
    """Let an open file of PyTables make arrays of ragged rows that it can write."""
    import tables

    if not settings.fletcher32:
        return
    create = file.create_vlarray
    own = tables.Filters(settings.complevel, settings.complib, shuffle=settings.shuffle)

    def create_vlarray(*args: Any, filters: Any = None, **kwargs: Any) -> Any:
        filters = own if filters is None else filters.copy(fletcher32=False)
        return create(*args, filters=filters, **kwargs)

    file.create_vlarray = create_vlarray
