"""Small classes for scripts and for code that extends pypet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from pypet.support.collections import IteratorChain

__all__ = ["ChainMap", "HashArray", "IteratorChain", "TrajectoryMock", "Universe"]


class ChainMap:
    """Looks keys up in several mappings, the first that has one wins.

    It is not a `collections.abc.Mapping`: keys that several mappings have are counted and iterated
    several times.
    """

    def __init__(self, *maps: Mapping[Any, Any]) -> None:
        self._maps = maps

    def __getitem__(self, key: Any) -> Any:
        for mapping in self._maps:
            if key in mapping:
                return mapping[key]
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(self._maps)

    def __len__(self) -> int:
        return sum(map(len, self._maps))


class HashArray:
    """Makes an array usable as a key: equal arrays of one dtype have the same hash.

    The array must not be changed afterwards.
    """

    __slots__ = ("_hash", "array")

    def __init__(self, ndarray: np.ndarray[Any, Any]) -> None:
        self.array = ndarray
        digest = hashlib.sha1(ndarray.tobytes(), usedforsecurity=False).digest()
        self._hash = int.from_bytes(digest[:8], "big")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HashArray) and np.array_equal(self.array, other.array)


class Universe:
    """Contains everything."""

    def __contains__(self, item: object) -> bool:
        return True


class TrajectoryMock:
    """Keeps the names and the current run of a trajectory, without its data."""

    def __init__(self, traj: Any) -> None:
        self.v_environment_name = traj.v_environment_name
        self.v_name = traj.v_name
        self.v_crun = traj.v_crun
        self.v_crun_ = traj.v_crun_
        self.v_idx = traj.v_idx
