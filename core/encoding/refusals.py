"""The errors for data that cannot be kept, with the way out."""

from __future__ import annotations

from typing import Any

from pypet.errors import NoSuchServiceError

WAY_OUT = "A PickleParameter or PickleResult takes anything that can be pickled."


def unknown_type(name: str, value: Any) -> NoSuchServiceError:
    """Return the error for a type that no storage service knows."""
    kind = type(value)
    return NoSuchServiceError(
        f"Item {name!r} is of type {kind.__module__}.{kind.__qualname__}, which cannot be stored. "
        f"{WAY_OUT}"
    )


def refused(name: str, reason: str) -> TypeError:
    """Return the error for an item whose content cannot be kept as it is."""
    return TypeError(f"Item {name!r} cannot be stored: {reason} {WAY_OUT}")


def wrong_flag(name: str, value: Any, flag: str, takes: str) -> TypeError:
    """Return the error for a flag that does not go with the type of the data."""
    return TypeError(
        f"Item {name!r} of type {type(value).__name__} cannot be stored with flag {flag!r}, which "
        f"takes {takes}. Leave the flag away to have one chosen."
    )
