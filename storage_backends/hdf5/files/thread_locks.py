"""One lock for each file in this process, and one that keeps forks away from half-made changes.

Whatever one thread has open in a file, another one could close, move or change. The lock of a file
is therefore held for a whole message. It is reentrant.

The lock order is: first those of files, then `FORK_LOCK`. Whoever needs two files takes both at
once with `exclusive`. Only classes of users can break that order: a class that is being loaded from
one file may itself load from another one, while a second thread does the reverse. A thread that
would wait for itself then goes on without the lock. That is safe: the holder is between two nodes,
where a single thread might use the file for something else, too.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import ParamSpec, TypeVar
from weakref import WeakValueDictionary

_P = ParamSpec("_P")
_T = TypeVar("_T")

FORK_LOCK = threading.RLock()
"""Held by a thread that opens, changes, flushes or closes files, and by one that forks.

In the process that a fork makes there is only one thread. What others were doing to a file at that
moment would be half done in what is flushed before the fork, so it waits for them.
"""


def blocking_forks(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorate functions that change files: they hold `FORK_LOCK`."""

    @functools.wraps(method)
    def holding(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with FORK_LOCK:
            return method(*args, **kwargs)

    return holding


T = TypeVar("T")

_SECONDS_BETWEEN_LOOKS = 0.1

_LOCKS: WeakValueDictionary[str, FileLock] = WeakValueDictionary()
_WAITING: dict[int, FileLock] = {}
"""Thread -> the lock that it waits for."""
_DECIDING = threading.Lock()


class FileLock:
    """The lock of one file, for ``with`` blocks."""

    __slots__ = ("__weakref__", "_depth", "_lock", "_owner", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self.reset()

    def reset(self) -> None:
        """Release it: the thread that held it does not exist in a process that was forked."""
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._depth = 0

    def __enter__(self) -> None:
        if self._lock.acquire(blocking=False) or self._wait():
            self._owner = threading.get_ident()
            self._depth += 1

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if (
            self._owner != threading.get_ident()
        ):  # `__enter__` went on without the lock, or it is inherited
            return
        self._depth -= 1
        if not self._depth:
            self._owner = None
        self._lock.release()

    @property
    def is_mine(self) -> bool:
        """Whether the current thread holds it."""
        return self._owner == threading.get_ident()

    def _wait(self) -> bool:
        """Wait until the lock is acquired; return False if that would be forever."""
        me = threading.get_ident()
        with _DECIDING:
            _WAITING[me] = self
        try:
            while not self._lock.acquire(timeout=0):
                with _DECIDING:
                    if self._waits_for(me):
                        del _WAITING[me]
                        return False
                if self._lock.acquire(timeout=_SECONDS_BETWEEN_LOOKS):
                    return True
            return True
        finally:
            _WAITING.pop(me, None)

    def _waits_for(self, thread: int) -> bool:
        """Return whether the holder of this lock waits for ``thread``, maybe for others first."""
        lock: FileLock | None = self
        seen: set[int] = set()
        while lock is not None:
            owner = lock._owner
            if owner is None or owner in seen:
                return False
            if owner == thread:
                return True
            seen.add(owner)
            lock = _WAITING.get(owner)
        return False


def lock_of(path: str) -> FileLock:
    """Return the lock of the file at ``path``, which need not exist."""
    key = os.path.realpath(path)
    with FORK_LOCK:
        lock = _LOCKS.get(key)
        if lock is None:
            lock = _LOCKS[key] = FileLock(key)
        return lock


@contextmanager
def exclusive(*locks: FileLock) -> Iterator[None]:
    """Hold several locks, which every thread takes in the same order."""
    with ExitStack() as held:
        for lock in sorted(set(locks), key=lambda lock: lock.path):
            held.enter_context(lock)
        yield


def stepwise(records: Iterator[T], lock: FileLock) -> Iterator[T]:
    """Yield from an iterator that uses a file, holding the lock for each step only.

    For reading outside of messages, where the caller may never exhaust the iterator.
    """
    while True:
        with lock:
            try:
                record = next(records)
            except StopIteration:
                return
        yield record


def _reset_in_child() -> None:
    global _DECIDING
    _DECIDING = threading.Lock()
    for lock in list(_LOCKS.values()):
        lock.reset()
    _WAITING.clear()


if hasattr(os, "register_at_fork"):
    # `registry` holds FORK_LOCK around forks, so no thread changes files or locks meanwhile.
    os.register_at_fork(after_in_child=_reset_in_child)
