"""`manual_run`: functions that are a run without an environment."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from pypet.trajectory.run_control import abandon_run, is_driven
from pypet.trajectory.state import TrajectoryState

R = TypeVar("R")


def manual_run(
    turn_into_run: bool = True, store_meta_data: bool = True, clean_up: bool = True
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Make a decorator for functions that take a trajectory first, and are a single run of it.

    The trajectory has to be set to a run. Before the function it is started, after it finished;
    the arguments are those of `Trajectory.f_start_run` and `Trajectory.f_finalize_run`. What the
    function adds is not stored unless it calls ``traj.f_store()``. If the function raises, the
    run is left incomplete, and `Trajectory.f_get_run_errors` returns the error, which is stored
    with the trajectory the next time. While an environment runs the trajectory nothing extra
    happens.

    The decorated function raises ValueError if the trajectory is set to no particular run, and
    TypeError if its first argument is not a trajectory.

    Raises
    ------
    TypeError
        The decorator is written without parentheses.
    """
    if callable(turn_into_run):
        raise TypeError("`manual_run` makes a decorator: write `@manual_run()`, with parentheses.")

    def decorate(func: Callable[..., R]) -> Callable[..., R]:
        @functools.wraps(func)
        def run(traj: Any, *args: Any, **kwargs: Any) -> R:
            if not isinstance(traj, TrajectoryState):
                raise TypeError(
                    f"`{func.__name__}` is a run, so it takes a trajectory first, not {traj!r:.80}."
                )
            if is_driven(traj):
                return func(traj, *args, **kwargs)
            traj.f_start_run(turn_into_run=turn_into_run)
            try:
                result = func(traj, *args, **kwargs)
            except BaseException as error:
                failure = error if isinstance(error, Exception) else None
                abandon_run(traj, clean_up=clean_up, error=failure)
                raise
            traj.f_finalize_run(store_meta_data=store_meta_data, clean_up=clean_up)
            return result

        return run

    return decorate
