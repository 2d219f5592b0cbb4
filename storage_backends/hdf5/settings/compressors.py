"""The names of compression libraries, which are PyTables' names, and how files keep them."""

from __future__ import annotations

LIBRARIES = ("zlib", "lzo", "bzip2", "blosc", "blosc2")
BLOSC_CODES = {"blosclz": 0, "lz4": 1, "lz4hc": 2, "zlib": 4, "zstd": 5}
"""Blosc's numbers of its compressors; "blosc:zstd" names the compressor inside.

PyTables' wheels do not have number 3, snappy, so that frames could not be written with it.
"""


def split_name(complib: str) -> tuple[str, str]:
    """Return library and compressor, which is ``''`` if the library's default is to be taken.

    Raises
    ------
    ValueError
        There is no such library, or no such compressor in it.
    """
    library, colon, compressor = complib.partition(":")
    if library not in LIBRARIES:
        hint = f"; {library} is part of blosc: 'blosc:{library}'" if library in BLOSC_CODES else ""
        raise ValueError(f"`complib` is one of {', '.join(LIBRARIES)}, not {complib!r}{hint}.")
    if colon and (not library.startswith("blosc") or compressor not in BLOSC_CODES):
        raise ValueError(
            f"`complib={complib!r}`: only blosc and blosc2 have compressors to choose, which are "
            f"{', '.join(BLOSC_CODES)}."
        )
    return library, compressor


def library_of(complib: str) -> str:
    """Return the library without the compressor: what the settings in a file have room for."""
    return complib.partition(":")[0]


def full_name(kept: str, noted: str) -> str:
    """Return the name that a file means.

    ``kept`` is that in the column of the settings, which older versions cut after seven bytes,
    ``noted`` the whole name, or ``''``. It counts as long as no other program has changed the
    library.
    """
    for name in (kept, noted):
        library, _, compressor = name.partition(":")
        if compressor in BLOSC_CODES and library == library_of(kept):
            return name
    return library_of(kept)
