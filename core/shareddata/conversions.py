"""Turning stored items into shared data and back, without touching the data."""

from __future__ import annotations

from typing import Any

import numpy as np

from pypet import pypetconstants as constants
from pypet.encoding.object_table import is_pandas, pandas_flag
from pypet.shareddata.arrays import SharedArray, SharedCArray
from pypet.shareddata.frame import SharedPandasFrame
from pypet.shareddata.handle import SharedData
from pypet.shareddata.result import SharedResult
from pypet.shareddata.table import SharedTable


def make_shared_result(
    result: SharedResult,
    key: str | int,
    trajectory: Any,
    new_class: type[SharedData] | None = None,
) -> SharedResult:
    """Convert a stored item to shared data and replace it in memory by a handle.

    ``new_class`` is the class of the handle; by default it follows from the type of the item.

    Returns
    -------
    SharedResult
        ``result``.

    Raises
    ------
    TypeError
        ``result`` is not a `SharedResult`.
    AttributeError
        It has no such item.
    RuntimeError
        There is no handle for data of this type.
    DataNotInStorageError
        The item is not stored yet; ``result`` is left as it is, as after any other error.
    """
    _check(result)
    name = result.f_translate_key(key)
    item = result.f_get(name)
    if new_class is None:
        new_class = _class_for(result, name, item)
    handle = new_class()
    _ask(result, name, "make_shared", trajectory)
    result[name] = handle
    handle.traj = trajectory
    return result


def make_ordinary_result(
    result: SharedResult, key: str | int, trajectory: Any = None, reload: bool = True
) -> SharedResult:
    """Convert shared data to an ordinary item, which is stored and loaded with its result.

    With ``reload`` the whole result is reloaded; otherwise the item is only removed from memory.
    ``trajectory`` is by default the one of the handle.

    Returns
    -------
    SharedResult
        ``result``.

    Raises
    ------
    TypeError
        ``result`` is not a `SharedResult`, or the item is not a handle.
    AttributeError
        There is no such item.
    DataNotInStorageError
        The data was never created; ``result`` is left as it is, as after any other error.
    """
    _check(result)
    name = result.f_translate_key(key)
    handle = result.f_get(name)
    if not isinstance(handle, SharedData):
        raise TypeError(
            f"Item {name!r} of {result.v_full_name!r} is a {type(handle).__name__}, so it is "
            "ordinary already."
        )
    trajectory = handle.traj if trajectory is None else trajectory
    _ask(result, name, "make_ordinary", trajectory)
    result.f_remove(name)
    if reload:
        trajectory.f_load_item(result, load_data=constants.OVERWRITE_DATA)
    return result


def _check(result: Any) -> None:
    if not isinstance(result, SharedResult):
        raise TypeError(f"Only a SharedResult holds shared data, not a {type(result).__name__}.")


def _ask(result: SharedResult, name: str, request: str, trajectory: Any) -> None:
    trajectory.v_storage_service.store(
        constants.ACCESS_DATA,
        result.v_full_name,
        name,
        request,
        (),
        {},
        trajectory_name=trajectory.v_name,
    )


def _class_for(result: SharedResult, name: str, item: Any) -> type[SharedData]:
    if pandas_flag(item) == constants.TABLE:
        return SharedTable
    if is_pandas(item, "DataFrame"):
        return SharedPandasFrame
    if isinstance(item, list | tuple):
        return SharedArray
    if isinstance(item, np.ndarray):
        return SharedCArray
    raise RuntimeError(
        f"Item {name!r} of {result.v_full_name!r} is a {type(item).__name__}; shared data is made "
        "of arrays, lists, tuples, ObjectTables and pandas frames."
    )
