"""Entries of ranges: checked, and converted to the type of the default of their parameter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from pypet.leaves.base_parameter import BaseParameter
from pypet.leaves.conversion import converted, converted_array, converter
from pypet.leaves.supported_data import SCALAR_TYPES, explain_unsupported_entry, short_repr


def converted_entries(parameter: BaseParameter, default: Any, entries: Iterable[Any]) -> list[Any]:
    """Return entries for a range of ``parameter``, converted to the type of ``default``.

    Raises
    ------
    TypeError
        An entry cannot be converted without loss.
    """
    values = (
        _scalar_entries(parameter, default, entries)
        if _checks_by_type(parameter, default)
        else None
    )
    if values is not None:
        return values
    return [
        _converted_entry(parameter, default, position, value)
        for position, value in enumerate(entries)
    ]


def _checks_by_type(parameter: BaseParameter, default: Any) -> bool:
    """Return whether checks of scalar entries depend on their types only."""
    cls = type(parameter)
    return (
        type(default) in SCALAR_TYPES
        and hasattr(cls.f_supports, "_depends_on_scalar_type")
        and hasattr(cls._values_of_same_type, "_depends_on_scalar_type")
    )


def _scalar_entries(parameter: BaseParameter, default: Any, entries: Iterable[Any]) -> list[Any]:
    """Return scalar entries for a scalar default; fast for many."""
    kind: Any = type(default)
    if type(entries) is np.ndarray and entries.ndim == 1:
        exact = converted_array(entries, kind)
        if exact is not None:
            return exact
    values = list(entries)
    found = set(map(type, values))
    if found <= {kind}:
        return values
    converters = {other: converter(other, kind) for other in found - {kind}}
    if None not in converters.values():
        exact = [
            value if type(value) is kind else converters[type(value)](value)  # type: ignore[misc]
            for value in values
        ]
        if not any(value is None for value in exact):
            return exact
    return [
        _converted_entry(parameter, default, position, value)
        for position, value in enumerate(values)
    ]


def _converted_entry(parameter: BaseParameter, default: Any, position: int, value: Any) -> Any:
    """Return an entry of a range, converted to the type of the default."""
    is_supported = parameter.f_supports(value)
    if is_supported and parameter._values_of_same_type(value, default):
        return value
    exact = converted(value, default)
    if (
        exact is not None
        and parameter.f_supports(exact)
        and parameter._values_of_same_type(exact, default)
    ):
        return exact
    problem = (
        f"unlike its default {short_repr(default)} of type {type(default).__name__}"
        if is_supported
        else "which it does not support"
    )
    raise TypeError(
        f"Entry {position} of the range for {type(parameter).__name__} "
        f"{parameter.v_full_name!r} is {short_repr(value)} of type {type(value).__name__}, "
        f"{problem}. {explain_unsupported_entry(value, default)}"
    )
