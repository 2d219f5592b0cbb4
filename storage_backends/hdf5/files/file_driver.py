"""The file driver through which HDF5 writes to file objects, with its small writes gathered.

h5py's driver for file objects declares no features, so HDF5 calls Python for each object header
that it writes: three times in a short run. With the features of the driver for ordinary files it
collects neighbouring metadata and calls once for hundreds of headers. In everything else the driver
here is that of h5py.

Notes
-----
Drivers, their features and ``H5FD_class_t`` are described in ``H5FDdevelop.h`` and
``H5FDpublic.h`` of HDF5; the layout here is version 1 of that structure, since HDF5 1.14. The
driver that h5py registered has to look like that, and the new one has to report the features;
otherwise h5py's own is used, which is only slower.
"""

from __future__ import annotations

import ctypes
import functools
import io
import logging
from typing import Any

import h5py
from h5py import h5f, h5fd, h5p
from h5py._objects import phil

logger = logging.getLogger(__name__)

_CLASS_VERSION = 1
_OLDEST_HDF5 = (1, 14)
_NAME = b"fileobj"
_DRIVER_VALUE = 611
"""Identifies the driver; values from 512 on are for drivers that are not registered centrally."""

_AGGREGATE_METADATA = 0x01
_ACCUMULATE_METADATA = 0x02 | 0x04
_DATA_SIEVE = 0x08
_AGGREGATE_SMALLDATA = 0x10
_FEATURES = _AGGREGATE_METADATA | _ACCUMULATE_METADATA | _DATA_SIEVE | _AGGREGATE_SMALLDATA
"""Those of HDF5's driver for ordinary files that concern how it reads, writes and allocates."""

_IDENTIFIER = ctypes.c_int64
_QUERY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_ulong))
_METHODS_BEFORE_QUERY = (
    *("terminate", "sb_size", "sb_encode", "sb_decode"),
    *("fapl_size", "fapl_get", "fapl_copy", "fapl_free"),
    *("dxpl_size", "dxpl_copy", "dxpl_free"),
    *("open", "close", "cmp"),
)
_METHODS_AFTER_QUERY = (
    *("get_type_map", "alloc", "free", "get_eoa", "set_eoa", "get_eof", "get_handle"),
    *("read", "write", "read_vector", "write_vector", "read_selection", "write_selection"),
    *("flush", "truncate", "lock", "unlock", "del", "ctl"),
)


class _DriverClass(ctypes.Structure):
    """``H5FD_class_t``; sizes and pointers to functions, which are copied only, are words."""

    _fields_ = (
        ("version", ctypes.c_uint),
        ("value", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("maxaddr", ctypes.c_uint64),
        ("fc_degree", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in _METHODS_BEFORE_QUERY),
        ("query", _QUERY),
        *((name, ctypes.c_void_p) for name in _METHODS_AFTER_QUERY),
        ("fl_map", ctypes.c_int * 7),
    )


class _OpenFile(ctypes.Structure):
    """The beginning of ``H5FD_t``, which every open file of a driver begins with."""

    _fields_ = (
        ("driver_id", _IDENTIFIER),
        ("cls", ctypes.POINTER(_DriverClass)),
        ("fileno", ctypes.c_ulong),
        ("access_flags", ctypes.c_uint),
        ("feature_flags", ctypes.c_ulong),
    )


def _report_features(_: Any, flags: Any) -> int:
    flags[0] = _FEATURES
    return 0


_CALLBACK = _QUERY(_report_features)
"""Referred to by the HDF5 library for as long as the process lives."""


@functools.cache
def file_driver() -> int:
    """Return the identifier of the driver, for `h5py.h5p.PropFAID.set_fileobj_driver`."""
    plain: int = h5fd.fileobj_driver
    driver = None
    if h5py.version.hdf5_version_tuple >= _OLDEST_HDF5:
        try:
            with phil:  # as for every call of the library
                driver = _registered(ctypes.PyDLL(h5py.h5.__file__), plain)
        except (AttributeError, OSError):  # as on Windows, where a library does not show others'
            driver = None
    if driver is None:
        logger.debug("HDF5 writes each object header by itself: its driver cannot be replaced.")
        return plain
    return driver


def _registered(library: Any, plain: int) -> int | None:
    """Register a copy of h5py's driver that has features; return None if it is none."""
    library.H5FDopen.restype = ctypes.POINTER(_OpenFile)
    library.H5FDopen.argtypes = (ctypes.c_char_p, ctypes.c_uint, _IDENTIFIER, ctypes.c_uint64)
    library.H5FDclose.argtypes = (ctypes.POINTER(_OpenFile),)
    library.H5FDregister.restype = _IDENTIFIER
    library.H5FDregister.argtypes = (ctypes.POINTER(_DriverClass),)
    driver = _DriverClass()
    file = _opened(library, plain)
    if not file:
        return None
    try:
        known = file.contents.cls.contents
        if (
            file.contents.driver_id != plain
            or known.version != _CLASS_VERSION
            or known.name != _NAME
            or known.query
        ):
            return None
        ctypes.pointer(driver)[0] = known
    finally:
        library.H5FDclose(file)
    driver.value = _DRIVER_VALUE
    driver.query = _CALLBACK
    identifier = int(library.H5FDregister(ctypes.byref(driver)))
    if identifier < 0:
        return None
    file = _opened(library, identifier)
    if not file:
        return None
    try:
        return identifier if file.contents.feature_flags == _FEATURES else None
    finally:
        library.H5FDclose(file)


def _opened(library: Any, driver: int) -> Any:
    """Return an empty file in memory that a driver has open; a null pointer if it fails."""
    properties = h5p.create(h5p.FILE_ACCESS)
    properties.set_fileobj_driver(driver, io.BytesIO())
    return library.H5FDopen(b"pypet", h5f.ACC_RDWR, properties.id, 1 << 40)
