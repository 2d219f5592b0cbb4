"""Pickles of a trajectory that have all ranges and nothing of the storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pypet.tree.node import put


def full_copy_flags(trajectory: Any) -> dict[str, bool]:
    """Return the user's ``v_full_copy`` of all explored parameters and, as ``''``, of all."""
    flags = {
        name: parameter.v_full_copy
        for name, parameter in trajectory._explored.items()
        if parameter is not None
    }
    return {"": trajectory.v_full_copy, **flags}


def restore_flags(trajectory: Any, flags: dict[str, bool]) -> None:
    """Give a trajectory, or one out of a pickle, the flags that the user has set."""
    put(trajectory, "_full_copy", flags[""])
    for name, parameter in trajectory._explored.items():
        if parameter is not None:
            parameter.v_full_copy = flags[name]


@contextmanager
def bare_and_full(trajectory: Any) -> Iterator[None]:
    """Let pickles of a trajectory have all ranges, but not the storage service."""
    flags = full_copy_flags(trajectory)
    service = trajectory._storage_service
    put(trajectory, "_storage_service", None)
    trajectory.v_full_copy = True
    try:
        yield
    finally:
        put(trajectory, "_storage_service", service)
        restore_flags(trajectory, flags)
