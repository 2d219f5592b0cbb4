"""Detects whether a run has changed what existed before it, cheaply enough for every run."""

from __future__ import annotations

import pickle
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.tree.tree import RUN_HOLDERS

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

_PLAIN_TYPES = frozenset((int, float, complex, bool, str, bytes, type(None)))
_facts_of_leaf = attrgetter("_data", "_locked", "_comment", "_annotations")
_facts_of_group = attrgetter("_comment", "_annotations")
_OF_THE_RUN = frozenset(
    ("_idx", "_run_name", "_is_run", "_run_started", "_calls_in_run", "_generators")
)
"""Attributes of a trajectory that each run sets."""


class StateSnapshot:
    """The state of a trajectory before a run.

    Immutable values are compared directly, everything else by its pickle. Of explored parameters
    only the existence is compared, because each run sets their values.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory: Any = trajectory
        tree = self._tree = trajectory._tree
        self._leaves = dict(tree.leaves)
        self._groups = dict(tree.groups)
        explored = trajectory._explored
        others = [leaf for name, leaf in tree.leaves.items() if name not in explored]
        self._plain = [leaf for leaf in others if _is_plain(leaf)]
        self._plain_facts = list(map(_facts_of_leaf, self._plain))
        self._other = [leaf for leaf in others if not _is_plain(leaf)]
        self._other_pickles = list(map(_pickled, self._other))
        self._bare = [group for group in tree.groups.values() if group._annotations is None]
        self._bare_facts = list(map(_facts_of_group, self._bare))
        self._annotated = [group for group in tree.groups.values() if group._annotations]
        self._annotation_pickles = [_pickled(group._annotations) for group in self._annotated]
        self._links = _count_links(tree)
        self._settings = {
            name: value for name, value in vars(trajectory).items() if name not in _OF_THE_RUN
        }

    def is_unchanged(self) -> bool:
        """Return whether the trajectory has the same state; its settings are restored if so."""
        tree = self._tree
        if tree.leaves != self._leaves:
            return False
        if tree.groups != self._groups and not self._adopt_frames():
            return False
        try:
            if list(map(_facts_of_leaf, self._plain)) != self._plain_facts:
                return False
            if list(map(_facts_of_group, self._bare)) != self._bare_facts:
                return False
            if list(map(_pickled, self._other)) != self._other_pickles:
                return False
        except Exception:
            return False  # before the run all values could be compared and pickled
        if [_pickled(group._annotations) for group in self._annotated] != self._annotation_pickles:
            return False
        if _count_links(tree) != self._links:
            return False
        vars(self._trajectory).update(self._settings)
        return True

    def _adopt_frames(self) -> bool:
        """Say whether there are just some empty groups more, which the first run leaves behind."""
        groups = self._tree.groups
        added = {name: group for name, group in groups.items() if name not in self._groups}
        if not RUN_HOLDERS.issuperset(added) or {**self._groups, **added} != groups:
            return False
        self._groups.update(added)
        self._bare.extend(added.values())
        self._bare_facts.extend(map(_facts_of_group, added.values()))
        return all(group._annotations is None for group in added.values())


def _is_plain(leaf: Any) -> bool:
    """Return whether everything in a leaf is immutable."""
    if leaf._annotations is not None or not hasattr(leaf, "_data") or hasattr(leaf, "__dict__"):
        return False
    data = leaf._data
    kind = type(data)
    if kind is tuple:
        return all(type(value) in _PLAIN_TYPES for value in data)
    return kind in _PLAIN_TYPES or isinstance(data, np.generic)


def _pickled(thing: Any) -> bytes:
    return pickle.dumps(thing, pickle.HIGHEST_PROTOCOL)


def _count_links(tree: Any) -> int:
    return sum(len(group._links) for group in tree.groups.values())
