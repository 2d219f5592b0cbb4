"""Arguments of messages: levels of storing and loading, depths, and entries of LIST messages."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

from pypet import pypetconstants as constants

STORE_LEVELS = (
    constants.STORE_NOTHING,
    constants.STORE_DATA_SKIPPING,
    constants.STORE_DATA,
    constants.OVERWRITE_DATA,
)
LOAD_LEVELS = (
    constants.LOAD_NOTHING,
    constants.LOAD_SKELETON,
    constants.LOAD_DATA,
    constants.OVERWRITE_DATA,
)


def check_storing(level: Any, max_depth: Any = None) -> None:
    """Raise for wrong values of ``store_data`` and ``max_depth``.

    Raises
    ------
    ValueError
        The level is invalid.
    TypeError
        The depth is not a number.
    """
    if level not in STORE_LEVELS:
        raise ValueError(
            f"store_data={level!r}: a level is one of 0 (nothing), 1 (what was not stored before), "
            "2 (what is new), and 3 (overwrite everything)."
        )
    _check_depth(max_depth)


def check_loading(level: Any, max_depth: Any = None) -> None:
    """Raise for wrong values of a load level and ``max_depth``, as `check_storing` does."""
    if level not in LOAD_LEVELS:
        raise ValueError(
            f"A load level is one of 0 (nothing), 1 (nodes without data), 2 (data that is not in "
            f"memory), and 3 (replace everything), not {level!r}."
        )
    _check_depth(max_depth)


def _check_depth(max_depth: Any) -> None:
    if max_depth is not None and not isinstance(max_depth, Integral):
        raise TypeError(f"max_depth={max_depth!r}: give a number of levels, or None for all.")


# ----- entries of LIST messages ---------------------------------------------------------------


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
