"""Decorators for run functions and for code that extends pypet."""

from pypet.support.decorators import (
    copydoc,
    deprecated,
    kwargs_api_change,
    kwargs_mutual_exclusive,
    not_in_run,
    prefix_naming,
    retry,
    with_open_store,
)
from pypet.trajectory.manual import manual_run

__all__ = [
    "copydoc",
    "deprecated",
    "kwargs_api_change",
    "kwargs_mutual_exclusive",
    "manual_run",
    "not_in_run",
    "prefix_naming",
    "retry",
    "with_open_store",
]
