"""What a plugin leaves behind: processes, threads and open files, and a limit for what hangs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from pypet.errors import MissingDependencyError
from pypet.support.optional import require

SETTLING_SECONDS = 3.0
"""Seconds that the last step of shutting down may take, for which there is nothing to wait on."""
_HELPERS = {"resource_tracker": "_pid", "forkserver": "_forkserver_pid"}
"""Modules of `multiprocessing` with a process that stays until the interpreter ends."""


class Leftovers:
    """Notes what this process has, to find out later what has been added.

    Processes are those of the operating system, also grandchildren and those that were not started
    by `multiprocessing`, if psutil is installed.
    """

    def __init__(self) -> None:
        self._processes = set(_descendants())
        self._threads = set(threading.enumerate())
        self._files = open_files()

    def assert_no_processes(self) -> None:
        """Assert that all processes are gone that were started since."""
        _assert_gone(lambda: [text for pid, text in self._new_processes()], "processes")

    def assert_no_threads(self) -> None:
        """Assert that all threads have ended that were started since."""
        _assert_gone(
            lambda: [str(each) for each in threading.enumerate() if each not in self._threads],
            "threads",
        )

    def assert_no_files(self) -> None:
        """Assert that no more files, pipes and sockets are open than before; only on Linux."""
        _assert_gone(
            lambda: [f"{open_files() - self._files} files"] * (open_files() > self._files), "files"
        )

    def _new_processes(self) -> list[tuple[int, str]]:
        found = _descendants()
        return [(pid, found[pid]) for pid in found if pid not in self._processes]


def open_files() -> int:
    """Return the number of open files of this process, as far as it is known."""
    return len(os.listdir("/proc/self/fd")) if sys.platform.startswith("linux") else 0


def shared_memory() -> set[str]:
    """Return the names of shared memory of all programs, as far as they are known."""
    return set(os.listdir("/dev/shm")) if sys.platform.startswith("linux") else set()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise AssertionError in what takes longer than this, where the platform has an alarm.

    Only in the main thread; timers that were set before go on afterwards.
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def give_up(*_: Any) -> None:
        raise AssertionError(f"It hangs: it did not end within {seconds} seconds.")

    former = signal.signal(signal.SIGALRM, give_up)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, left, interval)
        signal.signal(signal.SIGALRM, former)


def wait_for_file(path: Path, seconds: float) -> bool:
    """Wait until there is a file; return whether it has come in time."""
    deadline = monotonic() + seconds
    while not path.exists():
        if monotonic() > deadline:
            return False
        sleep(0.005)
    return True


def _assert_gone(find: Callable[[], Collection[str]], what: str) -> None:
    deadline = monotonic() + SETTLING_SECONDS
    while left := find():
        assert monotonic() < deadline, f"It leaves {what} behind: {sorted(left)}"
        sleep(0.02)


def _descendants() -> dict[int, str]:
    """Return the processes that descend from this one, by id; not the helpers of Python."""
    try:
        psutil = require("psutil", plugin="the conformance suites", extra="monitor")
    except MissingDependencyError:
        return {each.pid or 0: str(each) for each in multiprocessing.active_children()}
    found = {}
    helpers = _helper_pids()
    for process in psutil.Process().children(recursive=True):
        if process.pid in helpers:
            continue
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = f"{process.pid} {' '.join(process.cmdline())[:200]}"
        except psutil.Error:
            continue  # it has just ended
    return found


def _helper_pids() -> set[int | None]:
    """Return the ids of processes that `multiprocessing` keeps for later use."""
    modules = {name: sys.modules.get(f"multiprocessing.{name}") for name in _HELPERS}
    helpers = {name: getattr(module, f"_{name}", None) for name, module in modules.items()}
    return {getattr(helpers[name], attribute, None) for name, attribute in _HELPERS.items()}
