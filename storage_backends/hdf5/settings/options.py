"""The storage keywords of the environment."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

from pypet.encoding.unpickling import check_mode
from pypet.interfaces.option import Option
from pypet.options.checks import at_least, flag
from pypet.options.established import ESTABLISHED
from pypet.storage_backends.hdf5.settings.settings import PANDAS_FORMATS, split_name

SAFE_SIZE_LIMIT = 1 << 30
"""In bytes, where pickles are not trusted and no other limit was asked for."""


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


def _established(
    name: str, types: tuple[type, ...], check: Callable[[Any], None] | None = None
) -> Option:
    """Return an established keyword with what this service accepts for it."""
    return replace(ESTABLISHED[name], types=types, check=check)


def _switch(name: str) -> Option:
    # Anything that is true or false, as scripts have always been free to write, but no text.
    return _established(name, (), flag(name))


def _number(name: str, kind: type, meaning: str) -> Option:
    return _established(name, (kind,), at_least(name, 0, meaning))


OPTIONS = (
    _established("filename", (str, os.PathLike)),
    _established("file_title", (str,)),
    _switch("overwrite_file"),
    _established("encoding", (str,), _check_encoding),
    _established("complevel", (Integral,), _check_level),
    _established("complib", (str,), _check_library),
    _switch("shuffle"),
    _switch("fletcher32"),
    _established("pandas_format", (str,), _check_format),
    _switch("purge_duplicate_comments"),
    _switch("summary_tables"),
    _switch("small_overview_tables"),
    _switch("large_overview_tables"),
    _number("results_per_run", Integral, "; 0 if it is not known"),
    _number("derived_parameters_per_run", Integral, "; 0 if it is not known"),
    _number("display_time", Real, " seconds"),
    _established("unpickle", (str,), check_mode),
    Option(
        "lock_timeout",
        300.0,
        (Real,),
        "Seconds that storing waits while another program has the file open.",
        "storage",
        check_timeout,
    ),
    Option(
        "size_limit",
        None,
        (Integral,),
        "Bytes of memory that one call of loading may take for values beyond ten times what is "
        "stored of them; None: no limit if pickles are trusted, else 1 GiB.",
        "storage",
        check_size_limit,
    ),
    _switch("checksums"),
)
"""In the order of the constructor's arguments."""
