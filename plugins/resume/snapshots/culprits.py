"""Finding the part of something large that cannot be pickled."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from pypet.trajectory import Trajectory

MAX_DEPTH = 12
"""Maximum depth of the search; deeper objects are reported as part of their parent."""


class Culprit(NamedTuple):
    """The innermost part that cannot be pickled, and what pickling it raises."""

    path: str
    """Where it is, in the form ``args[0].lock``."""
    item: Any
    error: Exception


def find_culprit(thing: Any, dumps: Callable[[Any], object], path: str = "") -> Culprit | None:
    """Return the first part of ``thing`` that ``dumps`` refuses, None if it refuses nothing.

    Parts are tried one by one, which is for something that was refused as a whole.
    """
    error = _refusal(thing, dumps)
    if error is None:
        return None
    seen: set[int] = set()
    for _ in range(MAX_DEPTH):
        seen.add(id(thing))
        found = _first_refused(thing, dumps, path, seen)
        if found is None:
            break
        path, thing, error = found
    return Culprit(path, thing, error)


def _first_refused(
    thing: Any, dumps: Callable[[Any], object], path: str, seen: set[int]
) -> Culprit | None:
    for suffix, part in _parts(thing):
        if id(part) not in seen and (error := _refusal(part, dumps)) is not None:
            return Culprit(path + suffix if path else suffix.lstrip("."), part, error)
    return None


def _refusal(thing: Any, dumps: Callable[[Any], object]) -> Exception | None:
    try:
        dumps(thing)
    except Exception as error:
        return error
    return None


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parts of something, each with what is to be appended to its path."""
    if isinstance(thing, Mapping):
        for key, part in thing.items():
            is_name = isinstance(key, str) and key.isidentifier()
            yield (f".{key}" if is_name else f"[{key!r}]"), part
    elif isinstance(thing, list | tuple | set | frozenset):
        for index, part in enumerate(thing):
            yield f"[{index}]", part
    elif isinstance(thing, Trajectory):
        yield from _parts_of_trajectory(thing)
    elif isinstance(thing, functools.partial):
        yield from ((".func", thing.func), (".args", thing.args), (".keywords", thing.keywords))
    elif isinstance(thing, MethodType):
        yield ".__self__", thing.__self__
    elif isinstance(thing, FunctionType):
        yield from _parts_of_function(thing)
    elif not isinstance(thing, type):
        yield from _parts_of_object(thing)


def _parts_of_trajectory(trajectory: Trajectory) -> Iterator[tuple[str, Any]]:
    for leaf in trajectory.f_iter_leaves():
        yield f".{leaf.v_full_name}", leaf
    for group in trajectory.f_iter_nodes():
        if not group.v_is_leaf:
            yield f".{group.v_full_name}.v_annotations", group.v_annotations
    yield ".v_storage_service", trajectory.v_storage_service
    yield from ((f".{name}", part) for name, part in vars(trajectory).items())


def _parts_of_function(function: FunctionType) -> Iterator[tuple[str, Any]]:
    try:
        used = inspect.getclosurevars(function)
    except ValueError:  # a variable of the function around it has no value
        return
    for name, part in (*used.nonlocals.items(), *used.globals.items()):
        yield f" (its variable `{name}`)", part


def _parts_of_object(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that are pickled, those in slots too."""
    try:
        state = thing.__getstate__()
    except Exception:  # whatever a user's method raises, which is what pickling raised
        return
    for attributes in state if isinstance(state, tuple) else (state,):
        if isinstance(attributes, Mapping):
            yield from ((f".{name}", part) for name, part in attributes.items())
