"""Errors for data that cannot be stored, with advice."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from pypet.errors import NoSuchServiceError

PICKLE_ADVICE = "A PickleParameter or PickleResult takes anything that can be pickled."


def advice_on_type(value: Any) -> str:
    """Return a sentence on how to convert a value to a storable one, ``''`` if there is no way."""
    if isinstance(value, np.ma.MaskedArray):
        return (
            "The mask of a masked array cannot be stored with its values: store both as arrays of "
            "their own (`.data`, `.mask`), or `.filled()`."
        )
    if isinstance(value, Enum):
        return "Members of an Enum cannot be stored, but their `.value` or `.name` may be."
    for kind in (str, bytes, int, float, complex):
        if isinstance(value, kind) and not isinstance(value, np.generic):
            return f"Convert it, for example by `{kind.__name__}(...)`."
    return ""


def unknown_type(name: str, value: Any) -> NoSuchServiceError:
    """Return the error for an unsupported type."""
    kind = type(value)
    parts = (
        f"Item {name!r} is of type {kind.__module__}.{kind.__qualname__}, which cannot be stored.",
        advice_on_type(value),
        PICKLE_ADVICE,
    )
    return NoSuchServiceError(" ".join(filter(None, parts)))


def refused(name: str, reason: str) -> TypeError:
    """Return the error for an item whose content cannot be stored without loss."""
    return TypeError(f"Item {name!r} cannot be stored: {reason} {PICKLE_ADVICE}")


def wrong_flag(name: str, value: Any, flag: str, takes: str) -> TypeError:
    """Return the error for a flag that does not fit the type of the data."""
    parts = (
        f"Item {name!r} of type {type(value).__name__} cannot be stored with flag {flag!r}, which "
        f"takes {takes}.",
        advice_on_type(value) or "Omit the flag to have one chosen.",
    )
    return TypeError(" ".join(parts))
