"""Pickles of trajectories: with all ranges, and by name for what is executed on them.

A run function may be a method of an object that holds the trajectory, a group of it, or the
environment. In a worker all of these mean the trajectory that the run is executed on, as they do
where runs are executed in the main process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pypet.tree.node import put
from pypet.tree.typed_groups import attach_service, attached_service, explored_parameters_of

if TYPE_CHECKING:
    from pypet.trajectory.trajectory import Trajectory

_pickled_by_name: ContextVar[Any] = ContextVar("_pickled_by_name", default=None)
_of_the_run: ContextVar[Any] = ContextVar("_of_the_run", default=None)


@contextmanager
def pickled_by_name(trajectory: Trajectory) -> Iterator[None]:
    """Make pickles of this thread within the block refer to ``trajectory`` by name only."""
    token = _pickled_by_name.set(trajectory)
    try:
        yield
    finally:
        _pickled_by_name.reset(token)


def goes_by_name(trajectory: Trajectory) -> bool:
    """Return whether pickles made now refer to ``trajectory`` by name."""
    return _pickled_by_name.get() is trajectory


def load_for_run(loads: Callable[[bytes], Any], image: bytes, trajectory: Trajectory) -> Any:
    """Unpickle what was made within `pickled_by_name`, for runs on ``trajectory``."""
    token = _of_the_run.set(trajectory)
    try:
        return loads(image)
    finally:
        _of_the_run.reset(token)


def trajectory_of_the_run() -> Any:
    """Return the trajectory that a pickle refers to; called by the unpickler.

    Raises
    ------
    RuntimeError
        The pickle is not unpickled for a run.
    """
    trajectory = _of_the_run.get()
    if trajectory is None:
        raise RuntimeError(
            "This pickle was made for the workers of an experiment and refers to the trajectory "
            "that they execute runs on, so it cannot be read elsewhere."
        )
    return trajectory


# ----- pickles with all ranges and nothing of the storage ---------------------------------


def full_copy_flags(trajectory: Trajectory) -> dict[str, bool]:
    """Return the user's ``v_full_copy`` of all explored parameters and, as ``''``, of all."""
    flags = {
        name: parameter.v_full_copy
        for name, parameter in explored_parameters_of(trajectory).items()
        if parameter is not None
    }
    return {"": trajectory.v_full_copy, **flags}


def restore_flags(trajectory: Trajectory, flags: dict[str, bool]) -> None:
    """Give a trajectory, or one out of a pickle, the flags that the user has set."""
    put(trajectory, "_full_copy", flags[""])
    for name, parameter in explored_parameters_of(trajectory).items():
        if parameter is not None:
            parameter.v_full_copy = flags[name]


@contextmanager
def bare_and_full(trajectory: Trajectory) -> Iterator[None]:
    """Make pickles of a trajectory include all ranges, but not the storage service."""
    flags = full_copy_flags(trajectory)
    service = attached_service(trajectory)
    attach_service(trajectory, None)
    trajectory.v_full_copy = True
    try:
        yield
    finally:
        attach_service(trajectory, service)
        restore_flags(trajectory, flags)
