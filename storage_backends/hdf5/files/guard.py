"""Forks wait until nobody is in the middle of changing a file.

In the process that a fork makes there is only one thread. What others were doing to a file at
that moment would be half done in what is flushed before, so they hold this lock meanwhile.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

GUARD = threading.RLock()
"""Held by a thread that opens, changes, flushes or closes files, and by one that forks."""


def guarded(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorate what changes files: it holds the lock, and waits for others that do."""

    @functools.wraps(method)
    def holding(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with GUARD:
            return method(*args, **kwargs)

    return holding
