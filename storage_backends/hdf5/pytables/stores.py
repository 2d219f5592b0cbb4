"""Files opened by pandas and PyTables, and settings that keep them readable elsewhere."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

from pypet.storage_backends.hdf5.files.thread_locks import FORK_LOCK
from pypet.storage_backends.hdf5.settings.settings import Settings, library_of


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress the expected warnings of PyTables and pandas about names and pickled columns.

    Neither PyTables nor the suppression of warnings is thread-safe, even with different files.
    """
    from pandas.errors import PerformanceWarning
    from tables import NaturalNameWarning
    from tables import PerformanceWarning as TooManyNodesWarning

    with FORK_LOCK, warnings.catch_warnings():
        for category in (PerformanceWarning, NaturalNameWarning, TooManyNodesWarning):
            warnings.simplefilter("ignore", category)
        yield


@contextmanager
def closed_on_failure() -> Iterator[None]:
    """Close the file if PyTables fails to open it in a ``with`` block, also through pandas.

    PyTables would keep a file whose root it cannot read, and the lock on it, until the process
    ends, and then fail to close it. Only one thread at a time may be in such a block.
    """
    import tables

    registry = tables.file._open_files
    known = set(registry.handlers)
    try:
        yield
    except BaseException:
        for handler in set(registry.handlers) - known:
            for node in list(handler._node_manager.registry.values()):
                node._g_close()  # HDF5 closes a file only after everything in it
            handler._close_file()
            handler.isopen = 0
            registry.remove(handler)
        raise


# ----- stores ----------------------------------------------------------------------------------


class StoreHandle:
    """A file opened by pandas and PyTables instead of h5py, see `OpenFile.hand_over`."""

    def __init__(self, path: str, writable: bool, settings: Settings) -> None:
        # unlike "a", "r+" does not create the file if it was deleted in the meantime
        mode: Literal["r", "r+"] = "r+" if writable else "r"
        with quiet():
            self.store = _new_store(path, mode, settings if writable else None)

    @property
    def is_open(self) -> bool:
        """Whether it is still open; users can close it through nodes they have."""
        return bool(self.store.is_open)

    def flush(self, *, durable: bool) -> None:
        """Flush the buffers of PyTables."""
        if self.is_open:
            with quiet():
                self.store.flush(fsync=durable)

    def close(self) -> None:
        """Close the file with all its nodes, including those that users have."""
        with quiet():
            self.store.close()


@contextmanager
def opened_store(
    path: str, mode: Literal["a", "r", "r+", "w"], settings: Settings | None = None, **driver: Any
) -> Iterator[Any]:
    """Open a file, which is not open elsewhere in this process, as a pandas ``HDFStore``."""
    with quiet(), _new_store(path, mode, settings, **driver) as store:
        yield store


def opened_in_memory(settings: Settings) -> AbstractContextManager[Any]:
    """Open a new ``HDFStore`` that is never written to a disk."""
    name = f"pypet-{uuid.uuid4()}.hdf5"
    driver = {"driver": "H5FD_CORE", "driver_core_backing_store": 0}
    return opened_store(name, "w", settings, **driver)


def _new_store(
    path: str, mode: Literal["a", "r", "r+", "w"], settings: Settings | None, **driver: Any
) -> Any:
    from pandas import HDFStore

    compression: dict[str, Any] = {}
    if settings is not None and settings.complevel:
        compression = {
            "complevel": settings.complevel,
            "complib": settings.complib,
            "fletcher32": settings.fletcher32,
        }
    with closed_on_failure():
        store: Any = HDFStore(path, mode, **compression, **driver)
    if settings is not None:
        _keep_ragged_rows_writable(store._handle, settings)
    return store


# ----- filters of rows of any length -----------------------------------------------------------

_UNFIT = "blosc2"


def _keep_ragged_rows_writable(file: Any, settings: Settings) -> None:
    """Make an open PyTables file create ragged arrays with filters that they support.

    pandas creates such arrays for text in the fixed format, with the filters of their group.
    PyTables fails if ragged rows do not support these.
    """
    import tables

    if not settings.fletcher32 and library_of(settings.complib) != _UNFIT:
        return
    create = file.create_vlarray

    own = tables.Filters(settings.complevel, settings.complib, shuffle=settings.shuffle)

    def create_vlarray(*args: Any, filters: Any = None, **kwargs: Any) -> Any:
        return create(*args, filters=ragged_filters(own if filters is None else filters), **kwargs)

    file.create_vlarray = create_vlarray


def ragged_filters(filters: Any) -> Any:
    """Return the filters of PyTables that ragged rows support.

    Their values are stored outside of the chunks, where HDF5 has no checksums, and PyTables does
    not create ragged arrays with blosc2.
    """
    import tables

    complib = filters.complib or "zlib"
    if library_of(complib) == _UNFIT:
        complib = "zlib"
    return tables.Filters(filters.complevel, complib, shuffle=filters.shuffle)


# ----- older versions of pandas ----------------------------------------------------------------

_OLD_KINDS = {"datetime64[ns]": "datetime64", "timedelta64[ns]": "timedelta64"}
"""Versions before 2 know no other resolution; later ones accept the old names for it."""
_OLD_FORMAT = "0.15.2"
"""Version of the table format; without it, versions before 3 assume a very old one."""


def adapt_to_older_pandas(group: Any, *, is_table: bool) -> None:
    """Replace attributes of a PyTables ``group`` that only newer versions understand.

    Times in tables keep the new names: the installed version compares them on appending.
    """
    if is_table:
        if "pandas_version" not in group._v_attrs:
            group._v_attrs["pandas_version"] = _OLD_FORMAT
        return
    for node in group._f_iter_nodes("Leaf"):
        attributes = node._v_attrs
        for name in ("kind", "value_type"):
            if name in attributes:
                old = _OLD_KINDS.get(str(attributes[name]))
                if old is not None:
                    attributes[name] = old
