"""Who executes an experiment: a lock that the process has, and that goes when it dies."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import Any

try:
    import fcntl
except ImportError:  # not reached on Windows
    fcntl = None  # type: ignore[assignment]

from pypet.errors import ResumeError

LOCK_NAME = "running.lock"
_SECONDS_FOR_ORPHANS = 20.0
"""Processes that a main process has forked have its lock, too, and end some time after it."""


class ExperimentLock:
    """Held by the main process of a resumable experiment from beginning to end."""

    def __init__(self, folder: str, **facts: Any) -> None:
        """`read_holder` returns ``facts``, which JSON can represent, with pid, host and time."""
        self._path = os.path.join(folder, LOCK_NAME)
        self._facts = facts
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock.

        Raises
        ------
        ResumeError
            Another process has it: the experiment is running.
        """
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + _SECONDS_FOR_ORPHANS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = read_holder(os.path.dirname(self._path)) or {}
                if not _is_gone(holder) or time.monotonic() > deadline:
                    os.close(descriptor)
                    raise _running(os.path.dirname(self._path), holder) from None
            time.sleep(0.05)
        facts = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": time.time(),
            **self._facts,
        }
        self._descriptor = descriptor
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(facts).encode(), 0)
        except OSError as error:
            self.release()
            raise OSError(
                error.errno, f"The lock cannot be written ({error.strerror})", self._path
            ) from error

    def release(self) -> None:
        """Give the lock back; safe to call twice, and in children, which never have it."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def _is_gone(holder: dict[str, Any]) -> bool:
    """Return whether the main process that took the lock last is surely dead."""
    if holder.get("host") != socket.gethostname() or not isinstance(holder.get("pid"), int):
        return False
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _running(folder: str, holder: dict[str, Any]) -> ResumeError:
    pid, host = holder.get("pid", "(unknown)"), holder.get("host", "some host")
    if _is_gone(holder):
        return ResumeError(
            f"Processes that the experiment in {folder} has started are still there, although its "
            f"main process {pid} is gone. End them, or wait, before you resume it."
        )
    return ResumeError(
        f"The experiment in {folder} is running: process {pid} on {host} has it. Wait until it is "
        "over, or end that process."
    )


def read_holder(folder: str) -> dict[str, Any] | None:
    """Return pid, host and time of the last owner of the lock; None if it is unknown."""
    try:
        with open(os.path.join(folder, LOCK_NAME), encoding="utf8") as file:
            facts = json.load(file)
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def is_running(folder: str) -> bool:
    """Return whether a process on this host, or one whose locks are seen here, has the lock."""
    try:
        descriptor = os.open(os.path.join(folder, LOCK_NAME), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
