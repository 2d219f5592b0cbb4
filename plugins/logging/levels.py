"""Levels of logging, as configurations name them."""

from __future__ import annotations

import logging
from numbers import Integral
from typing import Any


def level_number(level: Any) -> int:
    """Return the number of a level that is given by name or number.

    Raises
    ------
    ValueError
        No level has this name, or it is neither.
    """
    if not isinstance(level, bool) and isinstance(level, Integral):
        return int(level)
    name = level.strip() if isinstance(level, str) else ""
    if name.isdigit():
        return int(name)
    number = logging.getLevelName(name.upper())
    if not isinstance(number, int):
        raise ValueError(f"There is no logging level {level!r}; use for example 'INFO' or 20.")
    return number
