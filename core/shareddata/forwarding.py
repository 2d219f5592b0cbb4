"""Methods of handles that only pass their arguments on to the stored object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def forwarded(method: F) -> F:
    """Let a method without a body call the method of the same name of the stored object.

    Arguments go by their names, those that were not given with their defaults.
    """
    return _forwarding(method, "_call")


def forwarded_if_open(method: F) -> F:
    """Do the same; the result lives only as long as the store is open: closed is a TypeError."""
    return _forwarding(method, "_call_open")


def _forwarding(method: F, call: str) -> F:
    signature = inspect.signature(method)
    name = method.__name__

    @functools.wraps(method)
    def forward(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        handle, *_ = given.args
        del given.arguments["self"]
        return getattr(handle, call)(name, **given.arguments)

    return forward  # type: ignore[return-value]
