"""How storage services are broken: what is changed on the way into the storage or out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pypet.records import ArrayItem, MetaRecord, NodeRecord, Operation, PutMeta, PutNode
from tests.mutants.mutant import Members

Patch = Callable[[type], Members]
Change = Callable[[Any], Any]
"""Returns what replaces a record: another one, a list of several, or None for nothing."""


def members(**given: Any) -> Patch:
    """Replace members as given."""
    return lambda base: given


def calls(**given: Callable[..., Any]) -> Patch:
    """Replace methods by functions that get the base class as their first argument."""

    def bound(base: type, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda self, *args, **kwargs: function(base, self, *args, **kwargs)

    return lambda base: {name: bound(base, function) for name, function in given.items()}


def _several(changed: Any) -> Iterable[Any]:
    if changed is None:
        return ()
    return changed if isinstance(changed, list) else (changed,)


def written(kind: Any, change: Change) -> Patch:
    """Change operations of a kind before they are applied."""

    def apply(base: Any, self: Any, request: Any) -> None:
        operations: list[Operation] = []
        for each in request.operations:
            operations += _several(change(each)) if isinstance(each, kind) else (each,)
        base.apply(self, request._replace(operations=tuple(operations)))

    return calls(apply=apply)


def node(change: Change) -> Patch:
    """Change what is written of groups and leaves."""
    return written(PutNode, change)


def meta(change: Change) -> Patch:
    """Change what is written about trajectories themselves."""
    return written(PutMeta, change)


def item(kind: Any, change: Change) -> Patch:
    """Change items of a kind that are written."""

    def changed(operation: PutNode) -> PutNode:
        items: list[Any] = []
        for each in operation.items:
            items += _several(change(each)) if isinstance(each, kind) else (each,)
        return operation._replace(items=tuple(items))

    return node(changed)


def array(applies: Callable[[np.ndarray], Any], change: Callable[[np.ndarray], Any]) -> Patch:
    """Change the values of array items that are written, if ``applies`` to them."""

    def changed(given: ArrayItem) -> ArrayItem:
        if not applies(given.value):
            return given
        return given._replace(value=np.asarray(change(given.value)))

    return item(ArrayItem, changed)


def dtype(before: str, after: str) -> Patch:
    """Write arrays and numbers of one dtype as another."""
    return array(lambda value: value.dtype == np.dtype(before), lambda value: value.astype(after))


def annotations(change: Callable[[Any], Any]) -> Patch:
    """Change values of annotations that are written, of groups and leaves."""
    return node(
        lambda put: put._replace(annotations={k: change(v) for k, v in put.annotations.items()})
    )


def rows(**columns: Callable[[Any], Any]) -> Patch:
    """Change columns of the run table that are written."""
    from dataclasses import replace

    return meta(
        lambda put: put._replace(
            runs=replace(
                put.runs, **{name: f(getattr(put.runs, name)) for name, f in columns.items()}
            )
        )
    )


def read(change: Callable[[NodeRecord], Any]) -> Patch:
    """Change records of nodes that are read."""

    def read_nodes(base: Any, self: Any, *args: Any, **options: Any) -> Any:
        for each in base.read_nodes(self, *args, **options):
            yield from _several(change(each))

    return calls(read_nodes=read_nodes)


def read_with(**options: Callable[[Any], Any]) -> Patch:
    """Change the options with which nodes are read."""

    def read_nodes(base: Any, self: Any, *args: Any, **given: Any) -> Any:
        changed = {name: change(given.get(name)) for name, change in options.items()}
        return base.read_nodes(self, *args, **{**given, **changed})

    return calls(read_nodes=read_nodes)


def read_meta(change: Callable[[MetaRecord], MetaRecord]) -> Patch:
    """Change what is read about trajectories themselves."""
    return calls(read_meta=lambda base, self, *a, **k: change(base.read_meta(self, *a, **k)))
