"""The settings of the HDF5 service: what they are, what they may be, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

# ----- names of compression libraries -------------------------------------------------------------


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


# ----- the settings -------------------------------------------------------------------------------


SMALL_TABLES = ("config_overview", "parameters_overview", "explored_parameters_overview")
LARGE_TABLES = ("derived_parameters_overview", "results_overview")
SUMMARY_TABLES = ("derived_parameters_summary", "results_summary")
TABLES = (
    "config_overview",
    "parameters_overview",
    "derived_parameters_overview",
    "results_overview",
    "explored_parameters_overview",
    "derived_parameters_summary",
    "results_summary",
)
"""Overview tables that can be switched, in the order of their columns in ``hdf5_settings``."""

PANDAS_FORMATS = ("fixed", "f", "table", "t")

_COMMENTS = {
    "purge_duplicate_comments": "Whether a comment is kept once instead of with every leaf",
    "results_per_run": "Expected number of results per run",
    "derived_parameters_per_run": "Expected number of derived parameters per run",
    "complevel": "Compression level, 0 (none) to 9",
    "complib": "Compression library",
    "encoding": "Encoding of text",
    "fletcher32": "Whether checksums are kept with the data",
    "shuffle": "Whether bytes are reordered before compression",
    "pandas_format": "How pandas frames and series are kept: fixed or table",
}
"""Names of the settings beside the tables, in the order in which they are noted."""


class Filters(NamedTuple):
    """How chunks are compressed and protected by checksums."""

    complevel: int = 9
    complib: str = "zlib"
    shuffle: bool = True
    fletcher32: bool = False
    checksums: bool = True
    """Whether values get a checksum, see `encoding.checksums`."""


FILTER_NAMES = ("complevel", "complib", "shuffle", "fletcher32")
"""Those of the filters that PyTables has, too."""


@dataclass(slots=True)
class Settings:
    """All settings, nearly all of which are kept with a trajectory."""

    complevel: int = 9
    complib: str = "zlib"
    shuffle: bool = True
    fletcher32: bool = False
    pandas_format: str = "fixed"
    encoding: str = "utf8"
    purge_duplicate_comments: bool = True
    results_per_run: int = 0
    derived_parameters_per_run: int = 0
    tables: dict[str, bool] = field(default_factory=dict)
    checksums: bool = True
    """The only one that is not kept with a trajectory."""

    @property
    def filters(self) -> Filters:
        """The settings of compression and checksums."""
        return Filters(
            self.complevel,
            self.complib,
            self.shuffle,
            self.fletcher32,
            self.checksums or self.fletcher32,
        )

    def has_summaries(self) -> bool:
        """Return whether both tables with the comments of leaves are kept."""
        return all(self.tables[name] for name in SUMMARY_TABLES)

    def entries(self) -> dict[str, tuple[Any, str]]:
        """Return value and comment of each setting, by its name below ``config.hdf5``."""
        entries: dict[str, tuple[Any, str]] = {
            f"overview.{name}": (self.tables[name], f"Whether the table {name} is kept")
            for name in TABLES
        }
        for name, comment in _COMMENTS.items():
            entries[name] = (getattr(self, name), comment)
        return entries

    def adopt(self, settings: Mapping[str, Any]) -> None:
        """Take over those of the given settings that are known; numpy scalars become Python's.

        Raises
        ------
        RuntimeError
            Comments would be purged without the tables that keep them.
        """
        for name in TABLES:
            if f"overview.{name}" in settings:
                self.tables[name] = bool(settings[f"overview.{name}"])
        for name in _COMMENTS:
            if name in settings:
                kind = type(getattr(self, name))
                setattr(self, name, kind(settings[name]))
        if self.purge_duplicate_comments and not self.has_summaries():
            raise RuntimeError(
                "Duplicate comments cannot be purged without the tables that keep one of each: "
                "set config.hdf5.purge_duplicate_comments to False, or config.hdf5.overview."
                + " and config.hdf5.overview.".join(SUMMARY_TABLES)
                + " to True."
            )


def initial_tables(*, small: bool, large: bool, summaries: bool) -> dict[str, bool]:
    """Return which tables are kept, from the three switches of the constructor."""
    wanted = {
        **dict.fromkeys(SMALL_TABLES, small),
        **dict.fromkeys(LARGE_TABLES, large),
        **dict.fromkeys(SUMMARY_TABLES, summaries),
    }
    return {name: bool(wanted[name]) for name in TABLES}


# ----- access for scripts -------------------------------------------------------------------------


class SettingsProperties:
    """Properties of a service that has its settings in ``_settings``."""

    _settings: Settings

    @property
    def encoding(self) -> str:
        """How text is encoded."""
        return self._settings.encoding

    @encoding.setter
    def encoding(self, encoding: str) -> None:
        self._settings.encoding = encoding

    @property
    def complevel(self) -> int:
        """Compression level, 0 to 9."""
        return self._settings.complevel

    @complevel.setter
    def complevel(self, level: int) -> None:
        self._settings.complevel = level

    @property
    def complib(self) -> str:
        """Compression library, perhaps with the compressor inside, as in ``'blosc:zstd'``."""
        return self._settings.complib

    @complib.setter
    def complib(self, library: str) -> None:
        split_name(library)
        self._settings.complib = library

    @property
    def shuffle(self) -> bool:
        """Whether bytes are reordered before they are compressed."""
        return self._settings.shuffle

    @shuffle.setter
    def shuffle(self, shuffle: bool) -> None:
        self._settings.shuffle = bool(shuffle)

    @property
    def fletcher32(self) -> bool:
        """Whether checksums are kept."""
        return self._settings.fletcher32

    @fletcher32.setter
    def fletcher32(self, fletcher32: bool) -> None:
        self._settings.fletcher32 = bool(fletcher32)

    @property
    def checksums(self) -> bool:
        """Whether values get checksums and are compared with them, see the constructor."""
        return self._settings.checksums

    @checksums.setter
    def checksums(self, checksums: bool) -> None:
        self._settings.checksums = bool(checksums)

    @property
    def pandas_format(self) -> str:
        """How pandas frames are kept."""
        return self._settings.pandas_format

    @pandas_format.setter
    def pandas_format(self, pandas_format: str) -> None:
        if pandas_format not in PANDAS_FORMATS:
            raise ValueError(
                f"`pandas_format` is one of {', '.join(PANDAS_FORMATS)}, not {pandas_format!r}."
            )
        self._settings.pandas_format = pandas_format


# ----- overview tables ----------------------------------------------------------------------------


OVERVIEWS = {
    "config": "config_overview",
    "parameters": "parameters_overview",
    "derived_parameters": "derived_parameters_overview",
    "results": "results_overview",
}
"""Branch of the tree -> the table of its leaves."""
SUMMARIES = {
    "results": "results_summary",
    "derived_parameters": "derived_parameters_summary",
}
"""Branch of the tree -> the table with its distinct comments."""
EXPLORED = "explored_parameters_overview"


def wants_summary(settings: Settings, cache: Any, path: str, comment: str) -> bool:
    """Return whether a table will show the value of the leaf at ``path``, if it is new.

    ``cache`` is the `TrajectoryCache` of the open file; with None, as long as the file is not
    open, the answer is rather yes.
    """
    branch = path.partition(".")[0]
    table = OVERVIEWS.get(branch)
    if table is None:
        return False
    tables = settings.tables
    if tables[table] and (cache is None or cache.table(table).has_room()):
        return True
    if tables[EXPLORED] and branch.endswith("parameters"):
        return True
    summary = SUMMARIES.get(branch)
    if not comment or summary is None or not tables[summary]:
        return False
    return cache is None or not cache.summary(branch).knows(comment)
