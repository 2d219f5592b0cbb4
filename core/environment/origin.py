"""Which plugin a feature comes from, and how what it raises comes to name that plugin."""

from __future__ import annotations

import logging
import pickle
from abc import update_abstractmethods
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import getattr_static
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar, cast

from pypet.errors import PypetError
from pypet.moved import FormerMethod

if TYPE_CHECKING:
    from pypet.interfaces import Feature
    from pypet.manager import PluginManager

_EXPECTED = (PypetError, ValueError, TypeError, OSError, RuntimeError, pickle.PickleError)
"""What pypet's own features raise for mistakes of users. A note would only distract from those."""
_RAISED_BY = "Raised by "
_EXPLAINED = (_RAISED_BY, "pypet: ")
"""How notes begin that name the origin of an error already, or its cause in the experiment."""

_logger = logging.getLogger("pypet")

Errors = tuple[type[Exception], ...]
Kind = TypeVar("Kind")


class Origin(NamedTuple):
    """The plugin that provides a feature. Plain data, so that workers can have it."""

    text: str
    """Names the feature, its plugin and its distribution, and how to switch it off."""
    builtin: bool

    @classmethod
    def of(cls, feature: type[Feature], manager: PluginManager) -> Origin:
        """Return the origin of a feature."""
        found = manager.registered(feature)
        if found is None:
            return cls(f"{feature.__module__}.{feature.__qualname__}", False)
        return cls(
            f"{found.family.noun} {found.name!r} ({found.entry.label}). To switch it off, give "
            f"disable_plugins={found.entry.name!r} or set "
            f"PYPET_DISABLE_PLUGINS={found.entry.name}",
            found.entry.builtin,
        )

    def annotate(self, error: Exception, documented: Errors = ()) -> None:
        """Add a note with the origin to an error, unless the error says enough.

        ``documented`` are errors of the contract that report the state of the experiment and no
        fault of the plugin.
        """
        if isinstance(error, documented) or (self.builtin and isinstance(error, _EXPECTED)):
            return
        if not any(note.startswith(_EXPLAINED) for note in getattr(error, "__notes__", ())):
            error.add_note(f"{_RAISED_BY}{self.text}.")

    @contextmanager
    def named(self) -> Iterator[None]:
        """Annotate what is raised in a ``with`` block."""
        try:
            yield
        except Exception as error:
            self.annotate(error)
            raise

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Log what is raised in a ``with`` block, and go on after it."""
        try:
            yield
        except Exception:
            self.log_fault()

    def log_fault(self) -> None:
        """Log the exception that is being handled."""
        _logger.exception("The experiment continues without the failed feature: %s.", self.text)


class Guard:
    """A feature of a plugin whose origin is noted in everything that it raises.

    Derived classes are decorated by `forwards`.
    """

    documented: ClassVar[Errors] = ()
    """See `Origin.annotate`."""

    def __init__(self, origin: Origin, make: Callable[[], Any]) -> None:
        self._origin = origin
        with origin.named():
            self._feature = make()

    @classmethod
    def around(cls, origin: Origin, make: Callable[[], Any]) -> Self:
        """Return a guard around the feature that ``make`` returns."""
        return cls(origin, make)

    def _annotate(self, error: Exception) -> None:
        self._origin.annotate(error, self.documented)


def forwards(interface: type) -> Callable[[type[Kind]], type[Kind]]:
    """Decorate a guard: give it all public members of an interface that it does not define.

    Methods and properties call those of the feature; data of its class, too, is that of the
    feature. So what is added to an interface is guarded without anything to be done here.
    """

    def complete(guard: type[Kind]) -> type[Kind]:
        for name in dir(interface):
            if name.startswith("_") or any(name in vars(kind) for kind in _own(guard)):
                continue
            member = getattr_static(interface, name)
            if isinstance(member, FunctionType):
                setattr(guard, name, _forwarded_method(name))
            elif not isinstance(member, FormerMethod):  # these call the present name
                setattr(guard, name, _forwarded_attribute(name))
        return cast("type[Kind]", update_abstractmethods(guard))

    return complete


def _own(guard: type) -> list[type]:
    return [kind for kind in guard.__mro__ if issubclass(kind, Guard)]


def _forwarded_method(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(self._feature, name)(*args, **kwargs)
        except Exception as error:
            self._annotate(error)
            raise

    return method


def _forwarded_attribute(name: str) -> property:
    def read(self: Any) -> Any:
        try:
            return getattr(self._feature, name)
        except Exception as error:
            self._annotate(error)
            raise

    return property(read, lambda self, value: setattr(self._feature, name, value))
