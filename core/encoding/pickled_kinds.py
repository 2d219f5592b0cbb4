"""Tables of what may be named in a pickle, and the checks that their constructors share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pypet.errors import RefusedPickleError


class Kinds:
    """What is admitted of a package."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        """Class, constant or `Constructor` by name; of Python's own modules with the module."""
        self.callers: dict[type, Callable[..., Any]] = {}
        """What is called, with the machine first, in place of a class."""
        self.makers: dict[type, Callable[..., Any]] = {}
        """What is called, with machine and class first, in place of ``__new__`` of a class."""
        self.inherited_makers: dict[type, Callable[..., Any]] = {}
        """Of these makers, the ones that can make objects of declared subclasses."""
        self.setters: dict[type, Callable[[Any, Any], None]] = {}
        """What takes the state of a finished object."""


def check(condition: bool, kind: str) -> None:
    """Raise RefusedPickleError unless a condition of what ``kind`` consists of is met."""
    if not condition:
        raise RefusedPickleError(f"A pickle has something in place of what makes {kind}.")


def check_text(value: Any, longest: int) -> str:
    """Return text that is not too long."""
    check(type(value) is str and len(value) <= longest, "a short text")
    return value  # type: ignore[no-any-return]


def check_integer(value: Any, lowest: int, highest: int, kind: str) -> int:
    """Return an integer within bounds, both of which are allowed."""
    check(type(value) is int and lowest <= value <= highest, kind)
    return value  # type: ignore[no-any-return]


def check_sizes(shape: Any, kind: str) -> tuple[int, ...]:
    """Return a shape of at most 64 axes."""
    check(type(shape) is tuple and len(shape) <= 64, kind)
    for size in shape:
        check_integer(size, 0, 2**63 - 1, kind)
    return shape  # type: ignore[no-any-return]
