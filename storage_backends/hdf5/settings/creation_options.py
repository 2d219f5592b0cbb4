"""The creation options that may come with one storing call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pypet.storage_backends.hdf5.settings.settings import FILTER_NAMES, Filters

_FILTER_NAMES = frozenset(FILTER_NAMES)
_DATASET_NAMES = frozenset(("chunkshape", "title", "filters", "expectedrows", "byteorder"))


class CreationOptions(NamedTuple):
    """How the datasets of one storing call are made."""

    filters: Filters
    title: str | None = None
    chunk: tuple[int, ...] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the filters was chosen."""
        return self.title is None and self.chunk is None


def creation_options(options: Mapping[str, Any], filters: Filters) -> CreationOptions:
    """Return how arrays and tables are made: ``filters`` unless options say otherwise.

    ``filters`` among the options is anything with the attributes of PyTables' ``Filters``.
    ``expectedrows`` and ``byteorder`` change nothing. Names that are unknown here are left to
    pandas.
    """
    if not options:
        return CreationOptions(filters)
    given = options.get("filters")
    if given is not None:
        filters = filters._replace(
            complevel=int(given.complevel),
            complib=str(given.complib),
            shuffle=bool(given.shuffle),
            fletcher32=bool(given.fletcher32),
        )
    chosen = {name: options[name] for name in _FILTER_NAMES if name in options}
    chunk = options.get("chunkshape")
    if chunk is not None:
        chunk = (int(chunk),) if isinstance(chunk, int) else tuple(map(int, chunk))
    filters = filters._replace(**chosen)
    if filters.fletcher32:
        filters = filters._replace(checksums=True)
    return CreationOptions(filters, options.get("title"), chunk)


def check_options(options: Mapping[str, Any], path: str, *, has_frames: bool) -> None:
    """Raise for options that have no effect.

    Raises
    ------
    TypeError
        There are such, and no pandas item that could take them.
    """
    unknown = options.keys() - _FILTER_NAMES - _DATASET_NAMES
    if unknown and not has_frames:
        known = ", ".join(sorted(_FILTER_NAMES | _DATASET_NAMES))
        raise TypeError(
            f"Nothing in {path!r} takes the storing options {', '.join(sorted(unknown))}; arrays "
            f"and tables take {known}."
        )


def pandas_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are meant for ``HDFStore.put``."""
    return {
        name: value
        for name, value in options.items()
        if name not in ("chunkshape", "title", "filters", "byteorder", "shuffle", "fletcher32")
    }
