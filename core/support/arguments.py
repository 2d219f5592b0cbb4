"""Validation of arguments, with messages that name the argument and the expected value."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from typing import Any


def check_mapping(value: Any, what: str, example: str) -> Mapping[Any, Any]:
    """Return ``value`` if it has ``items()``.

    The message of the error starts with ``what`` and shows ``example``.

    Raises
    ------
    TypeError
        The value has no ``items()``.
    """
    if not callable(getattr(value, "items", None)):
        raise TypeError(f"{what} a dictionary like {example}, not {_shown(value)}.")
    return value  # type: ignore[no-any-return]


def check_iterable(value: Any, method: str, single: str) -> Iterable[Any]:
    """Return ``value`` if it is an iterable but not text, which would be iterated by letters.

    The message names the called ``method`` and the method for a ``single`` item.

    Raises
    ------
    TypeError
        The value is not iterable, or text.
    """
    if isinstance(value, str | bytes) or not _is_iterable(value):
        raise TypeError(
            f"`{method}` takes a list of items, not {_shown(value)}; use `{single}` for a single "
            "one."
        )
    return value  # type: ignore[no-any-return]


def check_flag(value: Any, name: str, advice: str) -> None:
    """Reject text in place of True or False, since any text is true.

    Raises
    ------
    TypeError
        The value is text.
    """
    if isinstance(value, str | bytes) and value:
        raise TypeError(f"{name}={value!r}: give True or False, not text. {advice}")


def skips_errors(on_error: Any) -> bool:
    """Return whether loading skips nodes that cannot be loaded (``on_error='skip'``).

    Raises
    ------
    ValueError
        The value is neither ``'raise'`` nor ``'skip'``.
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(
            f"on_error={on_error!r}: loading takes 'raise', so that the first node that cannot be "
            "loaded is an error, or 'skip', to leave such nodes out and list them."
        )
    return bool(on_error == "skip")


def on_error_keyword(on_error: Any) -> dict[str, str]:
    """Return the keyword for a storage service; none by default, since not all services take it."""
    return {"on_error": on_error} if skips_errors(on_error) else {}


def check_callable(value: Any, what: str) -> Callable[..., Any]:
    """Return ``value`` if it is callable; the message of the error starts with ``what``.

    Raises
    ------
    TypeError
        The value is not callable.
    """
    if not callable(value):
        raise TypeError(f"{what}, not {_shown(value)}.")
    return value  # type: ignore[no-any-return]


def is_integer(value: Any) -> bool:
    """Return whether a value is an integer of any type, but not True or False."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_signature(function: Any, role: str, given: str, /, *args: Any, **kwargs: Any) -> None:
    """Check that a function accepts arguments, without calling it.

    Messages describe the function by ``role`` and the arguments by ``given``. Functions without
    signature, like some built-in ones, pass.

    Raises
    ------
    TypeError
        The function does not accept the arguments.
    """
    try:
        # A decorator may pass arguments to its function that it does not accept itself.
        signature = inspect.signature(function, follow_wrapped=False)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as err:
        name = getattr(function, "__qualname__", None) or repr(function)
        raise TypeError(
            f"The {role} is called with {given}, which {name}{signature} does not take: {err}."
        ) from err


def check_path(value: Any, name: str) -> None:
    """Check that a value is a path of a file or folder.

    Raises
    ------
    TypeError
        The value is neither text nor a path.
    ValueError
        The path is empty, or has a null character.
    """
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name} takes a path, not {_shown(value)}.")
    path = os.fspath(value)
    if not path:
        raise ValueError(
            f"{name}={path!r}: the path is empty; leave it out, or give '.' for the working folder."
        )
    if "\0" in path:
        raise ValueError(f"{name}={path!r}: a path cannot contain a null character.")


def _is_iterable(value: Any) -> bool:
    try:
        iter(value)
    except TypeError:
        return False
    return True


def _shown(value: Any) -> str:
    return f"{value!r:.80} ({type(value).__name__})"


_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def get_matching_kwargs(func: Callable[..., Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of ``kwargs`` that a function, method or class constructor accepts.

    All of them if it accepts ``**kwargs``; none for built-ins and for classes without an
    ``__init__`` in Python.
    """
    bound: set[str] = set()
    target: Callable[..., Any] = func
    if inspect.isclass(func):
        target = func.__init__
        if not inspect.isfunction(target):
            return {}
        bound = set(list(inspect.signature(target).parameters)[:1])
    elif inspect.isbuiltin(func):
        return {}
    parameters = inspect.signature(target).parameters
    if any(par.kind is inspect.Parameter.VAR_KEYWORD for par in parameters.values()):
        return dict(kwargs)
    accepted = {name for name, par in parameters.items() if par.kind in _BY_KEYWORD} - bound
    return {name: value for name, value in kwargs.items() if name in accepted}
