"""The parameters of an experiment as text that every record store of Sumatra keeps."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

MAX_VALUES = 1000
"""A longer range is described by its ends."""
MAX_CHARACTERS = 10_000
"""A longer text is cut off; the trajectory has all of it."""
_ENDS = 3


def parameters_as_json(trajectory: Any) -> str:
    """Return all parameters by full name, explored ones with their ranges."""
    values: dict[str, Any] = {}
    for name, parameter in trajectory.f_get_parameters(copy=False).items():
        if parameter.f_has_range():
            values[name] = _range(parameter.f_get_range(copy=False))
        elif not parameter.f_is_empty():
            values[name] = _plain(parameter.f_get())
    return json.dumps(values)


def _range(values: Any) -> list[Any] | str:
    """Return the values of a range, or its length and ends if it is long."""
    if len(values) <= MAX_VALUES:
        return [_plain(value) for value in values]
    first, last = (
        ", ".join(str(_plain(value)) for value in ends)
        for ends in (values[:_ENDS], values[-_ENDS:])
    )
    return f"{len(values)} values: {first}, ..., {last}"


def _plain(value: Any) -> bool | int | float | str:
    """Return a value that is the same when it is read again, else its representation."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float) and type(value) in (bool, int, float):
        return value
    text = value if isinstance(value, str) else repr(value)
    if len(text) <= MAX_CHARACTERS:
        return str(text)
    return f"{text[:MAX_CHARACTERS]}... ({len(text)} characters)"
