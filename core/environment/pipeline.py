"""Pipeline functions: calling one, and what it may return."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.support.arguments import check_callable, check_signature

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

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


_FORMS = (
    "a run function, a tuple (run,), (run, args) or (run, args, kwargs), or two such tuples, "
    "((run, args, kwargs), (postproc, args, kwargs))"
)


def call_pipeline(
    pipeline: Callable[[Trajectory], Any], trajectory: Trajectory, *, wants_runs: bool
) -> PipelineParts | None:
    """Call a pipeline function and return what it asks for, None for no runs.

    Raises
    ------
    TypeError
        It is no function, or not one of a trajectory.
    RuntimeError
        It returned something else than documented, or nothing although runs are wanted.
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
    """Return what a pipeline function asks for, None if it returned None.

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
            raise _misunderstood(result, "the second part is no tuple")
        return PipelineParts(run, None)
    return PipelineParts(run, _call(post, "post-processing"))


def _call(part: Any, role: str) -> Call:
    if not isinstance(part, tuple | list) or not 1 <= len(part) <= 3:
        raise _misunderstood(part, f"the {role} part must be a tuple of 1 to 3 entries")
    function: Any = part[0]
    args: Any = part[1] if len(part) > 1 else ()
    kwargs: Any = part[2] if len(part) > 2 else {}
    if not callable(function):
        raise _misunderstood(part, f"the first entry of the {role} part is no function")
    if not isinstance(args, tuple | list):
        raise _misunderstood(part, f"the arguments of the {role} part are no tuple")
    if not isinstance(kwargs, Mapping):
        raise _misunderstood(part, f"the keyword arguments of the {role} part are no dictionary")
    return Call(function, tuple(args), dict(kwargs))


def _misunderstood(result: Any, why: str) -> RuntimeError:
    return RuntimeError(
        f"The pipeline function returned {result!r}, which is not understood: {why}. Return "
        f"{_FORMS}."
    )
