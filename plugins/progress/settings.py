"""The accepted forms of ``report_progress``."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

DEFAULT_STEP_PERCENT = 5
DEFAULT_LOGGER = "pypet"


class ProgressSettings(NamedTuple):
    """The parsed value of ``report_progress``."""

    step_percent: float
    target: str
    """Name of a logger, or ``'print'``."""
    level: int
    """Level of the records; with ``'print'`` and 0 each line overwrites the last one."""


def parse_report_progress(value: Any) -> ProgressSettings | None:
    """Return the settings for any form of ``report_progress``, None if reporting is off.

    Raises
    ------
    ValueError
        The value has none of the accepted forms.
    """
    if not isinstance(value, tuple | list):
        if value is None or value is False or value == 0 or value == "":
            return None
        if value is True:
            value = (DEFAULT_STEP_PERCENT, DEFAULT_LOGGER)
        elif isinstance(value, str):
            value = (DEFAULT_STEP_PERCENT, value)
        else:
            value = (value, DEFAULT_LOGGER)
    if not value:
        return None
    step, target, level = (*value, logging.INFO) if len(value) == 2 else (*value, 0, 0)[:3]
    settings = ProgressSettings(step, target, level)
    if not 2 <= len(value) <= 3 or not _is_sound(settings):
        raise ValueError(
            f"report_progress={value!r} is not understood. Give True or False, a step in percent "
            "(> 0), the name of a logger (or 'print'), or a tuple (step, name) or "
            "(step, name, level), for example (5, 'pypet', logging.INFO)."
        )
    return settings


def _is_sound(settings: ProgressSettings) -> bool:
    step, target, level = settings
    return (
        isinstance(step, int | float)
        and not isinstance(step, bool)
        and step > 0
        and isinstance(target, str)
        and isinstance(level, int)
        and level >= 0
    )
