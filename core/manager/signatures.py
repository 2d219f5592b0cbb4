"""Checks that methods and hooks of plugins can be called as pypet calls them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pypet.errors import PluginError
from pypet.moved import FormerMethod
from pypet.support.spelling import did_you_mean

_CONTRACTS = ("pypet.interfaces", "pypet.services")
"""Packages whose classes say how methods of plugins are called."""
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_methods(cls: type) -> None:
    """Check that the methods with which a class overrides an interface accept the same calls.

    Parameters that are required may have other names, as they are passed by position; optional
    ones and those that are keywords may not.

    Raises
    ------
    PluginError
        A method does not; the message has the right signature.
    """
    for name, contract in _contracts(cls):
        own = _definition(cls, name)
        problem = _problem(contract, own)
        if problem:
            raise PluginError(
                f"{cls.__qualname__}.{name} {problem}; it is called as {_shown(name, contract)}"
            )


def check_hook_arguments(name: str, specification: Callable[..., Any], function: Any) -> None:
    """Check that the implementation of a hook takes no argument that the hook does not have.

    Raises
    ------
    PluginError
        It does; the message has the right signature.
    """
    known = inspect.signature(specification).parameters
    required = [
        each
        for each, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    wrong = [each for each in required if each not in known]
    if wrong:
        raise PluginError(
            f"hook {name!r} takes {', '.join(map(repr, wrong))}, which is no argument of it"
            f"{did_you_mean(wrong[0], known).rstrip('?')}; its signature is "
            f"{name}({', '.join(known)}), and arguments may be left out"
        )


class _Method(NamedTuple):
    """An attribute of a class body, with how it is reached and called."""

    kind: str
    """``'instance'``, ``'class'``, ``'property'``, or ``'data'`` for anything else."""
    parameters: tuple[inspect.Parameter, ...] = ()
    """Without the first one, if that is the instance or the class."""
    is_async: bool = False


def _contracts(cls: type) -> Iterator[tuple[str, _Method]]:
    """Yield names and definitions of what a class overrides of interfaces."""
    seen: set[str] = set()
    for base in cls.__mro__:
        if not f"{base.__module__}.".startswith(tuple(f"{each}." for each in _CONTRACTS)):
            continue
        is_interface = base.__module__.startswith(_CONTRACTS[0])
        for name, value in vars(base).items():
            is_public = not name.startswith("_") or (name == "__init__" and is_interface)
            if not is_public or name in seen or isinstance(value, FormerMethod):
                continue
            seen.add(name)
            contract = _method(value)
            if contract.kind != "data" and inspect.getattr_static(cls, name) is not value:
                yield name, contract


def _definition(cls: type, name: str) -> _Method:
    return _method(inspect.getattr_static(cls, name))


def _method(value: object) -> _Method:
    if isinstance(value, property):
        return _Method("property")
    if isinstance(value, staticmethod):
        return _of_function("class", value.__func__, bound=0)
    if isinstance(value, classmethod):
        return _of_function("class", value.__func__, bound=1)
    if inspect.isfunction(value):
        return _of_function("instance", value, bound=1)
    return _Method("data")


def _of_function(kind: str, function: Callable[..., Any], *, bound: int) -> _Method:
    parameters = tuple(inspect.signature(function).parameters.values())
    if parameters and parameters[0].kind in _POSITIONAL:
        parameters = parameters[bound:]
    return _Method(kind, parameters, inspect.iscoroutinefunction(function))


def _problem(contract: _Method, own: _Method) -> str:
    """Return why a definition does not fulfil its contract, ``''`` if it does."""
    if contract.kind == "property":
        return "" if own.kind in ("property", "data") else "is a method, but has to be a property"
    if own.kind == "property":
        return "is a property, but has to be a method"
    if own.kind == "data":
        return ""  # a callable made elsewhere, about which nothing is known
    if own.is_async:
        return "is asynchronous, but is called as an ordinary method"
    if contract.kind == "class" and own.kind != "class":
        return "lacks @classmethod or @staticmethod, but is called without an instance"
    return _mismatch(contract.parameters, own.parameters)


def _mismatch(contract: tuple[inspect.Parameter, ...], own: tuple[inspect.Parameter, ...]) -> str:
    kinds = {parameter.kind for parameter in own}
    takes_more = inspect.Parameter.VAR_POSITIONAL in kinds
    takes_keywords = inspect.Parameter.VAR_KEYWORD in kinds
    positional = [each for each in own if each.kind in _POSITIONAL]
    names = {each.name for each in own if each.kind is not inspect.Parameter.POSITIONAL_ONLY}
    passed: set[str] = set()
    expected = [each for each in contract if each.kind in _POSITIONAL]
    for place, parameter in enumerate(expected):
        if place < len(positional):
            passed.add(positional[place].name)
        elif not takes_more:
            return f"lacks the parameter {parameter.name!r}"
        else:
            continue
        is_optional = parameter.default is not parameter.empty
        if is_optional and parameter.name not in names and not takes_keywords:
            return f"has {positional[place].name!r} instead of the parameter {parameter.name!r}"
    for parameter in contract:
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            if parameter.name not in names and not takes_keywords:
                return f"lacks the keyword {parameter.name!r}"
            passed.add(parameter.name)
    if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in contract):
        return ""  # what further arguments are depends on the message
    for parameter in own:
        is_required = parameter.default is parameter.empty and parameter.kind not in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        )
        if is_required and parameter.name not in passed:
            return f"requires {parameter.name!r}, which is never passed"
    return ""


def _shown(name: str, contract: _Method) -> str:
    """Return the signature of a contract, without annotations and the instance."""
    if contract.kind == "property":
        return f"`{name}`, without parentheses"
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in contract.parameters]
    return f"{name}{inspect.Signature(bare)}"
