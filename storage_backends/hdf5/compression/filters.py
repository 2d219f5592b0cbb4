"""Compression: creation properties of chunked datasets, chunk shapes, and PyTables' notes."""

from __future__ import annotations

from functools import lru_cache

from h5py import h5p, h5z

from pypet.storage_backends.hdf5.encoding.attributes import MANY
from pypet.storage_backends.hdf5.settings.options import BLOSC_COMPRESSORS
from pypet.storage_backends.hdf5.settings.settings import Filters

CHUNK_BYTES = 128 * 1024
"""About so large are the chunks of datasets; smaller datasets have one chunk."""
LARGE_CHUNK_BYTES = 1024 * 1024
"""The same for datasets of several megabytes: fast compression then is as good as slow one, and
a chunk still fits into HDF5's cache, by default a megabyte a dataset."""
LARGE_BYTES = 4 * LARGE_CHUNK_BYTES

_LIBRARY_IDS = {"zlib": 1, "lzo": 2, "bzip2": 3, "blosc": 4, "blosc2": 5}
"""PyTables' numbers of libraries in the attribute FILTERS."""
_FILTER_IDS = {"lzo": 305, "bzip2": 307, "blosc": 32001, "blosc2": 32026}
"""Numbers registered with the HDF Group (hdf5_plugins, RegisteredFilterPlugins.md)."""


def packed(filters: Filters) -> int:
    """Return the value of PyTables' attribute FILTERS for children of a group."""
    library = filters.complib.partition(":")[0]
    level = filters.complevel
    return (
        level
        | (_LIBRARY_IDS.get(library, 0) << 8 if level else 0)
        | (int(filters.shuffle and level > 0) << 16)
        | (int(filters.fletcher32) << 17)
    )


@lru_cache(maxsize=512)
def chunked(chunk: tuple[int, ...], filters: Filters, itemsize: int) -> h5p.PropDCID:
    """Return the creation properties of a chunked dataset.

    Raises
    ------
    ValueError
        The compression library is unknown or not available for writing, or the level is not in
        0..9.
    """
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    properties.set_chunk(chunk)
    properties.set_attr_phase_change(MANY, MANY // 2)
    if not 0 <= filters.complevel <= 9:
        raise ValueError(f"The compression level is one of 0..9, not {filters.complevel!r}.")
    if filters.fletcher32:
        properties.set_fletcher32()
    if filters.complevel:
        _compress(properties, filters, itemsize)
    return properties


def _compress(properties: h5p.PropDCID, filters: Filters, itemsize: int) -> None:
    library, _, compressor = filters.complib.partition(":")
    if library.startswith("blosc"):
        code = BLOSC_COMPRESSORS.index(compressor) if compressor else 0
        values = (0, 0, itemsize, 0, filters.complevel, int(filters.shuffle), code)
        properties.set_filter(_available(filters), h5z.FLAG_OPTIONAL, values)
        return
    if filters.shuffle:
        properties.set_shuffle()
    if library == "zlib":
        properties.set_deflate(filters.complevel)
    else:
        properties.set_filter(_available(filters), h5z.FLAG_OPTIONAL, (filters.complevel,))


def _available(filters: Filters) -> int:
    library, _, compressor = filters.complib.partition(":")
    number = _FILTER_IDS.get(library)
    if number is None or (compressor and compressor not in BLOSC_COMPRESSORS):
        raise ValueError(
            f"There is no compression library {filters.complib!r}; take complib='zlib'."
        )
    if not h5z.filter_avail(number):
        raise ValueError(
            f"Data cannot be written with complib={filters.complib!r}: h5py has no such filter "
            "here. Set complib='zlib' (config.hdf5.complib of a loaded trajectory); files that "
            "were compressed with it can still be read."
        )
    return number


def chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Return the chunks for a dataset: itself if small, else blocks of whole rows if they fit."""
    chunk = [max(1, length) for length in shape]
    size = max(1, itemsize)
    for length in chunk:
        size *= length
    limit = LARGE_CHUNK_BYTES if size >= LARGE_BYTES else CHUNK_BYTES
    for axis in range(len(chunk)):
        if size <= limit:
            break
        rest = size // chunk[axis]
        chunk[axis] = max(1, limit // rest)
        size = rest * chunk[axis]
    return tuple(chunk)
