"""JSON of descriptions: what all commands write with ``--json``."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

FORMAT = 1
"""Number of the format of ``--json``: changes when a key changes its meaning or is removed."""


def to_json(**described: Any) -> str:
    """Return JSON of an object with the key ``format`` and the given ones; ASCII only."""
    return json.dumps(_content(described), indent=2, allow_nan=False)


def to_json_line(**described: Any) -> str:
    """Return the same in one line, for programs that read on while a command goes on."""
    return json.dumps(_content(described), allow_nan=False)


def _content(described: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT, **{key: _plain(value) for key, value in described.items()}}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
