"""User functions other than the run function: pipelines and post-processing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.environment.job import Job
from pypet.support.arguments import check_callable, check_signature
from pypet.support.readable import counted

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

Results = list[tuple[int, Any]]
"""Index and return value of each completed run."""

MAX_PARTS = 5

_FORMS = (
    "a run function, a tuple (run,), (run, args) or (run, args, kwargs), or two such tuples, "
    "((run, args, kwargs), (postproc, args, kwargs))"
)

_logger = logging.getLogger("pypet")


class Call(NamedTuple):
    """A function with its arguments."""

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = {}


class PipelineParts(NamedTuple):
    """``postprocessing`` is None if the pipeline leaves it as it was registered."""

    run: Call
    postprocessing: Call | None


def call_pipeline(
    pipeline: Callable[[Trajectory], Any], trajectory: Trajectory, *, wants_runs: bool
) -> PipelineParts | None:
    """Call a pipeline function and return its run function and post-processing, None for no runs.

    Raises
    ------
    TypeError
        It is not a function of a trajectory.
    RuntimeError
        It returned something else than documented, or None although runs are wanted.
    Exception
        Whatever the function raises.
    """
    check_callable(pipeline, "A pipeline is a function `pipeline(traj)`")
    check_signature(pipeline, "pipeline function", "the trajectory", trajectory)
    _logger.info("Calling the pipeline function for pre-processing")
    parts = parse_pipeline_result(pipeline(trajectory))
    if parts is None and wants_runs:
        raise RuntimeError(
            "The pipeline function returned None instead of a run function. That is allowed with "
            "do_single_runs=False only."
        )
    return parts


def parse_pipeline_result(result: Any) -> PipelineParts | None:
    """Parse what a pipeline function returned; None for None.

    Raises
    ------
    RuntimeError
        The pipeline function returned something else than documented.
    """
    if result is None:
        return None
    if callable(result):
        return PipelineParts(Call(result), None)
    if not isinstance(result, tuple | list) or not result:
        raise _misunderstood(result, "it is neither a function nor a tuple with one")
    first = result[0]
    if callable(first):
        return PipelineParts(_call(result, "run"), None)
    if len(result) > 2:
        raise _misunderstood(result, f"there are {len(result)} parts")
    run = _call(first, "run")
    post = result[1] if len(result) == 2 else None
    if not post or not isinstance(post, tuple | list) or post[0] is None:
        if post and not isinstance(post, tuple | list):
            raise _misunderstood(result, "the second part is not a tuple")
        return PipelineParts(run, None)
    return PipelineParts(run, _call(post, "post-processing"))


def _call(part: Any, role: str) -> Call:
    if not isinstance(part, tuple | list) or not 1 <= len(part) <= 3:
        raise _misunderstood(part, f"the {role} part must be a tuple of 1 to 3 entries")
    function: Any = part[0]
    args: Any = part[1] if len(part) > 1 else ()
    kwargs: Any = part[2] if len(part) > 2 else {}
    if not callable(function):
        raise _misunderstood(part, f"the first entry of the {role} part is not a function")
    if not isinstance(args, tuple | list):
        raise _misunderstood(part, f"the arguments of the {role} part are not a tuple")
    if not isinstance(kwargs, Mapping):
        raise _misunderstood(part, f"the keyword arguments of the {role} part are not a dictionary")
    return Call(function, tuple(args), dict(kwargs))


def _misunderstood(result: Any, why: str) -> RuntimeError:
    return RuntimeError(
        f"The pipeline function returned {result!r}, which is not understood: {why}. Return "
        f"{_FORMS}."
    )


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
        self._check_signature()

    def call(self, trajectory: Trajectory, results: Results, job: Job) -> None:
        """Call the function once, then expand the trajectory and replace arguments as it says.

        Raises
        ------
        TypeError
            New arguments are of a wrong type.
        Exception
            Whatever the function raises, or expanding the trajectory.
        """
        try:
            returned = self.function(trajectory, results, *self.args, **self.kwargs)
            parts = _parts(returned)
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
        self._check_signature()

    def _check_signature(self) -> None:
        """Raise now rather than after all runs if the function does not take the arguments."""
        given = "the trajectory and the results"
        if self.args or self.kwargs:
            given += f", and {counted(len(self.args) + len(self.kwargs), 'argument')}"
        check_signature(
            self.function,
            "function for post-processing",
            given,
            None,
            [],
            *self.args,
            **self.kwargs,
        )


def _parts(returned: Any) -> tuple[Any, ...] | None:
    """Return the five parts of what post-processing returned, None for each that is missing.

    None if it returned nothing, or something that is ignored.
    """
    if returned is None:
        return None
    if isinstance(returned, Mapping):
        return (returned, None, None, None, None)
    if isinstance(returned, tuple) and 1 <= len(returned) <= MAX_PARTS:
        expansion = returned[0]
        if not expansion or isinstance(expansion, Mapping):
            parts = (*returned, *[None] * (MAX_PARTS - len(returned)))
            _check_parts(parts)
            return parts
    _logger.error(
        "Post-processing returned %r, which is ignored: return None, a dictionary that expands "
        "the trajectory, or a tuple of at most 5 entries (expansion, args, kwargs, "
        "postproc_args, postproc_kwargs).",
        returned,
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
