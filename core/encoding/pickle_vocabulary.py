"""What a pickle may name, and what stands for it while the pickle is carried out."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

from pypet.errors import StorageFormatError


class MalformedPickleError(StorageFormatError, pickle.UnpicklingError):
    """The bytes are no pickle.

    ``fails_everywhere`` says that Python's own unpickler fails at the same place, too.
    """

    def __init__(self, message: str, *, fails_everywhere: bool = False) -> None:
        super().__init__(message)
        self.fails_everywhere = fails_everywhere


class Constructor:
    """What a name in a pickle stands for if it is no class: it checks its arguments."""

    __slots__ = ("call", "name")

    def __init__(self, name: str, call: Callable[..., Any]) -> None:
        self.name = name
        self.call = call
        """Called with the machine and the arguments."""

    def __repr__(self) -> str:
        return f"<constructor {self.name}>"


class Pending:
    """An object whose state is still to come, with the next BUILD."""

    __slots__ = ("given", "is_done", "restore", "value")

    def __init__(self, restore: Callable[[Any], Any]) -> None:
        self.restore = restore
        self.is_done = False
        self.value: Any = None
        self.given: Any = None
        """What is known of the content before the state comes."""


class Vocabulary:
    """What a pickle may name, and what may be done with it."""

    def find(self, module_name: str, global_name: str) -> Any:
        """Return a class, a constant or a `Constructor`.

        Raises
        ------
        RefusedPickleError
            The name is not admitted.
        """
        raise NotImplementedError

    def caller(self, cls: type) -> Callable[..., Any] | None:
        """Return what is called with the machine and the arguments in place of the class."""
        raise NotImplementedError

    def maker(self, cls: type) -> Callable[..., Any] | None:
        """Return what is called with the machine, the class and arguments for ``cls.__new__``."""
        raise NotImplementedError

    def is_declared(self, cls: Any) -> bool:
        """Return whether somebody trusts the class, whatever it does with its arguments."""
        raise NotImplementedError

    def set_state(self, value: Any, state: Any) -> bool:
        """Give a finished object of an admitted type its state; False if it takes none."""
        raise NotImplementedError
