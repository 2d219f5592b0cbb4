"""The settings of the HDF5 service: what they are, what they may be, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
    """How chunks are compressed and guarded."""

    complevel: int = 9
    complib: str = "zlib"
    shuffle: bool = True
    fletcher32: bool = False
    checksums: bool = True
    """Whether values get a checksum of ours, see `encoding.checksums`."""


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
        """The part that says how data is compressed."""
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
