"""The storage keywords of the environment."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any

from pypet.encoding.unpickling import check_mode
from pypet.interfaces.option import Option
from pypet.options.checks import at_least, flag
from pypet.storage_backends.hdf5.settings.settings import PANDAS_FORMATS, split_name

SAFE_SIZE_LIMIT = 1 << 30
"""In bytes, where pickles are not trusted and no other limit was asked for."""

_PATH = (str, os.PathLike)


def _check_level(value: Any) -> None:
    if not 0 <= value <= 9:
        raise ValueError(f"`complevel` is one of 0 (no compression) to 9, not {value!r}.")


def _check_library(value: str) -> None:
    split_name(value)


def _check_encoding(value: str) -> None:
    try:
        "a".encode(value)  # finds out about codecs like 'base64', which encode no text
    except (LookupError, ValueError):
        raise ValueError(
            f"`encoding={value!r}` is not a text encoding that Python knows; try 'utf8'."
        ) from None


def _check_format(value: Any) -> None:
    if value not in PANDAS_FORMATS:
        raise ValueError(f"`pandas_format` is one of {', '.join(PANDAS_FORMATS)}, not {value!r}.")


def check_timeout(value: Any) -> None:
    """Raise ValueError for what is not a time to wait."""
    if not value >= 0:
        raise ValueError(f"`lock_timeout` is a number of seconds from 0 on, not {value!r}.")


def check_size_limit(value: Any) -> None:
    """Raise ValueError unless it is None or a number of bytes."""
    if value is not None and not (isinstance(value, Integral) and int(value) >= 0):
        raise ValueError(f"`size_limit` is a number of bytes or None, not {value!r}.")


def _option(
    name: str, default: Any, types: tuple[type, ...], text: str, check: Any = None
) -> Option:
    return Option(name, default, types, text, "storage", check)


def _switch(name: str, default: bool, text: str) -> Option:
    # Anything that is true or false, as scripts have always been free to write, but no text.
    return _option(name, default, (), text, flag(name))


OPTIONS = (
    _option(
        "filename",
        None,
        _PATH,
        "File or folder for the data; by default hdf5/<trajectory>.hdf5 in the working directory.",
    ),
    _option("file_title", None, (str,), "Title of the file; by default the trajectory's name."),
    _switch("overwrite_file", False, "Delete an existing file before the experiment."),
    _option("encoding", "utf8", (str,), "Encoding of text.", _check_encoding),
    _option("complevel", 9, (Integral,), "Compression level, 0 (none) to 9.", _check_level),
    _option(
        "complib",
        "zlib",
        (str,),
        "Compression library: zlib, blosc, bzip2, lzo or blosc2.",
        _check_library,
    ),
    _switch("shuffle", True, "Reorder bytes before they are compressed."),
    _switch("fletcher32", False, "Keep checksums with the data."),
    _option(
        "pandas_format",
        "fixed",
        (str,),
        "How pandas frames are kept: 'fixed' ('f') or 'table' ('t').",
        _check_format,
    ),
    _switch("purge_duplicate_comments", True, "Keep each comment once, in a summary."),
    _switch("summary_tables", True, "Keep tables of all comments of results."),
    _switch("small_overview_tables", True, "Keep tables of parameters and config."),
    _switch("large_overview_tables", False, "Keep tables of results, too."),
    _option(
        "results_per_run",
        0,
        (Integral,),
        "Expected number of results per run.",
        at_least("results_per_run", 0, "; 0 if it is not known"),
    ),
    _option(
        "derived_parameters_per_run",
        0,
        (Integral,),
        "Expected number of derived parameters.",
        at_least("derived_parameters_per_run", 0, "; 0 if it is not known"),
    ),
    _option(
        "display_time",
        20,
        (Real,),
        "Seconds between two lines about progress.",
        at_least("display_time", 0, " seconds"),
    ),
    _option(
        "unpickle",
        "trust",
        (str,),
        "Pickled data in files: 'trust' it, load only 'safe' types, or 'never' load it.",
        check_mode,
    ),
    _option(
        "lock_timeout",
        300.0,
        (Real,),
        "Seconds that storing waits while another program has the file open.",
        check_timeout,
    ),
    _option(
        "size_limit",
        None,
        (Integral,),
        "Bytes of memory that one call of loading may take for values beyond ten times what is "
        "stored of them; None: no limit if pickles are trusted, else 1 GiB.",
        check_size_limit,
    ),
    _switch(
        "checksums",
        True,
        "Keep checksums of values that HDF5 does not check, and check them when loading.",
    ),
)
"""In the order of the constructor's arguments."""
