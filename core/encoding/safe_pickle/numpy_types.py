"""Arrays, scalars and dtypes of numpy from pickles, rebuilt from name, shape and bytes.

numpy trusts the states in pickles: a forged one turns bytes into pointers. Therefore no state is
passed to ``__setstate__``; all objects are created by numpy's public constructors.
"""

from __future__ import annotations

import math
import re
import sys
from typing import Any, Literal

import numpy as np

from pypet.encoding.safe_pickle.machine import PickleMachine
from pypet.encoding.safe_pickle.numpy_random import add_random
from pypet.encoding.safe_pickle.vocabulary import (
    AllowedNames,
    Pending,
    check,
    check_integer,
    check_sizes,
)

_ARRAY = "an array"
_DTYPE = "a dtype"
_MOST_EMPTY = 1 << 20
"""Limit of elements without bytes, whose number the size of the pickle does not limit."""
_DTYPE_NAME = re.compile(r"[?bBhHiIlLqQefdgFDGOSUVMm][0-9]{0,10}|[biufcSUVOMm][0-9]{0,10}")
_UNITS = frozenset(
    ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic")
)
_ALIGNED = 0x80
_NATIVE = "<" if sys.byteorder == "little" else ">"
_CLASSES = (np.ndarray, np.matrix, np.recarray, np.char.chararray)

Array = np.ndarray[Any, Any]


# ----- dtypes ------------------------------------------------------------------------------------


def _dtype(
    machine: PickleMachine, name: Any, align: Any = False, copy: Any = True
) -> Pending | np.dtype[Any]:
    if name is np.record:
        kind: Any = np.record
        name = "V"
    else:
        kind = None
        check(type(name) is str and _DTYPE_NAME.fullmatch(name) is not None, _DTYPE)

    def restore(state: Any) -> np.dtype[Any]:
        dtype = _restored_dtype(name, state)
        return dtype if kind is None else np.dtype((kind, dtype))

    return Pending(restore)


def _restored_dtype(name: str, state: Any) -> np.dtype[Any]:
    check(type(state) is tuple and len(state) in (8, 9), _DTYPE)
    version, order, base, names, fields, size, _, flags = state[:8]
    check(version in (3, 4) and order in ("<", ">", "|", "="), _DTYPE)
    check_integer(size, -1, 2**31 - 1, _DTYPE)
    if base is not None:
        check(type(base) is tuple and len(base) == 2 and isinstance(base[0], np.dtype), _DTYPE)
        dtype = np.dtype((base[0], check_sizes(base[1], _DTYPE)))
    elif names is not None:
        dtype = _fields(names, fields, size, flags)
    elif name[0] in "Mm" and len(state) == 9 and state[8] is not None:
        dtype = np.dtype(f"{name[0]}8{_unit(state[8])}")
        return dtype.newbyteorder("=" if order in ("|", _NATIVE) else order)
    else:
        dtype = _simple_dtype(name, size)
    check(order != "|" or dtype.byteorder == "|", _DTYPE)
    if order in "<>":
        dtype = dtype.newbyteorder("=" if order == _NATIVE else order)
    check(size in (-1, dtype.itemsize), _DTYPE)
    if len(state) == 9 and type(state[8]) is dict and state[8]:
        check(name[0] not in "Mm", _DTYPE)
        dtype = np.dtype(dtype, metadata=state[8])
    return dtype


def _simple_dtype(name: str, size: int) -> np.dtype[Any]:
    if name[0] == "O":
        return np.dtype(object)
    if name[0] in "SUV" and size >= 0:
        check(name[0] != "U" or size % 4 == 0, _DTYPE)
        return np.dtype(f"{name[0]}{size // 4 if name[0] == 'U' else size}")
    return np.dtype(name)


def _fields(names: Any, fields: Any, size: Any, flags: Any) -> np.dtype[Any]:
    check(type(names) is tuple and type(fields) is dict, _DTYPE)
    check_integer(size, 0, 2**31 - 1, _DTYPE)
    members = []
    for name in names:
        check(type(name) is str and type(fields.get(name)) is tuple, _DTYPE)
        member = fields[name]
        check(len(member) in (2, 3) and isinstance(member[0], np.dtype), _DTYPE)
        check_integer(member[1], 0, size, _DTYPE)
        members.append(member)
    titles = [member[2] if len(member) == 3 else None for member in members]
    check(all(title is None or type(title) is str for title in titles), _DTYPE)
    described: Any = {
        "names": list(names),
        "formats": [member[0] for member in members],
        "offsets": [member[1] for member in members],
        "itemsize": size,
    }
    if any(title is not None for title in titles):
        described["titles"] = titles
    is_aligned = type(flags) is int and bool(flags & _ALIGNED)
    dtype: np.dtype[Any] = np.dtype(described, align=is_aligned)
    return dtype


def _unit(metadata: Any) -> str:
    check(type(metadata) is tuple and len(metadata) == 2, _DTYPE)
    unit = metadata[1]
    check(type(unit) is tuple and len(unit) in (2, 3, 4), _DTYPE)
    name = unit[0].decode("latin1") if type(unit[0]) is bytes else unit[0]
    check(name in _UNITS, _DTYPE)
    number = check_integer(unit[1], 1, 2**31 - 1, _DTYPE)
    check(all(other == 1 for other in unit[2:]), _DTYPE)
    if name == "generic":
        return ""
    return f"[{number}{name}]"


# ----- arrays ------------------------------------------------------------------------------------


def restored_array(
    machine: PickleMachine, shape: Any, dtype: Any, is_fortran: Any, content: Any
) -> Array:
    """Return an array that owns its memory, from bytes or a list of objects.

    Raises
    ------
    RefusedPickleError
        Size or type of the content do not match shape and dtype.
    """
    check_sizes(shape, _ARRAY)
    check(isinstance(dtype, np.dtype) and dtype.subdtype is None, _ARRAY)
    count = math.prod(shape)
    if dtype.hasobject:
        array = _of_objects(machine, count, dtype, content).reshape(shape)
        return np.asfortranarray(array) if is_fortran else array
    content = _raw(content)
    check(len(content) == count * dtype.itemsize, _ARRAY)
    check(dtype.itemsize > 0 or count <= _MOST_EMPTY, _ARRAY)
    machine.charge(len(content) + count // 8)
    order: Literal["F", "C"] = "F" if is_fortran else "C"
    array = np.ndarray(shape, dtype, buffer=content or None, order=order).copy(order)
    _make_booleans(array)
    return array


def _of_objects(machine: PickleMachine, count: int, dtype: np.dtype[Any], content: Any) -> Array:
    check(type(content) is list and len(content) == count, _ARRAY)
    machine.charge(8 * count)
    if dtype.char == "O":
        return np.fromiter(content, dtype=object, count=count)
    array = np.empty(count, dtype=dtype)
    for position, item in enumerate(content):
        array[position] = item
    return array


def _raw(content: Any) -> bytes:
    if type(content) is str:  # Python 2 had no bytes
        return content.encode("latin1")
    check(type(content) in (bytes, bytearray), _ARRAY)
    return bytes(content)


def _make_booleans(array: Array) -> None:
    """Normalize bytes other than 0 and 1, which break numpy's arithmetic, to booleans."""
    if array.dtype == np.bool_:
        raw = array.view(np.uint8)
        np.not_equal(raw, 0, out=array)
        return
    for name in array.dtype.names or ():
        member = array[name]
        if _has_booleans(member.dtype):
            if member.dtype == np.bool_:
                member[...] = member.view(np.uint8) != 0
            else:
                _make_booleans(member)


def _has_booleans(dtype: np.dtype[Any]) -> bool:
    if dtype.subdtype is not None:
        return _has_booleans(dtype.subdtype[0])
    if dtype.names is not None:
        return any(_has_booleans(dtype[name]) for name in dtype.names)
    return dtype == np.bool_


def _reconstruct(machine: PickleMachine, cls: Any, shape: Any, code: Any) -> Pending:
    is_declared = machine.vocabulary.is_declared(cls) and issubclass(cls, np.ndarray)
    check(cls in _CLASSES or is_declared, _ARRAY)
    if is_declared:
        check(cls.__setstate__ is np.ndarray.__setstate__, "an array")

    def restore(state: Any) -> Array:
        check(type(state) is tuple and len(state) in (4, 5), _ARRAY)
        array = restored_array(machine, *state[-4:])
        if not array.dtype.isnative and array.dtype.names is None:  # as in numpy
            array = array.astype(array.dtype.newbyteorder("="))
        return array if cls is np.ndarray else array.view(cls)

    return Pending(restore)


def _from_buffer(
    machine: PickleMachine, content: Any, dtype: Any, shape: Any, order: Any, axes: Any = None
) -> Array:
    check(isinstance(dtype, np.dtype) and not dtype.hasobject and axes is None, _ARRAY)
    check(order in ("C", "F"), _ARRAY)
    return restored_array(machine, shape, dtype, order == "F", content)


def _scalar(machine: PickleMachine, dtype: Any, content: Any = b"") -> Any:
    check(isinstance(dtype, np.dtype), "a number of numpy")
    if dtype.char == "O":
        return content
    check(not dtype.hasobject, "a number of numpy")
    return restored_array(machine, (), dtype, False, content)[()]


def _masked(machine: PickleMachine, cls: Any, base: Any, shape: Any, code: Any) -> Pending:
    check(cls is np.ma.MaskedArray and base in (np.ndarray, np.matrix), "a masked array")

    def restore(state: Any) -> Any:
        check(type(state) is tuple and len(state) == 7, "a masked array")
        _, shape, dtype, is_fortran, content, mask, fill_value = state
        data = restored_array(machine, shape, dtype, is_fortran, content)
        masks = restored_array(machine, shape, np.ma.make_mask_descr(dtype), is_fortran, mask)
        return np.ma.MaskedArray(data.view(base), mask=masks, fill_value=fill_value)

    return Pending(restore)


def _masked_constant(machine: PickleMachine) -> Any:
    return np.ma.masked


def kinds() -> AllowedNames:
    """Return the allowed names of numpy."""
    found = AllowedNames()
    scalars = {*np.sctypeDict.values(), np.void, np.record}
    for scalar in scalars:
        found.names[scalar.__name__] = scalar
    for old, new in {"bool_": "bool", "string_": "bytes_", "unicode_": "str_"}.items():
        found.names.setdefault(old, found.names.get(new, np.bool_))
    for cls in (*_CLASSES, np.ma.MaskedArray, np.dtype, type(np.ma.masked)):
        found.names[cls.__name__] = cls
    found.callers[np.dtype] = _dtype
    found.callers[type(np.ma.masked)] = _masked_constant
    found.add_constructors(
        {
            "_reconstruct": _reconstruct,
            "_frombuffer": _from_buffer,
            "scalar": _scalar,
            "_mareconstruct": _masked,
        }
    )
    add_random(found)
    return found
