"""Lossless conversion of values to the type of a parameter's default.

Integers, floating point and complex numbers convert to the same or a higher one of these three
kinds if the value remains exact; `numpy.bool_` and `bool`, `numpy.str_` and `str`, `numpy.bytes_`
and `bytes` to each other; one-dimensional arrays to lists and tuples; the elements of mixed lists
to one of their types. Nothing else converts: True and ``'1'`` are not the number 1, 2.0 is not an
integer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_KINDS: dict[type, str] = {
    bool: "b",
    int: "i",
    float: "f",
    complex: "c",
    str: "U",
    bytes: "S",
    np.str_: "U",
    np.bytes_: "S",
    **{np.dtype(code).type: kind
       for kind, codes in {"b": "?", "i": "bhilqpBHILQP", "f": "efdg", "c": "FDG"}.items()
       for code in codes},
}  # fmt: skip
"""Exact scalar type -> its kind."""

_CONVERTIBLE_KINDS = {"b": "b", "i": "i", "f": "if", "c": "ifc", "U": "U", "S": "S"}
"""Kind -> the kinds that convert to it."""

_DTYPES = {int: np.int64, float: np.float64, complex: np.complex128}


def kind_of(scalar_type: type) -> str:
    """Return ``'b'``, ``'i'``, ``'f'``, ``'c'``, ``'U'`` or ``'S'``, and ``''`` for others."""
    return _KINDS.get(scalar_type, "")


def converted(value: Any, default: Any) -> Any:
    """Return ``value`` as the type of ``default``, None if that is not possible without loss."""
    source: Any = type(value)
    target: Any = type(default)
    if target is list or target is tuple:
        return _converted_sequence(value, default)
    convert = converter(source, target)
    return None if convert is None else convert(value)


def converted_array(values: Array, target: Any) -> list[Any] | None:
    """Return the elements of an array of shape (n,) as a list of scalars of type ``target``.

    None if one of them cannot be converted without loss.
    """
    source: Any = values.dtype.type
    if converter(source, target) is None:
        return None
    kind = _KINDS[target]
    if kind not in "ifc" or source is target:
        return values.tolist() if target in (bool, str, bytes) else list(map(target, values))
    if not values.size:
        return []
    if _KINDS[source] == "i":
        smallest, largest = _integers_of(target)
        if int(values.min()) < smallest or int(values.max()) > largest:
            return None
        if target is int:
            exact_integers: list[Any] = values.tolist()
            return exact_integers
    with np.errstate(over="ignore"):
        exact: Array = values.astype(_DTYPES.get(target, target))
    if _KINDS[source] != "i" and not _is_wider(source, target) and not _same(exact, values):
        return None
    plain: list[Any] = exact.tolist() if target in _DTYPES else list(exact)
    return plain


@functools.cache
def converter(source: type, target: type) -> Callable[[Any], Any] | None:
    """Return a function that converts a scalar of type ``source`` to type ``target``.

    It returns None for values that cannot be converted without loss. If no value can, the result is
    None instead of a function.
    """
    kind, own_kind = _KINDS.get(target, ""), _KINDS.get(source, "")
    if not kind or not own_kind or own_kind not in _CONVERTIBLE_KINDS[kind]:
        return None
    if kind not in "ifc" or (own_kind != "i" and _is_wider(source, target)):
        return target
    if own_kind == "i":
        smallest, largest = _integers_of(target)

        def from_integer(value: Any) -> Any:
            number = int(value)
            return target(number) if smallest <= number <= largest else None

        return from_integer

    def from_number(value: Any) -> Any:
        with np.errstate(over="ignore"):
            number = target(value)
        return number if _same(number, value) else None

    return from_number


@functools.cache
def _integers_of(target: type) -> tuple[float, float]:
    """Return the bounds of the integers that ``target`` represents exactly."""
    if target is int:
        return -float("inf"), float("inf")
    if _KINDS[target] == "i":
        limits = np.iinfo(target)
        return int(limits.min), int(limits.max)
    # Beyond this bound only some integers are exact, which would depend on the value.
    bound = 2 ** (np.finfo(_DTYPES.get(target, target)).nmant + 1)
    return -bound, bound


def _is_wider(source: type, target: type) -> bool:
    """Return whether ``target`` represents all floating point or complex numbers of ``source``."""
    return np.can_cast(_DTYPES.get(source, source), _DTYPES.get(target, target), "safe")


def _same(a: Any, b: Any) -> bool:
    """Return whether numbers, or arrays of numbers, are equal; NaN equals NaN."""
    if type(b) is float and isinstance(a, np.floating):
        return float(a) == b or b != b  # ten times faster for the most common case
    # In the widest type, because numpy would otherwise round a Python number to float32.
    a, b = np.asarray(a, dtype=np.clongdouble), np.asarray(b, dtype=np.clongdouble)
    return bool(np.all((a == b) | ((a != a) & (b != b))))


def _converted_sequence(value: Any, default: Any) -> Any:
    source, target = type(value), type(default)
    if source is np.ndarray:
        if value.ndim != 1 or value.dtype.char in "gG" or value.dtype.type not in _KINDS:
            return None  # `tolist` does not return Python's scalars for these
        value = value.tolist()
    elif source is not target:
        return None
    kinds = set(map(type, value))
    if not default or (target is list and len(kinds) == 1):
        return target(value)  # the elements of lists may be of any type
    wanted = [type(default[0])]
    if target is list:  # else the narrowest of their own types to which all of them convert
        wanted += sorted(kinds, key=_narrowness)
    for kind in wanted:
        elements = _converted_elements(value, kind)
        if elements is not None:
            return target(elements)
    return None


def _converted_elements(values: Any, kind: Any) -> list[Any] | None:
    elements = []
    for value in values:
        own: Any = type(value)
        convert = converter(own, kind)
        exact = None if convert is None else convert(value)
        if exact is None:
            return None
        elements.append(exact)
    return elements


def _narrowness(kind: type) -> tuple[int, bool, str]:
    """Sort types by kind, those of Python before those of numpy."""
    return "bifcUS".find(kind_of(kind)), issubclass(kind, np.generic), kind.__name__
