"""Nodes that are stored early, before they are final.

An environment stores parameters and config before the first run, so that a crash leaves a file
that can be used. Up to the end of the experiment they may still be changed, as if they had not
been stored: nodes that have changed are written again, and all others are skipped.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, NamedTuple

from pypet.leaves.codec import encode_leaf
from pypet.leaves.parameter import Parameter, range_and_default
from pypet.leaves.supported_data import SCALAR_TYPES
from pypet.tree.node import existing_annotations

_BUILT_IN = "pypet.leaves."
"""Module of the leaves whose data is accessible without encoding it."""


class _State(NamedTuple):
    """The state of a node when it was stored."""

    equal: tuple[Any, ...]
    """Equal if the node is unchanged."""
    same: tuple[Any, ...] = ()
    """Identical if the node is unchanged; changes within these objects show in ``equal``."""


class EarlyNodes:
    """The states of nodes when they were stored early."""

    __slots__ = ("nodes",)

    def __init__(self) -> None:
        self.nodes: dict[int, tuple[Any, _State | None]] = {}
        """Id of a node that was stored early, and not again since -> the node and its state.

        A lookup takes less than a call, which matters for the many nodes of runs.
        """

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return EarlyNodes, ()  # it is meaningless in other processes

    def note(self, nodes: Iterable[Any]) -> None:
        """Remember the states of nodes that were just stored."""
        for node in nodes:
            self.nodes[id(node)] = (node, _state_of(node))

    def is_unchanged(self, node: Any) -> bool:
        """Return whether a node is certainly unchanged since it was stored early."""
        former, present = self.nodes[id(node)][1], _state_of(node)
        if former is None or present is None or len(former.same) != len(present.same):
            return False
        return former.equal == present.equal and all(map(_is, former.same, present.same))

    def forget(self, nodes: Iterable[Any]) -> None:
        """Forget nodes, which are finally stored."""
        for node in nodes:
            self.nodes.pop(id(node), None)


def _is(one: Any, other: Any) -> bool:
    return one is other


def _state_of(node: Any) -> _State | None:
    """Return the state of a node; None if it cannot be determined, so the node is written again.

    The range of an explored parameter is represented by its length: entries are only ever
    appended, and comparing a million entries would be slow.
    """
    try:
        annotations = existing_annotations(node)
        notes = None if annotations is None else _digest(annotations.f_to_dict())
        described: tuple[Any, ...] = (node.v_comment, notes)
        if not node.v_is_leaf or node.f_is_empty():
            return _State(described)
        if not (isinstance(node, Parameter) and type(node).__module__.startswith(_BUILT_IN)):
            return _State((*described, _digest(encode_leaf(node))))
        values, data = range_and_default(node)
        described = (*described, len(values))
        if type(data) in SCALAR_TYPES:
            return _State(described, (values, data) if values else (data,))
        return _State((*described, _digest(data)), (values,) if values else ())
    except Exception:
        return None


def _digest(thing: Any) -> bytes:
    return blake2b(pickle.dumps(thing, 5), digest_size=16).digest()
