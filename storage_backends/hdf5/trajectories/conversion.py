"""Overview tables that were compressed by filters which h5py does not have."""

from __future__ import annotations

from h5py import h5d, h5g

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import Unpickling
from pypet.storage_backends.hdf5.compression.filter_plugins import missing_filter
from pypet.storage_backends.hdf5.compression.filters import chunked
from pypet.storage_backends.hdf5.objects.groups import child_address, child_names, has_child
from pypet.storage_backends.hdf5.objects.tables import create_table, write_all
from pypet.storage_backends.hdf5.overview.tables import CHUNK_ROWS
from pypet.storage_backends.hdf5.pytables.foreign import read_foreign
from pypet.storage_backends.hdf5.settings.settings import Filters
from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache


def make_tables_writable(cache: TrajectoryCache, filters: Filters, rule: Unpickling) -> None:
    """Write overview tables anew, with ``filters``, if h5py could not change them.

    Other data stays as it is; it can be read through PyTables.

    Raises
    ------
    ValueError
        There is no such compression here either.
    RefusedPickleError
        PyTables would come upon a pickle that ``rule`` forbids to load.
    """
    group = cache.group("overview")
    if group is None or not has_child(group, b"info"):
        return
    address = child_address(group, b"info")
    if cache.file.memory.writable.get(cache.name) == address:
        return
    names = [name for name in child_names(group)[0] if _is_foreign(group, name)]
    if names:
        _convert(cache, names, filters, rule)
    else:
        cache.file.memory.writable[cache.name] = address


def _convert(
    cache: TrajectoryCache, names: list[bytes], filters: Filters, rule: Unpickling
) -> None:
    chunked((1,), filters, 1, constants.TABLE)  # raises before anything is touched
    base = cache.hdf5_path("overview").decode("utf8")
    paths = [f"{base}/{name.decode('utf8')}" for name in names]
    with read_foreign(cache.file, paths, rule) as source:
        tables = {name: source.values(f"{base}/{name.decode('utf8')}") for name in names}
    group = cache.group("overview")  # the file was closed meanwhile
    assert group is not None
    for name, rows in tables.items():
        group.unlink(name)
        title = "" if name == b"explorations" else name.decode("utf8")
        table = create_table(
            group, name, rows.dtype, len(rows), filters, title=title, chunk_rows=CHUNK_ROWS
        )
        write_all(table, rows)


def _is_foreign(group: h5g.GroupID, name: bytes) -> bool:
    try:
        return bool(missing_filter(h5d.open(group, name)))
    except (KeyError, OSError, RuntimeError, ValueError):  # damaged: whoever needs it tells
        return False
