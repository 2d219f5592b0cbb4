"""Constants of the API and of the established file layout."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from pypet.version import __version__

VERSION = __version__

# Run and run-set names.
FORMAT_ZEROS = 8
RUN_NAME = "run_"
RUN_NAME_DUMMY = "run_ALL"
FORMATTED_RUN_NAME = "run_%08d"
SET_FORMAT_ZEROS = 5
SET_NAME = "run_set_"
SET_NAME_DUMMY = "run_set_ALL"
FORMATTED_SET_NAME = "run_set_%05d"
RUNS_PER_SET = 1000

# Load and store levels.
LOAD_NOTHING = 0
LOAD_SKELETON = 1
LOAD_DATA = 2
STORE_NOTHING = 0
STORE_DATA_SKIPPING = 1
STORE_DATA = 2
OVERWRITE_DATA = 3
UPDATE_SKELETON = LOAD_SKELETON  # deprecated spelling
UPDATE_DATA = LOAD_DATA  # deprecated spelling

# Messages to storage services.
LEAF = "LEAF"
TRAJECTORY = "TRAJECTORY"
MERGE = "MERGE"
GROUP = "GROUP"
LIST = "LIST"
SINGLE_RUN = "SINGLE_RUN"
PREPARE_MERGE = "PREPARE_MERGE"
BACKUP = "BACKUP"
DELETE = "DELETE"
DELETE_LINK = "DELETE_LINK"
TREE = "TREE"
ACCESS_DATA = "ACCESS_DATA"
CLOSE_FILE = "CLOSE_FILE"
OPEN_FILE = "OPEN_FILE"
FLUSH = "FLUSH"

# How an item of a leaf is kept.
ARRAY = "ARRAY"
CARRAY = "CARRAY"
EARRAY = "EARRAY"
VLARRAY = "VLARRAY"
TABLE = "TABLE"
DICT = "DICT"
FRAME = "FRAME"
SERIES = "SERIES"
SPLIT_TABLE = "SPLIT_TABLE"
DATATYPE_TABLE = "DATATYPE_TABLE"
SHARED_DATA = "SHARED_DATA_"
NESTED_GROUP = "NESTED_GROUP"

# What an item was before it was encoded.
COLL_SCALAR = "COLL_SCALAR"
COLL_LIST = "COLL_LIST"
COLL_TUPLE = "COLL_TUPLE"
COLL_NDARRAY = "COLL_NDARRAY"
COLL_MATRIX = "COLL_MATRIX"
COLL_DICT = "COLL_DICT"
COLL_EMPTY_DICT = "COLL_EMPTY_DICT"

# Wrap modes, in the established and in the documented spelling.
WRAP_MODE_QUEUE = MULTIPROC_MODE_QUEUE = "QUEUE"
WRAP_MODE_LOCK = MULTIPROC_MODE_LOCK = "LOCK"
WRAP_MODE_NONE = MULTIPROC_MODE_NONE = "NONE"
WRAP_MODE_PIPE = MULTIPROC_MODE_PIPE = "PIPE"
WRAP_MODE_LOCAL = MULTIPROC_MODE_LOCAL = "LOCAL"
WRAP_MODE_NETLOCK = MULTIPROC_MODE_NETLOCK = "NETLOCK"
WRAP_MODE_NETQUEUE = MULTIPROC_MODE_NETQUEUE = "NETQUEUE"

# Logging.
DEFAULT_LOGGING = "DEFAULT"
LOG_ENV = "$env"
LOG_TRAJ = "$traj"
LOG_RUN = "$run"
LOG_SET = "$set"
LOG_PROC = "$proc"
LOG_HOST = "$host"
DEFAULT_LOG_LEVEL = logging.INFO

# Widths of text columns in overview tables, in bytes of UTF-8.
HDF5_STRCOL_MAX_NAME_LENGTH = 128
HDF5_STRCOL_MAX_LOCATION_LENGTH = 512
HDF5_STRCOL_MAX_VALUE_LENGTH = 64
HDF5_STRCOL_MAX_COMMENT_LENGTH = 512
HDF5_STRCOL_MAX_RANGE_LENGTH = 1024
HDF5_STRCOL_MAX_RUNTIME_LENGTH = 18
HDF5_MAX_OVERVIEW_TABLE_LENGTH = 1000

PARAMETERTYPEDICT: dict[str, type] = {
    "bool": bool,
    "complex": complex,
    "float": float,
    "int": int,
    "str": str,
    "bytes": bytes,
    "bool_": np.bool_,
    "bytes_": np.bytes_,
    "complex64": np.complex64,
    "complex128": np.complex128,
    "float32": np.float32,
    "float64": np.float64,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
}
"""Name of a scalar type in a file -> the type."""

COMPATPARAMETERTYPEDICT: dict[str, type] = {
    f"<type '{name}'>": kind for name, kind in PARAMETERTYPEDICT.items()
}
"""The same for the spelling in very old files."""

PARAMETER_SUPPORTED_DATA: tuple[type, ...] = (
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.intp,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.bool_,
    np.float32,
    np.float64,
    np.complex64,
    np.complex128,
    np.str_,
    bool,
    int,
    complex,
    float,
    str,
    bytes,
)
"""Exact types of the scalars that parameters and results take."""


def __getattr__(name: str) -> Any:
    # Needs the versions of packages that may be heavy to find: made when first asked for.
    if name == "VERSIONS_TO_STORE":
        from pypet.support.versions import collect_versions

        versions = collect_versions()
        globals()[name] = versions
        return versions
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
