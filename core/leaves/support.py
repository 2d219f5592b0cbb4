"""Which data parameters take: exact types, looked up rather than tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pypet.pypetconstants import PARAMETER_SUPPORTED_DATA

SCALAR_TYPES: frozenset[type] = frozenset(PARAMETER_SUPPORTED_DATA)

F = TypeVar("F", bound=Callable[..., Any])


def judges_scalars_by_type(function: F) -> F:
    """Mark a check that gives the same answer for all scalars of one exact type.

    Ranges of scalars are then checked by their types alone, a million entries at once.
    """
    function._judges_scalars_by_type = True  # type: ignore[attr-defined]
    return function


def supports_array(data: Any) -> bool:
    """Return whether the dtype of an array is one of the scalar types, in native byte order."""
    return data.dtype.type in SCALAR_TYPES and data.dtype.isnative


def supports_sequence(data: Any) -> bool:
    """Return whether a list or tuple is not empty and flat, of one scalar type."""
    kinds = set(map(type, data))
    return len(kinds) == 1 and kinds <= SCALAR_TYPES


def same_dtype(a: Any, b: Any) -> bool:
    """Return whether arrays agree in dtype; text of any width does."""
    return bool(a.dtype == b.dtype) or a.dtype.kind == b.dtype.kind == "U"
