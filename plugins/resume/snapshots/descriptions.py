"""What makes an experiment the one it is, in a form that can be written as JSON and compared.

The number of processes, scheduler, wrap mode and logging are left out: whoever resumes is free to
choose them.
"""

from __future__ import annotations

import functools
import os
import re
import reprlib
from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any

from pypet.plugins.resume.snapshots.digests import digest, digest_of_values
from pypet.plugins.resume.snapshots.functions import refer

EXPERIMENT_KEY = "experiment"
"""Entry of a header that `describe_experiment` makes and `differences` reads."""
MAX_TEXT_LENGTH = 200
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

_short = reprlib.Repr()
_short.maxstring = _short.maxother = MAX_TEXT_LENGTH
_short.maxlist = _short.maxtuple = _short.maxset = _short.maxfrozenset = _short.maxdict = 10


def describe_experiment(
    trajectory: Any,
    function: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] = {},
    *,
    seed: int | None = None,
    postprocessing: tuple[Callable[..., Any], Sequence[Any], Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Describe all that has to be the same when an experiment is resumed.

    ``postprocessing`` is its function with positional and named arguments. The storage service is
    the one of the trajectory, without any wrapping.
    """
    return {
        "function": describe_function(function),
        "arguments": describe_arguments(args, kwargs),
        "postprocessing": None
        if postprocessing is None
        else {
            "function": describe_function(postprocessing[0]),
            "arguments": describe_arguments(*postprocessing[1:]),
        },
        "seed": seed,
        "storage": describe_storage(trajectory.v_storage_service),
        "explored": describe_exploration(trajectory),
    }


def describe_function(function: Callable[..., Any]) -> dict[str, Any]:
    """Describe a function: its name, and its `FunctionReference` if it has one.

    One without is a part of the snapshot, and so cannot change.
    """
    reference = refer(function)
    return {
        "name": _function_name(function),
        "reference": None if reference is None else reference._asdict(),
    }


def _function_name(function: Any) -> str:
    if isinstance(function, functools.partial):
        return f"partial of {_function_name(function.func)}"
    if isinstance(function, MethodType):
        return _function_name(function.__func__)
    name = getattr(function, "__qualname__", None)
    return str(name) if name else f"object of {type(function).__qualname__}"


def describe_arguments(args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Describe arguments by label: ``argument 1`` is the first after the trajectory."""
    labelled = {f"argument {index}": value for index, value in enumerate(args, start=1)}
    labelled |= {f"argument `{name}`": value for name, value in kwargs.items()}
    return {label: _describe_value(value) for label, value in labelled.items()}


def _describe_value(value: Any) -> dict[str, Any]:
    return {"type": type(value).__qualname__, "text": short_text(value), "sha256": digest(value)}


def short_text(value: Any) -> str:
    """Return a text for a value that is the same in every process, at most a few lines long."""
    try:
        text = _short.repr(value)
    except Exception:  # whatever `__repr__` of a user's class raises
        text = f"<{type(value).__qualname__}>"
    return _ADDRESS.sub("", text)[: 10 * MAX_TEXT_LENGTH]


def describe_storage(service: Any) -> dict[str, Any]:
    """Describe a storage service: its class, its file if it has one, and its settings."""
    filename = getattr(service, "filename", None)
    settings = getattr(service, "settings", None)
    entries = settings() if callable(settings) else {}
    return {
        "service": f"{type(service).__module__}.{type(service).__qualname__}",
        "file": None if filename is None else os.path.abspath(filename),
        "settings": {name: _plain(value) for name, (value, _) in entries.items()},
    }


def _plain(value: Any) -> Any:
    return value if type(value) in (bool, int, str) else short_text(value)


def describe_exploration(trajectory: Any) -> dict[str, Any]:
    """Describe the explored parameters of a trajectory: how many values, and a digest of them."""
    explored = trajectory.f_get_explored_parameters(copy=False)
    return {name: _describe_range(parameter) for name, parameter in explored.items()}


def _describe_range(parameter: Any) -> dict[str, Any]:
    if parameter is None or not parameter.f_has_range():
        return {"length": None, "sha256": None}  # not in memory
    values = parameter.f_get_range(copy=False)
    return {"length": len(values), "sha256": digest_of_values(values)}
