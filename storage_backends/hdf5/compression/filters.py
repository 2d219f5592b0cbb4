"""Filters: making them available to HDF5, and the creation properties that use them.

h5py and PyTables usually bring a library of HDF5 each, and a filter is registered with one of them.
hdf5plugin registers those of Blosc with that of h5py. LZO is not among its filters; where PyTables
was built with it, PyTables' function is registered with h5py's library, too, and so is that of
bzip2. Functions of filters have had the same form since HDF5 1.8 (H5Zpublic.h).
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import logging
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from h5py import h5d, h5g, h5o, h5p, h5z

from pypet import pypetconstants as constants
from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.encoding.attributes import MANY, Encoded, encode_attribute
from pypet.storage_backends.hdf5.settings.settings import (
    BLOSC_CODES,
    Filters,
    library_of,
    split_name,
)
from pypet.support.optional import is_installed

logger = logging.getLogger(__name__)

LZO, BZIP2, BLOSC, BLOSC2 = 305, 307, 32001, 32026
"""Numbers registered with the HDF Group (hdf5_plugins, RegisteredFilterPlugins.md)."""
_FILTERS = {LZO: "lzo", BZIP2: "bzip2", BLOSC: "blosc", BLOSC2: "blosc2"}
_HDF5_OWN = range(256)
"""Numbers reserved for filters that come with HDF5."""

_NEEDS_PLUGIN = (
    'h5py needs the package hdf5plugin for it: pip install "pypet[hdf5]", or pip install hdf5plugin'
)
_NEEDS_LZO = (
    "it needs a PyTables that was built with LZO, as those of conda-forge and Debian are; those "
    "of PyPI are not since version 3.10"
)


@functools.cache
def make_available(number: int) -> bool:
    """Return whether h5py has a filter, after trying to provide it."""
    if number in _HDF5_OWN:
        return bool(h5z.filter_avail(number))
    if number in _OF_PYTABLES and _register_filter_of_pytables(number):
        return True
    if not h5z.filter_avail(number) and is_installed("hdf5plugin"):
        try:
            importlib.import_module("hdf5plugin")
        except (ImportError, OSError, RuntimeError) as err:  # made for another h5py, or damaged
            logger.warning(
                "hdf5plugin cannot be imported, so that its filters are missing: %s", err
            )
    if not h5z.filter_avail(number) and is_installed("tables"):
        importlib.import_module("tables")  # its filters are those of h5py if both share one HDF5
    return bool(h5z.filter_avail(number))


class MissingFilterError(StorageFormatError):
    """Data is whole, but compressed in a way that cannot be read here."""


def make_all_available() -> None:
    """Provide all filters that can be had, for calls to HDF5 that meet data of any kind."""
    for number in _FILTERS:
        make_available(number)


def missing_filter(location: Any) -> str:
    """Return the name of a filter of a dataset that h5py does not have, ``''`` if it has all.

    Those that can be provided are there afterwards, so that a reading that failed is worth another
    try. Of a group all datasets in it are looked at.
    """
    for number, name in _filters(location):
        if not make_available(number):
            return _FILTERS.get(number, "") or name.decode("ascii", "replace") or str(number)
    return ""


def has_filter_plugins(location: Any) -> bool:
    """Return whether a dataset, or one in a group, has filters that HDF5 does not bring itself."""
    return any(number not in _HDF5_OWN for number, _ in _filters(location))


def check_readable(location: Any, where: str) -> None:
    """Make sure that h5py or PyTables has the filters of a dataset, or of those in a group.

    Raises
    ------
    MissingFilterError
        Neither of them has; the message says what to install.
    """
    name = missing_filter(location)
    if name and not _is_in_pytables(name):
        raise MissingFilterError(
            f"{where} is compressed with {name}, which cannot be read here: {how_to_get(name)}."
        )


def _is_in_pytables(name: str) -> bool:
    if name not in _FILTERS.values() or not is_installed("tables"):
        return False
    import tables

    return tables.which_lib_version(name) is not None


def how_to_get(name: str) -> str:
    """Return what has to be installed for a library, as the end of a message."""
    if name == _FILTERS[LZO]:
        return _NEEDS_LZO
    return _NEEDS_PLUGIN if name in _FILTERS.values() else "no package is known that has it"


def _filters(location: Any) -> Iterator[tuple[int, bytes]]:
    if isinstance(location, h5g.GroupID):
        for name in location:
            child = h5o.open(location, name)
            if isinstance(child, h5d.DatasetID):
                yield from _filters(child)
    elif isinstance(location, h5d.DatasetID):
        properties = location.get_create_plist()
        for index in range(properties.get_nfilters()):
            number, _, _, name = properties.get_filter(index)
            yield number, name


# ----- filters of PyTables ---------------------------------------------------------------------

_OF_PYTABLES = (LZO, BZIP2)

_Filter = ctypes.CFUNCTYPE(
    ctypes.c_size_t,  # bytes of the result, 0 if it failed
    ctypes.c_uint,  # flags, among them the direction
    ctypes.c_size_t,
    ctypes.c_void_p,  # settings of the dataset, and how many
    ctypes.c_size_t,  # bytes of content in the buffer
    ctypes.POINTER(ctypes.c_size_t),  # size of the buffer
    ctypes.POINTER(ctypes.c_void_p),  # the buffer, to be freed or replaced
)
"""``H5Z_func_t``."""


class _FilterClass(ctypes.Structure):
    """``H5Z_class2_t``."""

    _fields_ = [
        ("version", ctypes.c_int),
        ("id", ctypes.c_int),
        ("encoder_present", ctypes.c_uint),
        ("decoder_present", ctypes.c_uint),
        ("name", ctypes.c_char_p),
        ("can_apply", ctypes.c_void_p),
        ("set_local", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
    ]


_KEPT: list[Any] = []
"""What HDF5 has pointers to."""


def _register_filter_of_pytables(number: int) -> bool:
    """Register PyTables' function of a filter with h5py; return whether that can be done."""
    if not is_installed("tables") or sys.platform == "win32":  # where Python cannot find it
        return False
    import tables

    name = _FILTERS[number]
    if not tables.which_lib_version(name):
        return False
    library = ctypes.CDLL(importlib.import_module(f"tables._comp_{name}").__file__)
    function = getattr(library, f"{name}_deflate", None)
    if function is None:
        return False
    tight = _with_tight_buffers(ctypes.cast(function, _Filter))
    address = ctypes.cast(tight, ctypes.c_void_p)
    described = _FilterClass(1, number, 1, 1, name.encode("ascii"), None, None, address)
    _KEPT.extend((library, tight, described))
    h5z.register_filter(ctypes.addressof(described))
    return True


def _with_tight_buffers(function: Any) -> Any:
    """Return a filter whose buffers are as large as what is in them.

    LZO and bzip2 make theirs larger. HDF5 (2.0 and before) copies all of the buffer into one as
    large as a chunk when it copies rows of any length (``H5D__chunk_copy_cb``), and so beyond its
    end.
    """
    resize = ctypes.CDLL(None).realloc
    resize.restype, resize.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_size_t)

    def apply(
        flags: int, count: int, values: int, nbytes: int, buffer_size: Any, buffer: Any
    ) -> int:
        result: int = function(flags, count, values, nbytes, buffer_size, buffer)
        if 0 < result < buffer_size[0]:
            smaller = resize(buffer[0], result)
            if smaller:
                buffer[0], buffer_size[0] = smaller, result
        return result

    return _Filter(apply)


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


@lru_cache(maxsize=64)
def filters_attribute(filters: Filters) -> Encoded:
    """Return PyTables' attribute FILTERS of a group: the default for what is made in it."""
    library = library_of(filters.complib)
    level = filters.complevel
    return encode_attribute(
        level
        | (_LIBRARY_IDS.get(library, 0) << 8 if level else 0)
        | (int(filters.shuffle and level > 0) << 16)
        | (int(filters.fletcher32) << 17)
    )


@lru_cache(maxsize=512)
def chunked(chunk: tuple[int, ...], filters: Filters, itemsize: int, kind: str) -> h5p.PropDCID:
    """Return the creation properties of a chunked dataset, which are those that PyTables takes.

    ``kind`` is the flag of arrays, or ``TABLE`` for everything that has rows.

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
    # Rows of tables that grow get no `SRVC_CHECKSUM`.
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
    """Raise ValueError, with advice, if data cannot be compressed with a library.

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
