"""Names that a pickle may use, and the checks that their constructors share."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import Any

from pypet.errors import RefusedPickleError, StorageFormatError


class MalformedPickleError(StorageFormatError, pickle.UnpicklingError):
    """The bytes are not a pickle.

    ``fails_everywhere`` is true if Python's own unpickler fails at the same place.
    """

    def __init__(self, message: str, *, fails_everywhere: bool = False) -> None:
        super().__init__(message)
        self.fails_everywhere = fails_everywhere


class Constructor:
    """A function that replaces a name in a pickle and checks its arguments."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call
        """Called with the machine and the arguments."""

    def __repr__(self) -> str:
        return f"<constructor {self.name}>"


class Pending:
    """An object that the next BUILD operation completes with its state."""

    __slots__ = ("given", "is_done", "restore", "value")

    def __init__(self, restore: Callable[[Any], Any]) -> None:
        self.restore = restore
        self.is_done = False
        self.value: Any = None
        self.given: Any = None
        """Content known before the state."""


class Vocabulary:
    """The names that a pickle may use, and the operations on the objects they construct."""

    def find(self, module_name: str, global_name: str) -> Any:
        """Return a class, a constant or a `Constructor`.

        Raises
        ------
        RefusedPickleError
            The name is not allowed.
        """
        raise NotImplementedError

    def caller(self, cls: type) -> Callable[..., Any] | None:
        """Return the function called with the machine and the arguments instead of the class."""
        raise NotImplementedError

    def maker(self, cls: type) -> Callable[..., Any] | None:
        """Return the function called with machine, class and arguments instead of ``__new__``."""
        raise NotImplementedError

    def is_declared(self, cls: Any) -> bool:
        """Return whether the user declared the class, so that it may do anything."""
        raise NotImplementedError

    def set_state(self, value: Any, state: Any) -> bool:
        """Set the state of an object of an allowed type; return False if it accepts none."""
        raise NotImplementedError


class AllowedNames:
    """The allowed names of a package, and the functions that replace their constructors."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        """Class, constant or `Constructor` by name; names of Python's modules include these."""
        self.callers: dict[type, Callable[..., Any]] = {}
        """Class -> function called with the machine and the arguments instead."""
        self.makers: dict[type, Callable[..., Any]] = {}
        """Class -> function called with machine, class and arguments instead of ``__new__``."""
        self.inherited_makers: dict[type, Callable[..., Any]] = {}
        """The makers that also create objects of declared subclasses."""
        self.setters: dict[type, Callable[[Any, Any], None]] = {}
        """Class -> function that sets the state of an object."""

    def add_constructors(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """Allow names that stand for functions, which are called with machine and arguments."""
        self.names.update({name: Constructor(name, call) for name, call in functions.items()})


def check(condition: bool, kind: str) -> None:
    """Raise RefusedPickleError unless a condition on the parts of a ``kind`` is met."""
    if not condition:
        raise RefusedPickleError(f"A pickle has invalid arguments for {kind}.")


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
