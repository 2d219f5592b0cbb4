"""Flat sequences of scalars of several types, None among them, without loss.

The array holds what is common to the elements: numbers as a dtype that has room for all of them,
text as encoded text, anything else as text that spells the elements. The *element types* beside it
say what each element was. Readers that do not know them get a plain sequence of numbers or text.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from pypet.encoding import text_arrays
from pypet.encoding.encoding_errors import refused
from pypet.encoding.type_names import NAME_OF_TYPE, type_of_name

Array = np.ndarray[Any, Any]

NONE = "None"
"""What None is called among element types, and the text that it is kept as."""
IN_ELEMENTS = "*"
"""As element types: each element is text that begins with the name of its type and a colon."""
MAX_LENGTH = 16_000
"""Longer element types do not fit into the header of a dataset, beside those of other columns."""

_NONE_TYPE = type(None)
_TEXT: frozenset[type] = frozenset((str, np.str_))
_BYTES: frozenset[type] = frozenset((bytes, np.bytes_))
_BOOLEANS: frozenset[type] = frozenset((bool, np.bool_))


def _numbers(plain: type, of_numpy: type) -> frozenset[type]:
    return frozenset((plain, *(kind for kind in NAME_OF_TYPE if issubclass(kind, of_numpy))))


_INTEGERS = _numbers(int, np.integer)
_FLOATS = _numbers(float, np.floating)
_COMPLEX = _numbers(complex, np.complexfloating)
_NUMBERS = _BOOLEANS | _INTEGERS | _FLOATS | _COMPLEX

_EXACT_IN_FLOATS = 2**53
"""Integers up to this size are exact as 64-bit floats."""
_LONGEST_DECIMAL = 2**1024
"""Python limits the digits of larger integers, but not in hexadecimal."""


class Packed(NamedTuple):
    """A sequence of scalars as it is kept."""

    values: Array
    """Of shape (n,); text that ends with NULs is (n, width) in closed form, see `text`."""
    scalar: str
    """Name of the scalar type; of a mixture, for readers that do not know element types."""
    types: str | None = None
    """Of a mixture, its element types: names separated by blanks, with the number of elements and
    ``*`` before the name if there are several in a row; or `IN_ELEMENTS`."""


def is_mixture(kinds: Collection[type]) -> bool:
    """Return whether elements of these types are scalars or None."""
    return all(kind in NAME_OF_TYPE or kind is _NONE_TYPE for kind in kinds)


def pack_mixture(name: str, values: Sequence[Any], encoding: str, slack: float = 1.0) -> Packed:
    """Return scalars of any types, and None, as an array with their element types.

    Raises
    ------
    UnicodeEncodeError
        ``encoding`` has no place for a text.
    """
    kinds = set(map(type, values))
    types = _element_types(values)
    if types is None:
        named = [f"{_name_of(type(value))}:{_spelled(value)}" for value in values]
        return Packed(_encoded(name, named, encoding, slack), "str", IN_ELEMENTS)
    if kinds <= _NUMBERS:
        numbers = _common_numbers(name, kinds, values)
        if numbers is not None:
            return Packed(*numbers, types)
    if kinds <= _BYTES:
        return Packed(text_arrays.pack([bytes(value) for value in values], slack), "bytes", types)
    spelled = [_spelled(value) for value in values]
    return Packed(_encoded(name, spelled, encoding, slack), "str", types)


def pack_ints(name: str, values: Any) -> Array:
    """Return Python integers, one or a sequence, as int64, or as uint64 where that is needed.

    Raises
    ------
    TypeError
        They do not fit into 64 bit.
    """
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError:
        smallest = values if isinstance(values, int) else min(values)
        if smallest >= 0:
            try:
                return np.array(values, dtype=np.uint64)
            except OverflowError:
                pass  # refused below, like a mixture of negative and very large numbers
        raise refused(name, "its integers do not fit into 64 bit.") from None


def unpack_mixture(values: Array, scalar: Any, types: str, encoding: str) -> list[Any] | None:
    """Return the elements that `pack_mixture` got, each of its type.

    None if the element types are those of another number of elements: a program that does not know
    them has added or removed some.

    Raises
    ------
    TypeError
        One of the types is unknown.
    ValueError
        An element is not a value of its type.
    """
    is_numeric = values.dtype.kind != "S" and values.ndim == 1
    elements: list[Any] = values.tolist() if is_numeric else text_arrays.unpack(values)
    if types == IN_ELEMENTS:
        pairs = [element.decode(encoding).partition(":") for element in elements]
        return [_read(kind, spelling) for kind, _, spelling in pairs]
    runs = [_run(part) for part in types.split()]
    if sum(count for count, _ in runs) != len(elements):
        return None
    names = itertools.chain.from_iterable(itertools.repeat(kind, count) for count, kind in runs)
    if is_numeric:
        return [_as_number(kind, number) for kind, number in zip(names, elements, strict=True)]
    if scalar == "bytes":
        return [type_of_name(kind)(raw) for kind, raw in zip(names, elements, strict=True)]
    return [_read(kind, raw.decode(encoding)) for kind, raw in zip(names, elements, strict=True)]


# ----- element types ---------------------------------------------------------------------------


def _element_types(values: Sequence[Any]) -> str | None:
    """Return the types of elements as text, None if it would be too long."""
    parts: list[str] = []
    length = 0
    for kind, run in itertools.groupby(map(type, values)):
        count = sum(1 for _ in run)
        part = _name_of(kind) if count == 1 else f"{count}*{_name_of(kind)}"
        parts.append(part)
        length += len(part) + 1
        if length > MAX_LENGTH:
            return None
    return " ".join(parts)


def _run(part: str) -> tuple[int, str]:
    count, star, name = part.rpartition("*")
    return (int(count) if star else 1), name


def _name_of(kind: type) -> str:
    return NONE if kind is _NONE_TYPE else NAME_OF_TYPE[kind]


# ----- numbers ---------------------------------------------------------------------------------


def _common_numbers(name: str, kinds: set[type], values: Sequence[Any]) -> tuple[Array, str] | None:
    """Return numbers as an array that keeps them exactly, and its scalar type; None without one."""
    if not kinds & (_FLOATS | _COMPLEX):
        if not kinds & _INTEGERS:
            return np.array(values, dtype=bool), "bool"
        try:
            return pack_ints(name, [int(value) for value in values]), "int"
        except TypeError:
            return None
    if any(type(value) in _INTEGERS and abs(int(value)) > _EXACT_IN_FLOATS for value in values):
        return None
    if kinds & _COMPLEX:
        return np.array(values, dtype=np.complex128), "complex"
    return np.array(values, dtype=np.float64), "float"


def _as_number(name: str, number: Any) -> Any:
    kind: Any = type_of_name(name)
    if isinstance(number, complex) and kind not in _COMPLEX:
        number = number.real
    return kind(int(number)) if kind in _INTEGERS else kind(number)


# ----- text ------------------------------------------------------------------------------------


def _encoded(name: str, texts: Sequence[str], encoding: str, slack: float) -> Array:
    return text_arrays.pack(
        [text_arrays.encode_text(name, part, encoding) for part in texts], slack
    )


def _spelled(value: Any) -> str:
    """Return a scalar or None as text that gives it again together with its type."""
    kind = type(value)
    if kind in _TEXT:
        return str(value)
    if kind in _BYTES:
        return bytes(value).decode("latin-1")
    if kind in _NUMBERS and kind not in _BOOLEANS and isinstance(value, np.generic):
        value = value.item()  # of 32 bits, it is exact in 64
    if type(value) is int and abs(value) >= _LONGEST_DECIMAL:
        return hex(value)
    return str(value)


def _read(name: str, spelling: str) -> Any:
    if name == NONE:
        return None
    kind: Any = type_of_name(name)
    if kind in _TEXT:
        return kind(spelling)
    if kind in _BYTES:
        return kind(spelling.encode("latin-1"))
    if kind in _BOOLEANS:
        return kind(spelling == "True")
    if kind in _INTEGERS:
        return kind(int(spelling, 0))
    return kind(complex(spelling) if kind in _COMPLEX else float(spelling))
