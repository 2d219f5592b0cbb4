"""The storage keywords of the environment."""

from __future__ import annotations

import os
from typing import Any

from pypet.interfaces.option import Option
from pypet.storage_backends.hdf5.settings import PANDAS_FORMATS

_PATH = (str, os.PathLike)


def _check_level(value: Any) -> None:
    if not 0 <= value <= 9:
        raise ValueError(f"`complevel` is one of 0 (no compression) to 9, not {value!r}.")


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
    _option("overwrite_file", False, (bool,), "Delete an existing file before the experiment."),
    _option("encoding", "utf8", (str,), "Encoding of text."),
    _option("complevel", 9, (int,), "Compression level, 0 (none) to 9.", _check_level),
    _option("complib", "zlib", (str,), "Compression library."),
    _option("shuffle", True, (bool,), "Reorder bytes before they are compressed."),
    _option("fletcher32", False, (bool,), "Keep checksums with the data."),
    _option(
        "pandas_format",
        "fixed",
        (str,),
        "How pandas frames are kept: 'fixed' ('f') or 'table' ('t').",
        _check_format,
    ),
    _option("purge_duplicate_comments", True, (bool,), "Keep each comment once, in a summary."),
    _option("summary_tables", True, (bool,), "Keep tables of all comments of results."),
    _option("small_overview_tables", True, (bool,), "Keep tables of parameters and config."),
    _option("large_overview_tables", False, (bool,), "Keep tables of results, too."),
    _option("results_per_run", 0, (int,), "Expected number of results per run."),
    _option("derived_parameters_per_run", 0, (int,), "Expected number of derived parameters."),
    _option("display_time", 20, (int, float), "Seconds between two lines about progress."),
)
"""In the order of the constructor's arguments."""
