"""Compression: creation properties of chunked datasets, chunk shapes, and PyTables' notes."""

from __future__ import annotations

import logging
from functools import lru_cache

from h5py import h5p, h5z

from pypet import pypetconstants as constants
from pypet.storage_backends.hdf5.compression.filter_plugins import (
    BLOSC,
    BLOSC2,
    BZIP2,
    LZO,
    how_to_get,
    make_available,
)
from pypet.storage_backends.hdf5.encoding.attributes import MANY
from pypet.storage_backends.hdf5.settings.compressors import BLOSC_CODES, library_of, split_name
from pypet.storage_backends.hdf5.settings.settings import Filters

logger = logging.getLogger(__name__)

CHUNK_BYTES = 128 * 1024
"""About so large are the chunks of datasets; smaller datasets have one chunk."""
LARGE_CHUNK_BYTES = 1024 * 1024
"""The same for datasets of several megabytes: fast compression then is as good as slow one, and
a chunk still fits into HDF5's cache, by default a megabyte a dataset."""
LARGE_BYTES = 4 * LARGE_CHUNK_BYTES

_LIBRARY_IDS = {"zlib": 1, "lzo": 2, "bzip2": 3, "blosc": 4, "blosc2": 5}
"""PyTables' numbers of libraries in the attribute FILTERS."""
_FILTER_IDS = {"lzo": LZO, "bzip2": BZIP2, "blosc": BLOSC, "blosc2": BLOSC2}
_PYTABLES_CLASSES = {
    constants.TABLE: (27, 0),
    constants.EARRAY: (11, 2),
    constants.VLARRAY: (14, 3),
    constants.CARRAY: (11, 4),
}
"""Ten times the version of a kind of dataset, and its number, which PyTables' filters read."""
_UNCHECKED = (BLOSC, BLOSC2)
"""Compressors that do not find out that a chunk is damaged, as the others do."""


def packed(filters: Filters) -> int:
    """Return the value of PyTables' attribute FILTERS for children of a group."""
    library = library_of(filters.complib)
    level = filters.complevel
    return (
        level
        | (_LIBRARY_IDS.get(library, 0) << 8 if level else 0)
        | (int(filters.shuffle and level > 0) << 16)
        | (int(filters.fletcher32) << 17)
    )


@lru_cache(maxsize=512)
def chunked(chunk: tuple[int, ...], filters: Filters, itemsize: int, kind: str) -> h5p.PropDCID:
    """Return the creation properties of a chunked dataset, which are those that PyTables takes.

    ``kind`` is the flag of arrays, and ``TABLE`` for whatever has rows.

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
    properties.set_attr_creation_order(h5p.CRT_ORDER_TRACKED)  # its header has a checksum then
    if not 0 <= filters.complevel <= 9:
        raise ValueError(f"The compression level is one of 0..9, not {filters.complevel!r}.")
    number = _compress(properties, filters, itemsize, kind) if filters.complevel else 0
    # Rows of tables that grow have no checksum of ours.
    needs_check = number in _UNCHECKED and filters.checksums and kind == constants.TABLE
    if filters.fletcher32 or needs_check:
        # After the compressor, so that it is given no chunk that is damaged.
        properties.set_fletcher32()
    return properties


def _compress(properties: h5p.PropDCID, filters: Filters, itemsize: int, kind: str) -> int:
    """Add the compressor, and return its number; 0 for that of HDF5 itself."""
    library, compressor = split_name(filters.complib)
    if library == "blosc2" and kind == constants.VLARRAY:
        library = "zlib"  # PyTables makes no rows of any length with it
    number = _FILTER_IDS.get(library, 0)
    if number:
        _check_available(number, filters.complib)
    if library.startswith("blosc"):
        code = BLOSC_CODES[compressor or "blosclz"]
        # The filter itself fills in the first four; it leaves out a code that is the default.
        values = [0, 0, itemsize, 0, filters.complevel, int(filters.shuffle)]
        properties.set_filter(number, h5z.FLAG_OPTIONAL, (*values, code) if code else (*values,))
        return number
    if filters.shuffle:
        properties.set_shuffle()
    if number:
        values = [filters.complevel, *_PYTABLES_CLASSES[kind]]
        properties.set_filter(number, h5z.FLAG_OPTIONAL, (*values,))
    else:
        properties.set_deflate(filters.complevel)
    return number


def _check_available(number: int, complib: str) -> None:
    if not make_available(number):
        library = library_of(complib)
        instead = "'zlib'" if library.startswith("blosc") else "'blosc' or 'zlib'"
        raise ValueError(
            f"Data cannot be written with complib={complib!r} here: {how_to_get(library)}. Or take "
            f"complib={instead} (config.hdf5.complib of a loaded trajectory)."
        )


def check_library(complib: str) -> None:
    """Raise ValueError if data cannot be compressed with a library, and say what to do.

    A warning in the log says if others will not be able to read it.
    """
    library, _ = split_name(complib)
    if library in _FILTER_IDS:
        _check_available(_FILTER_IDS[library], complib)
    if library == "blosc2":
        logger.warning(
            "Data compressed with %s cannot be read with PyTables before 3.8, which many "
            "installations of pypet 0.x have. For files that go there take complib='blosc'.",
            complib,
        )


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
