"""Nested dictionaries as flat ones with joined keys, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flatten_dictionary(nested_dict: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Return ``{'a': {'b': 1}}`` as ``{'a.b': 1}``, with any ``separator``.

    Empty inner dictionaries are kept as values.
    """
    return dict(_flat_items(nested_dict, "", separator))


def nest_dictionary(flat_dict: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Return ``{'a.b': 1}`` as ``{'a': {'b': 1}}``, the inverse of `flatten_dictionary`.

    Raises
    ------
    TypeError
        A key continues below another one whose value is no dictionary.
    """
    nested: dict[str, Any] = {}
    for key, value in flat_dict.items():
        *parents, last = key.split(separator)
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise TypeError(f"Cannot nest {key!r}: {parent!r} already has the value {place!r}.")
        place[last] = value
    return nested


def _flat_items(
    nested: Mapping[str, Any], prefix: str, separator: str
) -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        if isinstance(value, Mapping) and value:
            yield from _flat_items(value, f"{prefix}{key}{separator}", separator)
        else:
            yield f"{prefix}{key}", value
