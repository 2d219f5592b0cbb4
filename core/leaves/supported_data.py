"""Data that leaves support, by exact type, and explanations for unsupported data."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, TypeVar

import numpy as np

from pypet.encoding.encoding_errors import advice_on_type
from pypet.leaves.conversion import kind_of
from pypet.leaves.sparse_text import is_sparse
from pypet.pypetconstants import PARAMETER_SUPPORTED_DATA

SCALAR_TYPES: frozenset[type] = frozenset(PARAMETER_SUPPORTED_DATA)

F = TypeVar("F", bound=Callable[..., Any])


def depends_on_scalar_type(function: F) -> F:
    """Mark a check whose result for a scalar depends on its exact type only.

    A range of a million scalars is then checked by the set of its types.
    """
    function._depends_on_scalar_type = True  # type: ignore[attr-defined]
    return function


def supports_array(data: Any) -> bool:
    """Return whether the dtype of an array is one of the scalar types, in native byte order."""
    return data.dtype.type in SCALAR_TYPES and data.dtype.isnative


def supports_sequence(data: Any) -> bool:
    """Return whether a list or tuple is not empty and flat, of one scalar type."""
    kinds = set(map(type, data))
    return len(kinds) == 1 and kinds <= SCALAR_TYPES


def same_dtype(a: Any, b: Any) -> bool:
    """Return whether the dtypes of two arrays are equal, ignoring the width of text."""
    return bool(a.dtype == b.dtype) or a.dtype.kind == b.dtype.kind == "U"


LONGEST_REPR = 80


def short_repr(value: Any) -> str:
    """Return the beginning of a value's ``repr`` on one line."""
    return " ".join(repr(value).split())[:LONGEST_REPR]


def explain_unsupported(value: Any, family: str, taken: Collection[type]) -> str:
    """Return sentences that explain why a value is not supported, and what supports it.

    ``family`` is ``'Parameter'`` or ``'Result'``, ``taken`` the exact types that the family
    supports.
    """
    if value is None and family == "Parameter":
        return (
            "None means no value: `f_empty()` removes the value, and natural naming returns "
            "None then."
        )
    reason = _reason(value, family, taken)
    add = f"f_add_{family.lower()}"
    way_out = f"`{add}(Pickle{family}, name, ...)` takes anything that can be pickled."
    return f"{reason} {way_out}" if reason else way_out


def _reason(value: Any, family: str, taken: Collection[type]) -> str:
    if value is None:
        return "None means no value."
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return _reason_of_sequence(value)
    if isinstance(value, np.ma.MaskedArray):
        return advice_on_type(value)
    if isinstance(value, np.ndarray):
        if not value.size:
            return f"An Array{family} takes arrays without elements."
        return f"Arrays of dtype {value.dtype} are not supported."
    if hasattr(value, "tocsr"):
        if is_sparse(value):
            return f"`f_add_{family.lower()}(Sparse{family}, name, ...)` takes sparse matrices."
        return (
            f"A Sparse{family} takes the classes of scipy.sparse, by exact type: convert it, for "
            "example by `.tocsr()`."
        )
    own = type(value)
    for kind in taken:
        if kind is not object and isinstance(value, kind) and own is not kind:
            reason = f"Exact types count, and {own.__name__} only derives from {kind.__name__}."
            return f"{reason} {advice_on_type(value)}".rstrip()
    return ""


def _reason_of_sequence(value: list[Any] | tuple[Any, ...]) -> str:
    if not value:
        return "An ArrayParameter takes empty lists and tuples."
    kinds = sorted({type(element).__name__ for element in value})
    if len(kinds) > 1:
        return f"Its elements have to be of one scalar type, but are of {', '.join(kinds)}."
    return f"Its elements have to be scalars, but are of type {kinds[0]}."


# ----- entries of ranges -------------------------------------------------------------------------


def explain_unsupported_entry(value: Any, default: Any) -> str:
    """Return sentences on the values that a range with this default accepts, and on conversions."""
    source, target = type(value), type(default)
    name = _name(target)
    if kind_of(target):
        return f"{_needed(name, target)} {_way_to_scalar(value, source, target)}"
    if target is tuple and source is tuple:
        return (
            f"Tuples need the length of the default, {len(default)}, and elements that convert to "
            f"{_name(type(default[0]))} without loss; an ArrayParameter takes any others."
            if default
            else explain_unsupported(value, "Parameter", SCALAR_TYPES)
        )
    if source is not target:
        makers = {list: "list(value)", tuple: "tuple(value)", np.ndarray: "numpy.array(value)"}
        way = f": use `{makers[target]}`" if target in makers else ""
        return f"Entries have to be of type {name}, as the default is{way}."
    return explain_unsupported(value, "Parameter", SCALAR_TYPES)


def _needed(name: str, target: type) -> str:
    others = {
        "i": "other integers within its limits",
        "f": "integers and floating point numbers with the same value",
        "c": "real and complex numbers with the same value",
    }.get(kind_of(target), "the corresponding type of numpy or Python")
    return f"Entries must be of type {name}, or convertible to it without loss: {others}."


def _way_to_scalar(value: Any, source: type, target: type) -> str:
    name, own = _name(target), _name(source)
    if value is None:
        return "None means no value and cannot be explored."
    if source is np.ndarray and value.ndim == 0:
        return "Use `value.item()`."
    kinds = kind_of(source) + kind_of(target)
    if len(kinds) == 2 and kinds[0] in "bifc" and kinds[1] in "bif" and kinds not in ("cf", "ii"):
        return (
            f"Convert it yourself if that is meant, by `{name}(value)` or, an array, by "
            f"`.astype({name})`; or give the parameter a default of type {own}."
        )
    if source in SCALAR_TYPES:
        return f"Or give the parameter a default of type {own}."
    return f"`f_add_parameter(PickleParameter, name, ...)` takes a default of type {own}."


def _name(kind: type) -> str:
    return f"numpy.{kind.__name__}" if issubclass(kind, np.generic) else kind.__name__
