"""What a worker of SCOOP does: introduce itself, execute batches, end with the main process."""

from __future__ import annotations

import faulthandler
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic, sleep, time
from types import FrameType
from typing import NamedTuple

from pypet.errors import RunTimeoutError
from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.interfaces._worker_setup import RunAware
from pypet.plugins._workers.lifetime import end_with, terminate_process
from pypet.plugins._workers.outcomes import exited_outcome, serialize
from pypet.plugins._workers.task_queue import PATIENCE_SECONDS
from pypet.plugins._workers.worker_process import set_niceness
from pypet.plugins.scoop import scoop_internals
from pypet.support import run_banners
from pypet.version import __version__

GRACE_SECONDS = 5.0
"""A worker ends itself if its run goes on for this long after its timeout."""
RETRY_SECONDS = 0.1
"""Time after which a timeout is raised again that hit the wrong greenlet."""
CONNECT_SECONDS = 20.0
"""Time between two attempts to connect to the main process, and how long one may take."""
LOST_SECONDS = 90.0
"""A worker ends after so long without contact; the main process gives it up earlier."""
MIN_ATTEMPTS = 3
"""Fewer failures mean nothing: C code of a run may have kept this thread from running."""

_watched: tuple[int, tuple[str, int]] | None = None


class Introduction(NamedTuple):
    """Who and where a worker is."""

    name: bytes
    """Its address, by which SCOOP knows it."""
    host: str
    pid: int
    version: str
    """That of pypet."""


class BatchSettings(NamedTuple):
    """How batches are executed."""

    timeout: float | None
    """Seconds that a run may take."""
    niceness: int | None
    logs_each_run: bool
    """Each run has log files of its own."""
    main_pid: int
    """Id of the main process; its children end with it."""
    address: tuple[str, int]
    """Host and port of the main process; workers end that cannot reach it for long."""


class Reply(NamedTuple):
    """The result of a batch: ``outcomes``, serialized, of its first ``done`` tasks.

    ``outcomes`` is None if nothing was executed: because of an ``error``, because the worker
    ``is_busy`` with a run that waits for futures of its own, or else because it lacks the task
    function.
    """

    outcomes: bytes | None = None
    done: int = 0
    error: str | None = None
    is_busy: bool = False


class _Overdue(BaseException):
    """A run exceeds its timeout."""


class _Current(NamedTuple):
    """The task function of this process; only one is kept, for trajectories may be large."""

    name: str
    function: TaskFunction
    is_fresh: bool
    """It was not set up yet."""


_current: _Current | None = None
_is_active = False


def introduce() -> Introduction:
    """Return who this worker is, and patch SCOOP in it."""
    import scoop

    scoop_internals.stop_status_reports()
    scoop_internals.limit_requests()
    scoop_internals.name_main_script()
    return Introduction(scoop.worker, socket.gethostname(), os.getpid(), __version__)


def execute_batch(name: str, pickled: bytes | None, tasks: bytes, settings: BatchSettings) -> Reply:
    """Execute tasks by the function of this name; ``pickled`` is None if it was sent before."""
    global _is_active
    scoop_internals.note_direct_future()
    if _is_active:
        return Reply(is_busy=True)
    _is_active = True
    try:
        return _execute_batch(name, pickled, tasks, settings)
    except Exception:
        return Reply(error=traceback.format_exc())
    finally:
        _is_active = False


def _execute_batch(
    name: str, pickled: bytes | None, tasks: bytes, settings: BatchSettings
) -> Reply:
    global _current
    if _current is None or _current.name != name:
        if pickled is None:
            return Reply()
        _current = None  # first: there may not be memory for two
        end_with(settings.main_pid)
        end_without(settings.address)
        set_niceness(settings.niceness)
        _current = _Current(name, pickle.loads(pickled), is_fresh=True)
    todo: Sequence[Task] = pickle.loads(tasks)
    function = _current.function
    begun = monotonic()
    outcomes: list[Outcome] = []
    for task in todo:
        _prepare(task, settings)
        outcomes.append(_execute_task(function, task, settings.timeout))
        if monotonic() - begun > PATIENCE_SECONDS:
            break
    run_banners.flush()  # SCOOP kills this process, so there is no other time
    outcomes = list(function.before_report(outcomes))
    return Reply(serialize(outcomes), len(outcomes))


def _prepare(task: Task, settings: BatchSettings) -> None:
    """Set up the function before its first run, and log files of each run if it has its own."""
    global _current
    assert _current is not None
    function = _current.function
    if _current.is_fresh:
        function.start_worker(task.index if settings.logs_each_run else None)
        _current = _current._replace(is_fresh=False)
    elif settings.logs_each_run and isinstance(function, RunAware):
        function.start_run(task.index)


def _execute_task(function: TaskFunction, task: Task, timeout: float | None) -> Outcome:
    """Execute a task; what would end the worker ends the run only."""
    started = time()
    try:
        with _limited(timeout):
            return function(task)
    except _Overdue:
        return overdue_outcome(task.index, timeout, started)
    except KeyboardInterrupt as interrupt:
        return Outcome(task.index, None, started, time(), interrupt, interrupted=True)
    except BaseException as error:
        return exited_outcome(task.index, error, started)


def overdue_outcome(index: int, timeout: float | None, started: float) -> Outcome:
    """Return the outcome of a run that took too long."""
    error = RunTimeoutError(f"Run {index} was given up: it took longer than timeout={timeout} s.")
    return Outcome(index, None, started, time(), error)


@contextmanager
def _limited(timeout: float | None) -> Iterator[None]:
    """Interrupt the block after ``timeout`` seconds, and end the process if that does not help."""
    if timeout is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    stream = sys.__stderr__
    if stream is not None:
        # A thread in C: it also ends processes that are stuck in C code and hold the GIL.
        faulthandler.dump_traceback_later(timeout + GRACE_SECONDS, exit=True, file=stream)
    former = None
    if hasattr(signal, "setitimer"):
        former = signal.signal(signal.SIGALRM, _TimeoutHandler())
        signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former)


class _TimeoutHandler:
    """Raises in the greenlet of the run, not in one that runs while it waits for futures."""

    def __init__(self) -> None:
        from greenlet import getcurrent

        self._getcurrent = getcurrent
        self._own = getcurrent()

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self._getcurrent() is not self._own:
            signal.setitimer(signal.ITIMER_REAL, RETRY_SECONDS)
            return
        raise _Overdue


# ----- ending with the main process ---------------------------------------------------------


def end_without(address: tuple[str, int]) -> None:
    """Make this process end when the main process is no longer reachable at host and port.

    SCOOP ends its workers by a message. A worker that no message reaches, because the network of
    its host was cut, would stay forever, and go on to store runs that others execute again.
    """
    global _watched
    key = os.getpid(), address  # a forked process has the name, but not the thread
    if _watched == key:
        return
    _watched = key
    watch = threading.Thread(target=_watch, args=(address,), name="pypet-origin", daemon=True)
    watch.start()


def _watch(address: tuple[str, int]) -> None:
    missed, contact = 0, monotonic()
    while missed < MIN_ATTEMPTS or monotonic() < contact + LOST_SECONDS:
        if _hold_connection(address):
            missed, contact = 0, monotonic()
        else:
            missed += 1
        sleep(CONNECT_SECONDS)
    terminate_process(os.getpid())


def _hold_connection(address: tuple[str, int]) -> bool:
    """Connect, and wait until the connection ends; return False if there is none.

    The system of the main process answers also while that is stopped or busy. ZeroMQ closes silent
    connections after half a minute; keep-alive packets end those to a host that is gone.
    """
    try:
        connection = socket.create_connection(address, CONNECT_SECONDS)
    except OSError:
        return False
    with connection, suppress(OSError):
        connection.settimeout(None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        seconds = max(1, int(CONNECT_SECONDS))
        for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
        if hasattr(socket, "TCP_KEEPCNT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        while connection.recv(1024):
            pass
    return True
