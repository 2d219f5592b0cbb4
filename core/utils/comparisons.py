"""Equality of parameters, of results, and of any nested data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet.support.comparisons import get_all_attributes, nested_equal

__all__ = ["get_all_attributes", "nested_equal", "parameters_equal", "results_equal"]


def results_equal(a: Any, b: Any) -> bool:
    """Return whether two results have the same full name and hold equal data.

    Comments, annotations and classes do not matter. A result and a parameter are unequal.

    Raises
    ------
    ValueError
        Both are parameters.
    """
    if a.v_is_parameter and b.v_is_parameter:
        raise ValueError(
            f"{a.v_full_name!r} and {b.v_full_name!r} are parameters, use `parameters_equal`."
        )
    if a.v_is_parameter or b.v_is_parameter or a.v_full_name != b.v_full_name:
        return False
    return nested_equal(_data(a), _data(b))


def parameters_equal(a: Any, b: Any) -> bool:
    """Return whether two parameters have the same full name, type, value and range.

    ``a`` judges about type and value. Comments and annotations do not matter. A result and a
    parameter are unequal. Both parameters are locked afterwards, unless they are empty.

    Raises
    ------
    ValueError
        None of them is a parameter.
    """
    if not a.v_is_parameter and not b.v_is_parameter:
        raise ValueError(
            f"{a.v_full_name!r} and {b.v_full_name!r} are not parameters, use `results_equal`."
        )
    if not a.v_is_parameter or not b.v_is_parameter or a.v_full_name != b.v_full_name:
        return False
    if a.f_is_empty() or b.f_is_empty():
        return bool(a.f_is_empty() and b.f_is_empty())
    return _values_equal(a, a.f_get(), b.f_get()) and _ranges_equal(a, b)


def _ranges_equal(a: Any, b: Any) -> bool:
    if not a.f_has_range() or not b.f_has_range():
        return not a.f_has_range() and not b.f_has_range()
    if a.f_get_range_length() != b.f_get_range_length():
        return False
    pairs = zip(a.f_get_range(copy=False), b.f_get_range(copy=False), strict=True)
    return all(_values_equal(a, mine, other) for mine, other in pairs)


def _values_equal(parameter: Any, mine: Any, other: Any) -> bool:
    return bool(
        parameter._values_of_same_type(mine, other) and parameter._equal_values(mine, other)
    )


def _data(result: Any) -> Mapping[str, Any]:
    """Return the data of a result; a class of its own may have nothing but what it stores."""
    if hasattr(result, "f_to_dict"):
        held: Mapping[str, Any] = result.f_to_dict(copy=False)
    else:
        held = {} if result.f_is_empty() else result._store()
    return held
