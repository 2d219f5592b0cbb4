"""The storage keywords of the environment."""

from __future__ import annotations

import codecs
import os
from numbers import Integral, Real
from typing import Any

from pypet.encoding.unpickling import check_mode
from pypet.interfaces.option import Option
from pypet.storage_backends.hdf5.settings.settings import PANDAS_FORMATS

LIBRARIES = ("zlib", "lzo", "bzip2", "blosc", "blosc2")
"""Compression libraries; "blosc:zstd" names the compressor inside."""

_PATH = (str, os.PathLike)
_TRUTH = ()  # anything that is true or false, as scripts have always been free to write


def _check_level(value: Any) -> None:
    if not 0 <= value <= 9:
        raise ValueError(f"`complevel` is one of 0 (no compression) to 9, not {value!r}.")


def _check_library(value: str) -> None:
    if value.partition(":")[0] not in LIBRARIES:
        raise ValueError(f"`complib` is one of {', '.join(LIBRARIES)}, not {value!r}.")


def _check_encoding(value: str) -> None:
    try:
        codecs.lookup(value)
    except LookupError:
        raise ValueError(f"`encoding={value!r}` is none that Python knows; try 'utf8'.") from None


def _check_format(value: Any) -> None:
    if value not in PANDAS_FORMATS:
        raise ValueError(f"`pandas_format` is one of {', '.join(PANDAS_FORMATS)}, not {value!r}.")


def _option(
    name: str, default: Any, types: tuple[type, ...], text: str, check: Any = None
) -> Option:
    return Option(name, default, types, text, "storage", check)


OPTIONS = (
    _option(
        "filename",
        None,
        _PATH,
        "File or folder for the data; by default hdf5/<trajectory>.hdf5 in the working directory.",
    ),
    _option("file_title", None, (str,), "Title of the file; by default the trajectory's name."),
    _option("overwrite_file", False, _TRUTH, "Delete an existing file before the experiment."),
    _option("encoding", "utf8", (str,), "Encoding of text.", _check_encoding),
    _option("complevel", 9, (Integral,), "Compression level, 0 (none) to 9.", _check_level),
    _option("complib", "zlib", (str,), "Compression library.", _check_library),
    _option("shuffle", True, _TRUTH, "Reorder bytes before they are compressed."),
    _option("fletcher32", False, _TRUTH, "Keep checksums with the data."),
    _option(
        "pandas_format",
        "fixed",
        (str,),
        "How pandas frames are kept: 'fixed' ('f') or 'table' ('t').",
        _check_format,
    ),
    _option("purge_duplicate_comments", True, _TRUTH, "Keep each comment once, in a summary."),
    _option("summary_tables", True, _TRUTH, "Keep tables of all comments of results."),
    _option("small_overview_tables", True, _TRUTH, "Keep tables of parameters and config."),
    _option("large_overview_tables", False, _TRUTH, "Keep tables of results, too."),
    _option("results_per_run", 0, (Integral,), "Expected number of results per run."),
    _option("derived_parameters_per_run", 0, (Integral,), "Expected number of derived parameters."),
    _option("display_time", 20, (Real,), "Seconds between two lines about progress."),
    _option(
        "unpickle",
        "trust",
        (str,),
        "Pickled data in files: 'trust' it, load only 'safe' types, or 'never' load it.",
        check_mode,
    ),
    _option(
        "checksums",
        True,
        _TRUTH,
        "Keep checksums of values that HDF5 does not check, and check them when loading.",
    ),
)
"""In the order of the constructor's arguments."""
