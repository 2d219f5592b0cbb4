"""Shared data: single items of leaves, accessed through PyTables and pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding.encoding_errors import advice_on_type
from pypet.encoding.portable_pickle import portable_pickles
from pypet.encoding.unpickling import TRUST, UnpicklingPolicy
from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.storage_backends.hdf5.files.damage import damage_reported, damaged, note_place
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.frame_reading import check_codes, plain_store
from pypet.storage_backends.hdf5.objects.groups import hdf5_path
from pypet.storage_backends.hdf5.pytables.stores import StoreHandle, quiet
from pypet.storage_backends.hdf5.settings.settings import Settings
from pypet.storage_backends.hdf5.shareddata.creation import (
    create,
    get_frame,
    put_shared_frame,
    select_frame,
)
from pypet.storage_backends.hdf5.shareddata.locations import ItemLocation

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

_WHOLE_READS = frozenset(("__iter__", "pandas_get", "read"))
"""Requests that fail only for damaged data, if they have no arguments."""

READ_FROM_COPIES = frozenset(("pandas_get", "pandas_select"))
"""Requests that read a whole frame, of which pandas unpickles much."""

Arguments = Sequence[Any] | None
Keywords = Mapping[str, Any] | None


def changes(request: str, args: Arguments, kwargs: Keywords) -> bool:
    """Return whether a request may change the file."""
    return not (request in _READING or (args is None and kwargs is None))


def access(
    file: OpenFile,
    settings: Settings,
    item: tuple[str, str, str],
    request: str,
    args: Arguments,
    kwargs: Keywords,
    policy: UnpicklingPolicy,
) -> Any:
    """Carry out one request; PyTables keeps the file until h5py needs it.

    ``item`` is the name of the trajectory, the full name of the leaf and the name of the item.
    If ``policy`` does not trust every pickle, frames are read from copies in memory; for all other
    requests what PyTables touches has to be inspected before.

    Raises
    ------
    DataNotInStorageError
        There is no such leaf or item.
    TypeError
        Elements of an array are masked, of which PyTables would write what is under the mask.
    ValueError
        Something is to be created that exists.
    StorageFormatError
        PyTables or pandas cannot read what is there.
    Exception
        Whatever else PyTables or pandas raises for the request, with a note that names file and
        item.
    """

    def open_handle(path: str, writable: bool) -> StoreHandle:
        return StoreHandle(path, writable, settings)

    _refuse_masks(item, (*(args or ()), *(kwargs or {}).values()))
    where = f"The shared data at {_path_of(item)}"
    if request in READ_FROM_COPIES and policy.mode != TRUST:
        with _errors_located(file.path, where):
            return _read_from_copy(file, settings, item, request, kwargs, policy)
    with damage_reported(file.path, lambda: where):
        handle = file.hand_over(open_handle)
    assert isinstance(handle, StoreHandle)
    location = ItemLocation(handle.store, settings, *item)
    special = _SPECIAL.get(request)
    is_whole_read = request in _WHOLE_READS and all(
        value is None for value in (*(args or ()), *(kwargs or {}).values())
    )
    with quiet(), portable_pickles():
        if special is not None and not is_whole_read:
            with _errors_located(file.path, where):
                return special(location, *(args or ()), **(kwargs or {}))
        with damage_reported(file.path, lambda: where):
            node = location.node()
            if special is not None:
                return special(location)
            if is_whole_read:
                return _call(node, request, args or (), dict(kwargs or {}))
        with _errors_located(file.path, where):
            if args is None and kwargs is None:
                return getattr(node, request)
            return _call(node, request, args or (), dict(kwargs or {}))


@contextmanager
def _errors_located(file: str, where: str) -> Iterator[None]:
    """Name file and item in errors of a ``with`` block; those of HDF5 mean damage."""
    import tables

    try:
        yield
    except tables.HDF5ExtError as error:
        raise damaged(file, where, error) from error
    except Exception as error:
        note_place(error, file, where)
        raise


def _path_of(item: tuple[str, str, str]) -> str:
    trajectory, leaf, name = item
    return "/".join((hdf5_path(trajectory, leaf).decode("utf8"), *name.split(".")))


def _refuse_masks(item: tuple[str, str, str], values: Sequence[Any]) -> None:
    for value in values:
        if isinstance(value, np.ma.MaskedArray) and np.ma.flatten_mask(value.mask).any():
            _, leaf, name = item
            raise TypeError(
                f"A masked array cannot be written to item {name!r} of {leaf!r}. "
                f"{advice_on_type(value)}"
            )


def _read_from_copy(
    file: OpenFile,
    settings: Settings,
    item: tuple[str, str, str],
    request: str,
    kwargs: Keywords,
    policy: UnpicklingPolicy,
) -> Any:
    path = _path_of(item)
    if path not in h5py.File(file.id):
        raise DataNotInStorageError(f"There is no shared data at {path} in {file.path}.")
    with plain_store(file, [path], policy) as store:
        location = ItemLocation(store, settings, *item)
        try:
            value = _SPECIAL[request](location, **(kwargs or {}))
        except Exception as err:  # pandas raises arbitrary exceptions
            if kwargs:  # the arguments may be at fault
                raise
            raise StorageFormatError(
                f"The shared data at {path} in {file.path} cannot be read, it may be damaged: {err}"
            ) from err
    check_codes(value, path)
    return value


def _call(target: Any, request: str, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    if kwargs.pop("_col_func", False):
        if "colname" in kwargs:
            column = kwargs.pop("colname")
        else:
            column, *args = args
        target = target.cols._f_col(column)
    return getattr(target, request)(*args, **kwargs)


# ----- conversions -----------------------------------------------------------------------------


def _make_shared(location: ItemLocation) -> None:
    """Turn an ordinary item into shared data: only its attributes change."""
    import tables

    node = location.node()
    flag = location.flag()
    if flag == constants.SHARED_DATA:
        return
    is_split = flag == constants.TABLE and isinstance(node, tables.Group)
    if flag not in _SHAREABLE or is_split:
        kind = "a table of too many columns" if is_split else f"kept as {flag}"
        raise TypeError(f"{location} is {kind} and cannot become shared data.")
    location.mark(flag)


def _make_ordinary(location: ItemLocation) -> None:
    """Turn shared data into an ordinary item."""
    location.unmark()


def _node(location: ItemLocation) -> Any:
    return location.node()


_SPECIAL: dict[str, Callable[..., Any]] = {
    "create_shared_data": create,
    "pandas_put": put_shared_frame,
    "pandas_get": get_frame,
    "pandas_select": select_frame,
    "make_shared": _make_shared,
    "make_ordinary": _make_ordinary,
    "__thenode__": _node,
}
