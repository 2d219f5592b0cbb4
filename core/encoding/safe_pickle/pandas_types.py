"""Frames, series and indexes of pandas from pickles, rebuilt by pandas' public constructors.

Internal objects of pandas trust their content: locations of columns, and codes of categories and
indexes, are used without bounds checks. Therefore they are not created; frames are rebuilt from
the content of the pickle, and the constructors, or the checks here, verify the bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, tzinfo
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from pypet.encoding.object_table import object_table_class
from pypet.encoding.safe_pickle.arrow_text import ArrowText
from pypet.encoding.safe_pickle.machine import PickleMachine
from pypet.encoding.safe_pickle.vocabulary import (
    AllowedNames,
    Pending,
    check,
    check_integer,
    check_text,
)
from pypet.support.optional import is_installed

pandas: Any = import_module("pandas")  # imported only for pickles with pandas objects
extensions = pandas.api.extensions

_FRAME = "a frame"
_INDEX = "an index"
_COLUMN = "a column of pandas"
_DTYPE = "a dtype of pandas"
_LONG = (-(2**63), 2**63 - 1)
_RESOLUTIONS = (7, 10)
"""Seconds to nanoseconds, as pandas numbers them."""


class _Block(NamedTuple):
    values: Any
    places: Any


class _Manager(NamedTuple):
    """The internal data of a frame or series."""

    axes: tuple[Any, ...]
    blocks: tuple[_Block, ...]


# ----- frames and series -------------------------------------------------------------------------


def _block(machine: PickleMachine, values: Any, places: Any, ndim: Any = 2) -> _Block:
    return _Block(values, places)


def _manager(machine: PickleMachine, blocks: Any, axes: Any, *rest: Any) -> _Manager:
    check(type(blocks) in (tuple, list) and type(axes) in (tuple, list), _FRAME)
    check(all(type(block) is _Block for block in blocks), _FRAME)
    return _Manager(tuple(axes), tuple(blocks))


def _new_manager(machine: PickleMachine, cls: type) -> Pending:
    def restore(state: Any) -> _Manager:
        check(type(state) is tuple and len(state) >= 4 and type(state[3]) is dict, _FRAME)
        described = state[3].get("0.14.1")
        check(type(described) is dict and type(described.get("axes")) is list, _FRAME)
        blocks = []
        for block in described["blocks"]:
            check(type(block) is dict and {"values", "mgr_locs"} <= block.keys(), _FRAME)
            blocks.append(_Block(block["values"], block["mgr_locs"]))
        return _Manager(tuple(described["axes"]), tuple(blocks))

    return Pending(restore)


def _new_frame(machine: PickleMachine, cls: Any) -> Pending:
    def restore(state: Any) -> Any:
        check(type(state) is dict, _FRAME)
        frame = _frame(machine, state.get("_mgr", state.get("_data")))
        if cls is object_table_class():
            return cls(frame)
        if cls is pandas.DataFrame:
            return _with_attributes(frame, state)
        return _as_declared(cls, frame, state)

    return Pending(restore)


def _new_series(machine: PickleMachine, cls: Any) -> Pending:
    def restore(state: Any) -> Any:
        check(type(state) is dict, _FRAME)
        manager = state.get("_mgr", state.get("_data"))
        check(type(manager) is _Manager, _FRAME)
        check(len(manager.axes) == 1 and len(manager.blocks) == 1, _FRAME)
        name = state.get("_name", state.get("name"))
        series = _series(manager.blocks[0].values, manager.axes[0], name)
        if cls is pandas.Series:
            return _with_attributes(series, state)
        return _as_declared(cls, series, state)

    return Pending(restore)


def _series(values: Any, index: Any, name: Any) -> Any:
    is_array = isinstance(values, extensions.ExtensionArray) or type(values) is np.ndarray
    check(is_array and isinstance(index, pandas.Index), _COLUMN)
    check(values.ndim == 1 and len(values) == len(index), _COLUMN)
    return pandas.Series(values, index=index, dtype=values.dtype, name=name, copy=False)


def _frame(machine: PickleMachine, manager: Any) -> Any:
    check(type(manager) is _Manager and len(manager.axes) == 2, _FRAME)
    columns, index = manager.axes
    check(isinstance(columns, pandas.Index) and isinstance(index, pandas.Index), _FRAME)
    found: dict[int, Any] = {}
    for values, places in manager.blocks:
        places = _places(places, len(columns))
        rows = [values] if values.ndim == 1 else [values[row] for row in range(len(values))]
        check(len(rows) == len(places), _FRAME)
        found.update(zip(places, rows, strict=True))
    check(len(found) == len(columns) == sum(_width(block) for block in manager.blocks), _FRAME)
    machine.charge(8 * len(columns))
    series = {place: _series(found[place], index, None) for place in sorted(found)}
    frame = pandas.DataFrame(series, index=index)
    frame.columns = columns
    return frame


def _width(block: _Block) -> int:
    return 1 if block.values.ndim == 1 else len(block.values)


def _places(places: Any, count: int) -> list[int]:
    if type(places) is slice:
        check(all(type(part) in (int, type(None)) for part in (places.start, places.stop)), _FRAME)
        return list(range(*places.indices(count)))
    check(type(places) is np.ndarray and places.dtype.kind in "iu" and places.ndim == 1, _FRAME)
    return [check_integer(place, 0, count - 1, _FRAME) for place in places.tolist()]


def _with_attributes(made: Any, state: dict[str, Any]) -> Any:
    if state.get("attrs"):
        check(type(state["attrs"]) is dict, _FRAME)
        made.attrs = state["attrs"]
    flags = state.get("_flags")
    if type(flags) is dict and flags.get("allows_duplicate_labels") is False:
        made.flags.allows_duplicate_labels = False
    return made


def _as_declared(cls: Any, made: Any, state: dict[str, Any]) -> Any:
    """Return a frame of a trusted class, with its own attributes."""
    frame = cls.__new__(cls)
    rest = {name: value for name, value in state.items() if name not in ("_mgr", "_data")}
    frame.__setstate__({"_mgr": made._mgr, **rest})
    return frame


# ----- indexes -----------------------------------------------------------------------------------

_MULTI_KEYS = frozenset(("levels", "codes", "labels", "sortorder", "names"))


def _new_index(machine: PickleMachine, cls: Any, given: Any) -> Any:
    check(isinstance(cls, type) and cls in _INDEXES and type(given) is dict, _INDEX)
    name = given.get("name")
    if cls is pandas.RangeIndex:
        bounds = [
            check_integer(given.get(key), *_LONG, _INDEX) for key in ("start", "stop", "step")
        ]
        return pandas.RangeIndex(*bounds, name=name)
    if cls is pandas.MultiIndex:
        return _multi_index(given)
    if cls is pandas.IntervalIndex and "left" in given:
        closed = check_text(given["closed"], 10)
        return pandas.IntervalIndex.from_arrays(given["left"], given["right"], closed, name=name)
    data = given.get("data")
    is_index = isinstance(data, pandas.Index) and not isinstance(data, pandas.MultiIndex)
    is_array = isinstance(data, extensions.ExtensionArray) or type(data) is np.ndarray
    check((is_array or is_index) and data.ndim == 1, _INDEX)
    if data.dtype == object:
        for item in data:  # pandas hashes tuples of any size
            machine.check_key(item)
    freq = given.get("freq")
    if freq is not None and cls in (pandas.DatetimeIndex, pandas.TimedeltaIndex):
        check(isinstance(freq, pandas.tseries.offsets.BaseOffset) or type(freq) is str, _INDEX)
        return cls(data, freq=freq, name=name)
    if cls is pandas.Index:
        return pandas.Index(data, dtype=data.dtype, name=name)
    return cls(data, name=name)


def _multi_index(given: dict[str, Any]) -> Any:
    levels: Any = given.get("levels")
    codes: Any = given.get("codes", given.get("labels"))
    check(given.keys() <= _MULTI_KEYS, _INDEX)
    check(type(levels) in (list, tuple) and type(codes) in (list, tuple), _INDEX)
    for level, places in zip(levels, codes, strict=True):
        check(isinstance(level, pandas.Index) and type(places) is np.ndarray, _INDEX)
        check(places.dtype.kind == "i" and places.ndim == 1, _INDEX)
        check(not places.size or -1 <= places.min() <= places.max() < len(level), _INDEX)
    return pandas.MultiIndex(levels, codes, names=given.get("names"), verify_integrity=True)


_INDEXES = frozenset(
    (
        pandas.Index,
        pandas.RangeIndex,
        pandas.MultiIndex,
        pandas.CategoricalIndex,
        pandas.DatetimeIndex,
        pandas.IntervalIndex,
        pandas.PeriodIndex,
        pandas.TimedeltaIndex,
    )
)


# ----- arrays of columns -------------------------------------------------------------------------


def _backed(machine: PickleMachine, cls: Any, checksum: Any, given: Any = None) -> Any:
    """Replace the constructor of columns that are backed by a numpy array."""

    def restore(state: Any) -> Any:
        check(type(state) is tuple and len(state) in (2, 3), _COLUMN)
        dtype, values = state[0], state[1]
        if isinstance(dtype, np.ndarray):
            dtype, values = values, dtype
        check(type(values) is np.ndarray, _COLUMN)
        return _BACKED[cls](values, dtype)

    check(isinstance(cls, type) and cls in _BACKED, _COLUMN)
    return Pending(restore) if given is None else restore(given)


def _datetimes(values: Any, dtype: Any) -> Any:
    kind = values.dtype.kind
    if isinstance(dtype, pandas.DatetimeTZDtype):
        check(values.dtype == np.dtype(f"M8[{dtype.unit}]"), _COLUMN)
    else:
        check(isinstance(dtype, np.dtype) and dtype == values.dtype and kind in "mM", _COLUMN)
    cls = pandas.arrays.TimedeltaArray if kind == "m" else pandas.arrays.DatetimeArray
    plain = pandas.array(values.ravel(), dtype=values.dtype)
    check(type(plain) is cls, _COLUMN)
    if isinstance(dtype, pandas.DatetimeTZDtype):
        plain = plain.tz_localize("UTC").tz_convert(dtype.tz)
    return plain.reshape(values.shape)


def _periods(values: Any, dtype: Any) -> Any:
    check(values.dtype == np.int64 and isinstance(dtype, pandas.PeriodDtype), _COLUMN)
    return pandas.arrays.PeriodArray(values, dtype=dtype)


def _categories(values: Any, dtype: Any) -> Any:
    check(values.dtype.kind == "i" and isinstance(dtype, pandas.CategoricalDtype), _COLUMN)
    check(values.ndim == 1, _COLUMN)
    return pandas.Categorical.from_codes(values, dtype=dtype)


def _texts(values: Any, dtype: Any) -> Any:
    check(values.dtype == object and values.ndim == 1, _COLUMN)
    if not isinstance(dtype, pandas.StringDtype):
        dtype = pandas.StringDtype("python")
    return pandas.array(values, dtype=dtype)


_BACKED: dict[type, Callable[[Any, Any], Any]] = {
    pandas.arrays.DatetimeArray: _datetimes,
    pandas.arrays.TimedeltaArray: _datetimes,
    pandas.arrays.PeriodArray: _periods,
    pandas.Categorical: _categories,
    pandas.arrays.StringArray: _texts,
}


def _new_arrow_text(machine: PickleMachine, cls: Any) -> Pending:
    def restore(state: Any) -> Any:
        check(type(state) is dict, _COLUMN)
        text, dtype = state.get("_pa_array", state.get("_data")), state.get("_dtype")
        check(type(text) is ArrowText and isinstance(dtype, pandas.StringDtype), _COLUMN)
        return pandas.array(text.values, dtype=dtype)

    return Pending(restore)


def _new_masked(machine: PickleMachine, cls: Any) -> Pending:
    def restore(state: Any) -> Any:
        check(type(state) is dict, _COLUMN)
        values, mask = state.get("_data"), state.get("_mask")
        check(type(values) is np.ndarray and type(mask) is np.ndarray, _COLUMN)
        check(values.ndim == 1 and values.shape == mask.shape, _COLUMN)
        return cls(values, mask)

    return Pending(restore)


def _new_intervals(machine: PickleMachine, cls: Any, *rest: Any) -> Pending:
    def restore(state: Any) -> Any:
        if type(state) is tuple and len(state) == 1:
            (state,) = state
        check(type(state) is dict, _COLUMN)
        closed = state["_closed"] if "_closed" in state else state["_dtype"].closed
        check(closed in ("left", "right", "both", "neither"), _COLUMN)
        return pandas.arrays.IntervalArray.from_arrays(state["_left"], state["_right"], closed)

    return Pending(restore)


def _intervals(machine: PickleMachine, cls: Any, checksum: Any, given: Any = None) -> Pending:
    check(cls is pandas.arrays.IntervalArray and given is None, _COLUMN)
    return _new_intervals(machine, cls)


# ----- dtypes ------------------------------------------------------------------------------------


def _dtype_of(make: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
    def new(machine: PickleMachine, cls: Any) -> Pending:
        def restore(state: Any) -> Any:
            check(type(state) is dict, _DTYPE)
            return make(state)

        return Pending(restore)

    return new


def _category_dtype(state: dict[str, Any]) -> Any:
    categories, ordered = state.get("categories"), state.get("ordered")
    check(categories is None or isinstance(categories, pandas.Index), _DTYPE)
    check(ordered in (None, True, False), _DTYPE)
    return pandas.CategoricalDtype(categories, ordered)


def _zoned_dtype(state: dict[str, Any]) -> Any:
    zone = state.get("tz")
    check(isinstance(zone, tzinfo), _DTYPE)
    return pandas.DatetimeTZDtype(check_text(state.get("unit"), 2), zone)


def _interval_dtype(state: dict[str, Any]) -> Any:
    return pandas.IntervalDtype(state.get("subtype"), state.get("closed"))


def _period_dtype(machine: PickleMachine, name: Any) -> Any:
    return pandas.PeriodDtype(name if _is_offset(name) else check_text(name, 100))


def _string_dtype(machine: PickleMachine, storage: Any = "python", missing: Any = pandas.NA) -> Any:
    check(storage in ("python", "pyarrow"), _DTYPE)
    is_nan = type(missing) is float and missing != missing
    check(missing is pandas.NA or is_nan, _DTYPE)
    if storage == "pyarrow" and not is_installed("pyarrow"):
        storage = "python"
    return pandas.StringDtype(storage, np.nan if is_nan else pandas.NA)


def _new_plain_dtype(machine: PickleMachine, cls: Any) -> Any:
    return cls()


def _ignore_cache(value: Any, state: Any) -> None:
    check(state is None or type(state) is dict, _DTYPE)


# ----- single values -----------------------------------------------------------------------------


def _timestamp(machine: PickleMachine, value: Any, freq: Any, zone: Any, unit: Any = 10) -> Any:
    check(freq is None and (zone is None or isinstance(zone, tzinfo)), "a time")
    return pandas.Timestamp._from_value_and_reso(
        check_integer(value, *_LONG, "a time"),
        check_integer(unit, *_RESOLUTIONS, "a time"),
        zone,
    )


def _timedelta(machine: PickleMachine, value: Any, unit: Any = 10) -> Any:
    check_integer(value, *_LONG, "a time difference")
    check_integer(unit, *_RESOLUTIONS, "a time difference")
    return pandas.Timedelta._from_value_and_reso(value, unit)


def _not_a_time(machine: PickleMachine, *args: Any) -> Any:
    return pandas.NaT


def _period(machine: PickleMachine, value: Any, freq: Any, ordinal: Any) -> Any:
    check(value is None and (_is_offset(freq) or type(freq) is str), "a period")
    return pandas.Period(ordinal=check_integer(ordinal, *_LONG, "a period"), freq=freq)


_BOUNDS = (int, float, np.number, pandas.Timestamp, pandas.Timedelta)


def _interval(machine: PickleMachine, left: Any, right: Any, closed: Any = "right") -> Any:
    check(isinstance(left, _BOUNDS) and isinstance(right, _BOUNDS), "an interval")
    return pandas.Interval(left, right, check_text(closed, 10))


def _is_offset(value: Any) -> bool:
    return isinstance(value, pandas.tseries.offsets.BaseOffset)


def _offset_of(cls: Any) -> Callable[..., Any]:
    def make(machine: PickleMachine, *args: Any) -> Any:
        for arg in args:
            if type(arg) is int:
                check_integer(arg, -(2**31), 2**31 - 1, "an offset")
            elif type(arg) is str:
                check_text(arg, 100)
            else:
                check(arg is None or type(arg) in (bool, timedelta) or arg == (), "an offset")
        return cls(*args)

    return make


# ----- the table ---------------------------------------------------------------------------------


def kinds() -> AllowedNames:
    """Return the allowed names of pandas."""
    found = AllowedNames()
    table = object_table_class()
    masked = [pandas.arrays.BooleanArray, pandas.arrays.IntegerArray, pandas.arrays.FloatingArray]
    sizes = ("8", "16", "32", "64")
    plain = [pandas.BooleanDtype, pandas.Float32Dtype, pandas.Float64Dtype]
    plain += [getattr(pandas, f"{kind}{size}Dtype") for kind in ("Int", "UInt") for size in sizes]
    managers = pandas.core.internals
    offsets = pandas.tseries.offsets
    found.makers = {
        pandas.DataFrame: _new_frame,
        table: _new_frame,
        pandas.Series: _new_series,
        managers.BlockManager: _new_manager,
        managers.SingleBlockManager: _new_manager,
        pandas.CategoricalDtype: _dtype_of(_category_dtype),
        pandas.DatetimeTZDtype: _dtype_of(_zoned_dtype),
        pandas.IntervalDtype: _dtype_of(_interval_dtype),
        pandas.arrays.IntervalArray: _new_intervals,
        pandas.arrays.ArrowStringArray: _new_arrow_text,
        **dict.fromkeys(masked, _new_masked),
        **dict.fromkeys(plain, _new_plain_dtype),
    }
    found.inherited_makers = {pandas.DataFrame: _new_frame, pandas.Series: _new_series}
    found.setters = dict.fromkeys(plain, _ignore_cache)
    found.callers = {
        managers.BlockManager: _manager,
        pandas.PeriodDtype: _period_dtype,
        pandas.StringDtype: _string_dtype,
        pandas.Period: _period,
        pandas.Interval: _interval,
        pandas.Timestamp: _timestamp,  # the form in which older versions pickle it
        pandas.Timedelta: _timedelta,
    }
    for name in offsets.__all__:
        cls = getattr(offsets, name)
        if name not in ("BaseOffset", "DateOffset"):
            found.names[name] = cls
            found.callers[cls] = _offset_of(cls)
    for cls in (*found.makers, *found.callers, *_BACKED, *_INDEXES):
        found.names[cls.__name__] = cls
    found.add_constructors(
        {
            "_unpickle_block": _block,
            "_new_Index": _new_index,
            "_new_DatetimeIndex": _new_index,
            "_new_TimedeltaIndex": _new_index,
            "_new_PeriodIndex": _new_index,
            "_new_IntervalIndex": _new_index,
            "__pyx_unpickle_NDArrayBacked": _backed,
            "__pyx_unpickle_IntervalMixin": _intervals,
            "_unpickle_timestamp": _timestamp,
            "_timedelta_unpickle": _timedelta,
            "_nat_unpickle": _not_a_time,
        }
    )
    found.names |= {
        "NA": pandas.NA,
        "NaT": pandas.NaT,
    }
    return found
