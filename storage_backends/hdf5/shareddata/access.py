"""Shared data: single items of leaves, accessed through PyTables and pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding.portable_pickle import portable_pickles
from pypet.encoding.refusals import advice_on_type
from pypet.encoding.unpickling import TRUST, Unpickling
from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.items import check_codes, plain_store
from pypet.storage_backends.hdf5.frames.ragged_filters import keep_ragged_rows_writable
from pypet.storage_backends.hdf5.objects.groups import hdf5_path
from pypet.storage_backends.hdf5.pytables.quiet import quiet
from pypet.storage_backends.hdf5.settings.settings import Settings
from pypet.storage_backends.hdf5.shareddata.creation import create
from pypet.storage_backends.hdf5.shareddata.frames import get_frame, put_shared_frame, select_frame
from pypet.storage_backends.hdf5.shareddata.places import SharedPlace

_SHAREABLE = frozenset(
    (
        constants.ARRAY,
        constants.CARRAY,
        constants.EARRAY,
        constants.VLARRAY,
        constants.TABLE,
        constants.FRAME,
    )
)

_READING = frozenset(
    (
        "__getitem__",
        "__iter__",
        "__len__",
        "__thenode__",
        "col",
        "get_enum",
        "get_where_list",
        "pandas_get",
        "pandas_select",
        "read",
        "read_coordinates",
        "read_sorted",
        "read_where",
        "will_query_use_indexing",
    )
)
"""Requests that change nothing in the file."""

READ_FROM_COPIES = frozenset(("pandas_get", "pandas_select"))
"""Requests that read a whole frame, of which pandas unpickles much."""

Arguments = Sequence[Any] | None
Keywords = Mapping[str, Any] | None


class PyTablesGuest:
    """The file as pandas and PyTables have it open."""

    def __init__(self, path: str, writable: bool, settings: Settings) -> None:
        from pandas import HDFStore

        options: dict[str, Any] = {}
        if writable and settings.complevel:
            options = {
                "complevel": settings.complevel,
                "complib": settings.complib,
                "fletcher32": settings.fletcher32,
            }
        with quiet():
            # "r+" makes no file anew if this one was deleted meanwhile
            self.store: Any = HDFStore(path, "r+" if writable else "r", **options)
        if writable:
            keep_ragged_rows_writable(self.store._handle, settings)

    @property
    def is_open(self) -> bool:
        """Whether nobody closed it behind our back."""
        return bool(self.store.is_open)

    def flush(self, *, durable: bool) -> None:
        """Write what PyTables still holds."""
        if self.is_open:
            with quiet():
                self.store.flush(fsync=durable)

    def close(self) -> None:
        """Close the file; nodes that were given out are closed with it."""
        with quiet():
            self.store.close()


def changes(request: str, args: Arguments, kwargs: Keywords) -> bool:
    """Return whether a request may change the file."""
    return not (request in _READING or (args is None and kwargs is None))


def access(
    file: OpenFile,
    settings: Settings,
    location: tuple[str, str, str],
    request: str,
    args: Arguments,
    kwargs: Keywords,
    rule: Unpickling,
) -> Any:
    """Carry out one request; PyTables keeps the file until h5py needs it.

    ``location`` is the name of the trajectory, the full name of the leaf and that of the item.
    If ``rule`` does not trust every pickle, frames are read from copies in memory; for all other
    requests what PyTables touches has to be inspected before.

    Raises
    ------
    DataNotInStorageError
        There is no such leaf or item.
    TypeError
        Elements of an array are masked, of which PyTables would write what is under the mask.
    ValueError
        Something is to be created that exists.
    Exception
        Whatever PyTables or pandas raises for the request.
    """

    def invite(path: str, writable: bool) -> PyTablesGuest:
        return PyTablesGuest(path, writable, settings)

    _refuse_masks(location, (*(args or ()), *(kwargs or {}).values()))
    if request in READ_FROM_COPIES and rule.mode != TRUST:
        return _read_from_copy(file, settings, location, request, kwargs, rule)
    guest = file.lend(invite)
    assert isinstance(guest, PyTablesGuest)
    place = SharedPlace(guest.store, settings, *location)
    special = _SPECIAL.get(request)
    with quiet(), portable_pickles():
        if special is not None:
            return special(place, *(args or ()), **(kwargs or {}))
        if args is None and kwargs is None:
            return getattr(place.node(), request)
        return _call(place, request, args or (), dict(kwargs or {}))


def _refuse_masks(location: tuple[str, str, str], values: Sequence[Any]) -> None:
    for value in values:
        if isinstance(value, np.ma.MaskedArray) and np.ma.flatten_mask(value.mask).any():
            _, leaf, item = location
            raise TypeError(
                f"A masked array cannot be written to item {item!r} of {leaf!r}. "
                f"{advice_on_type(value)}"
            )


def _read_from_copy(
    file: OpenFile,
    settings: Settings,
    location: tuple[str, str, str],
    request: str,
    kwargs: Keywords,
    rule: Unpickling,
) -> Any:
    trajectory, leaf, item = location
    path = "/".join((hdf5_path(trajectory, leaf).decode("utf8"), *item.split(".")))
    if path not in h5py.File(file.id):
        raise DataNotInStorageError(f"There is no shared data at {path} in {file.path}.")
    with plain_store(file, [path], rule) as store:
        place = SharedPlace(store, settings, *location)
        try:
            value = _SPECIAL[request](place, **(kwargs or {}))
        except Exception as err:  # pandas raises whatever it comes upon
            if kwargs:  # what was asked for may be at fault
                raise
            raise StorageFormatError(
                f"The shared data at {path} in {file.path} cannot be read, it may be damaged: {err}"
            ) from err
    check_codes(value, path)
    return value


def _call(place: SharedPlace, request: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    target = place.node()
    if kwargs.pop("_col_func", False):
        if "colname" in kwargs:
            column = kwargs.pop("colname")
        else:
            column, *args = args
        target = target.cols._f_col(column)
    return getattr(target, request)(*args, **kwargs)


# ----- conversions -----------------------------------------------------------------------------


def _make_shared(place: SharedPlace) -> None:
    """Turn an ordinary item into shared data: only its attributes change."""
    import tables

    node = place.node()
    flag = place.flag()
    if flag == constants.SHARED_DATA:
        return
    is_split = flag == constants.TABLE and isinstance(node, tables.Group)
    if flag not in _SHAREABLE or is_split:
        kind = "a table of too many columns" if is_split else f"kept as {flag}"
        raise TypeError(f"{place} is {kind} and cannot become shared data.")
    place.mark(flag)


def _make_ordinary(place: SharedPlace) -> None:
    """Turn shared data into an ordinary item."""
    place.unmark()


def _node(place: SharedPlace) -> Any:
    return place.node()


_SPECIAL: dict[str, Callable[..., Any]] = {
    "create_shared_data": create,
    "pandas_put": put_shared_frame,
    "pandas_get": get_frame,
    "pandas_select": select_frame,
    "make_shared": _make_shared,
    "make_ordinary": _make_ordinary,
    "__thenode__": _node,
}
