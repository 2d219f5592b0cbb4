"""The entries of a LIST message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def split_entries(
    entries: Iterable[tuple[Any, ...]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterable[tuple[str, Any, tuple[Any, ...], dict[str, Any]]]:
    """Yield message, item, arguments and keywords of each entry of a LIST message.

    ``args`` and ``kwargs`` serve entries that bring none of their own.

    Raises
    ------
    RuntimeError
        An entry has fewer than two or more than four parts.
    """
    for entry in entries:
        if not 2 <= len(entry) <= 4:
            raise RuntimeError(
                "An entry of a LIST message is (message, item[, args[, kwargs]]), not one of "
                f"{len(entry)} parts: {entry!r}."
            )
        own_args = entry[2] if len(entry) > 2 else args
        own_kwargs = entry[3] if len(entry) > 3 else kwargs
        yield entry[0], entry[1], tuple(own_args or ()), dict(own_kwargs or {})
