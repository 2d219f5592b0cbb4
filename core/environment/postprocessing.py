"""Post-processing: the function that is called after the runs, and what it may return."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pypet.environment.job import Job
from pypet.support.arguments import check_callable, check_signature

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

Results = list[tuple[int, Any]]

_logger = logging.getLogger("pypet")

MAX_PARTS = 5


class PostProcessing:
    """A function of the user with the arguments of its next call.

    Raises
    ------
    TypeError
        It cannot be called, or not with trajectory, results and these arguments.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] = {},
    ) -> None:
        self.function = check_callable(
            function, "Post-processing must be a function `postproc(traj, results, ...)`"
        )
        self.args = tuple(args)
        self.kwargs = dict(kwargs)
        self._check_call()

    def call(self, trajectory: Trajectory, results: Results, job: Job) -> None:
        """Call the function once and do what it returns: expand, exchange arguments.

        Raises
        ------
        TypeError
            New arguments are of a wrong type.
        Exception
            Whatever the function raises, or expanding the trajectory.
        """
        try:
            answer = self.function(trajectory, results, *self.args, **self.kwargs)
            parts = _parts(answer)
            if parts is None:
                return
            expansion, args, kwargs, postproc_args, postproc_kwargs = parts
            if expansion:
                trajectory.f_expand(expansion)
        except Exception as err:
            err.add_note(
                f"pypet: raised in post-processing of trajectory {trajectory.v_name!r}, after "
                f"{len(results)} results; what the runs stored before is still there"
            )
            raise
        if args is not None or kwargs is not None:
            job.replace(args, kwargs)
        job.check_signature()
        if postproc_args is not None:
            self.args = tuple(postproc_args)
        if postproc_kwargs is not None:
            self.kwargs = dict(postproc_kwargs)
        self._check_call()

    def _check_call(self) -> None:
        """Raise now rather than after all runs if the function does not take the arguments."""
        count = len(self.args) + len(self.kwargs)
        given = "the trajectory and the results" + (f", and {count} arguments" if count else "")
        check_signature(
            self.function,
            "function for post-processing",
            given,
            None,
            [],
            *self.args,
            **self.kwargs,
        )


def _parts(answer: Any) -> tuple[Any, ...] | None:
    """Return the five parts of an answer, None for those that are missing; None if nothing."""
    if answer is None:
        return None
    if isinstance(answer, Mapping):
        return (answer, None, None, None, None)
    if isinstance(answer, tuple) and 1 <= len(answer) <= MAX_PARTS:
        expansion = answer[0]
        if not expansion or isinstance(expansion, Mapping):
            parts = (*answer, *[None] * (MAX_PARTS - len(answer)))
            _check_parts(parts)
            return parts
    _logger.error(
        "Post-processing returned %r, which is ignored: return None, a dictionary that expands "
        "the trajectory, or a tuple of at most 5 entries (expansion, args, kwargs, "
        "postproc_args, postproc_kwargs).",
        answer,
    )
    return None


def _check_parts(parts: tuple[Any, ...]) -> None:
    """Raise TypeError unless arguments are sequences and keyword arguments dictionaries."""
    names = ("args", "kwargs", "postproc_args", "postproc_kwargs")
    for name, part in zip(names, parts[1:], strict=True):
        is_named = name.endswith("kwargs")
        fits = isinstance(part, Mapping) if is_named else isinstance(part, tuple | list)
        if part is not None and not fits:
            raise TypeError(
                f"Post-processing returned {part!r} as {name}; give a "
                f"{'dictionary' if is_named else 'tuple'}, or None to leave them as they are."
            )
