"""Media that fail in the middle of what a storage service writes."""

from __future__ import annotations

import errno
import functools
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock


@contextmanager
def failing_calls(
    number: int, *functions: tuple[Any, str], error: Exception | None = None
) -> Iterator[None]:
    """Let functions succeed ``number`` times in all, and fail from then on, in a ``with`` block.

    A function is a module or class and the name of its attribute, as ``(os, "pwrite")``. All that
    change the medium of a storage service make `pypet.testing.storage_suite.StorageSuite.fault`.

    Parameters
    ----------
    error
        What they raise, by default an OSError with ``errno.EIO``.
    """
    raised = OSError(errno.EIO, os.strerror(errno.EIO)) if error is None else error
    calls = itertools.count()
    with ExitStack() as stack:
        for owner, name in functions:
            counted = _counted(getattr(owner, name), calls, number, raised)
            stack.enter_context(mock.patch.object(owner, name, counted))
        yield


def _counted(
    function: Callable[..., Any], calls: Iterator[int], number: int, error: Exception
) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if next(calls) >= number:
            raise error
        return function(*args, **kwargs)

    return call
