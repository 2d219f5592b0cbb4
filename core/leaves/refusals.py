"""What to say about data that a parameter or result does not take."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from pypet.encoding.refusals import advice_on_type
from pypet.leaves.sparse import is_sparse

LONGEST_REPR = 80


def short_repr(value: Any) -> str:
    """Return the beginning of a value's ``repr`` on one line."""
    return " ".join(repr(value).split())[:LONGEST_REPR]


def advice(value: Any, family: str, taken: Collection[type]) -> str:
    """Return why a value is refused, as far as that is known, and what takes it, as sentences.

    ``family`` is ``'Parameter'`` or ``'Result'``, ``taken`` are the exact types that any of the
    family takes.
    """
    reason = _reason(value, family, taken)
    add = f"f_add_{family.lower()}"
    way_out = f"`{add}(Pickle{family}, name, ...)` takes anything that can be pickled."
    return f"{reason} {way_out}" if reason else way_out


def _reason(value: Any, family: str, taken: Collection[type]) -> str:
    if value is None:
        return "None stands for no value."
    if isinstance(value, (list, tuple)) and type(value) in (list, tuple):
        return _reason_of_sequence(value)
    if isinstance(value, np.ma.MaskedArray):
        return advice_on_type(value)
    if isinstance(value, np.ndarray):
        if not value.size:
            return f"An Array{family} takes arrays without elements."
        return f"An array of dtype {value.dtype} has no place here."
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
