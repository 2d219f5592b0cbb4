"""Which keyword arguments a callable takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

_BY_KEYWORD = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def get_matching_kwargs(func: Callable[..., Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of ``kwargs`` that a function, method or class constructor accepts.

    All of them if it takes ``**kwargs``; none for built-ins and for classes without an
    ``__init__`` written in Python.
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
