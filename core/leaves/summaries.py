"""Short texts about data of results."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from pypet.pypetconstants import HDF5_STRCOL_MAX_VALUE_LENGTH

LONGEST = HDF5_STRCOL_MAX_VALUE_LENGTH


def summary_of(data: Mapping[str, Any]) -> str:
    """Return ``key=repr(value)`` joined by ``', '``, cut to 64 characters."""
    parts: list[str] = []
    length = 0
    for key, value in data.items():
        part = f"{key}={_beginning(value)}"
        parts.append(part)
        length += len(part) + 2
        if length > LONGEST + 2:
            break
    text = ", ".join(parts)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _beginning(value: Any) -> str:
    """Return ``repr(value)``, of very long containers at least what is shown of it."""
    kind = type(value)
    if kind in (list, tuple) and len(value) > LONGEST:
        return repr(value[:LONGEST])
    if kind is dict and len(value) > LONGEST:
        return repr(dict(islice(value.items(), LONGEST)))
    return repr(value)
