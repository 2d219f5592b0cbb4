"""What happens in a worker of SCOOP: it introduces itself, and executes batches of runs."""

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
from contextlib import contextmanager
from time import monotonic, time
from types import FrameType
from typing import NamedTuple

from pypet.errors import RunTimeoutError
from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.interfaces._worker_setup import RunAware
from pypet.plugins._workers.lifetime import end_with
from pypet.plugins._workers.outcomes import exited_outcome, serialize
from pypet.plugins._workers.task_queue import PATIENCE_SECONDS
from pypet.plugins._workers.worker_process import set_niceness
from pypet.plugins.scoop import remedies
from pypet.plugins.scoop.origin_watch import end_without
from pypet.support import run_banners
from pypet.version import __version__

GRACE_SECONDS = 5.0
"""After so much more time a worker ends itself whose run does not react to its time being up."""
AGAIN_SECONDS = 0.1


class Introduction(NamedTuple):
    """What a worker tells about itself."""

    name: bytes
    """Its address, by which SCOOP knows it."""
    host: str
    pid: int
    version: str
    """That of pypet."""


class Terms(NamedTuple):
    """How batches are executed."""

    timeout: float | None
    """Seconds that a run may take."""
    niceness: int | None
    logs_each_run: bool
    """Each run has log files of its own."""
    origin: int
    """Id of the main process, which its child is not to outlive."""
    address: tuple[str, int]
    """Where workers reach the main process; those that do not for long are not to stay."""


class Reply(NamedTuple):
    """What a batch comes back with: ``outcomes``, packed, of its first ``done`` tasks.

    Without them nothing was executed: because of ``trouble``, because the worker is in a run
    already (one that waits for futures of its own), or because it does not know the work.
    """

    outcomes: bytes | None = None
    done: int = 0
    trouble: str | None = None
    is_busy: bool = False


class _Overdue(BaseException):
    """The time of a run is up."""


class _Known(NamedTuple):
    """The latest work of this process; trajectories may be large, so it keeps one."""

    name: str
    work: TaskFunction
    is_fresh: bool
    """No run was executed yet."""


_known: _Known | None = None
_is_active = False


def introduce() -> Introduction:
    """Return who this worker is, and get it ready for runs."""
    import scoop

    remedies.stop_status_reports()
    remedies.request_sparingly()
    remedies.name_main_script()
    return Introduction(scoop.worker, socket.gethostname(), os.getpid(), __version__)


def perform(name: str, pickled: bytes | None, tasks: bytes, terms: Terms) -> Reply:
    """Execute tasks by the work of this name; ``pickled`` is that work, None if it was sent."""
    global _is_active
    remedies.note_direct_future()
    if _is_active:
        return Reply(is_busy=True)
    _is_active = True
    try:
        return _perform(name, pickled, tasks, terms)
    except Exception:
        return Reply(trouble=traceback.format_exc())
    finally:
        _is_active = False


def _perform(name: str, pickled: bytes | None, tasks: bytes, terms: Terms) -> Reply:
    global _known
    if _known is None or _known.name != name:
        if pickled is None:
            return Reply()
        _known = None  # the former one makes room first
        end_with(terms.origin)
        end_without(terms.address)
        set_niceness(terms.niceness)
        _known = _Known(name, pickle.loads(pickled), is_fresh=True)
    todo: Sequence[Task] = pickle.loads(tasks)
    work = _known.work
    begun = monotonic()
    outcomes: list[Outcome] = []
    for task in todo:
        _prepare(task, terms)
        outcomes.append(_perform_one(work, task, terms.timeout))
        if monotonic() - begun > PATIENCE_SECONDS:
            break
    run_banners.flush()  # nobody tells when this process ends
    outcomes = list(work.before_report(outcomes))
    return Reply(serialize(outcomes), len(outcomes))


def _prepare(task: Task, terms: Terms) -> None:
    """Set up the work before its first run, and the logging of each run if it has its own."""
    global _known
    assert _known is not None
    work = _known.work
    if _known.is_fresh:
        work.start_worker(task.index if terms.logs_each_run else None)
        _known = _known._replace(is_fresh=False)
    elif terms.logs_each_run and isinstance(work, RunAware):
        work.start_run(task.index)


def _perform_one(execute: TaskFunction, task: Task, timeout: float | None) -> Outcome:
    """Execute a task; what would end the worker ends the run only."""
    started = time()
    try:
        with _limited(timeout):
            return execute(task)
    except _Overdue:
        return overdue(task.index, timeout, started)
    except KeyboardInterrupt as interrupt:
        return Outcome(task.index, None, started, time(), interrupt, interrupted=True)
    except BaseException as error:
        return exited_outcome(task.index, error, started)


def overdue(index: int, timeout: float | None, started: float) -> Outcome:
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
        # A thread in C: it also ends processes that are stuck in C code and hold Python's lock.
        faulthandler.dump_traceback_later(timeout + GRACE_SECONDS, exit=True, file=stream)
    former = None
    if hasattr(signal, "setitimer"):
        former = signal.signal(signal.SIGALRM, _Alarm())
        signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former)


class _Alarm:
    """Raises in the greenlet of the run, not in another one while the run waits for futures."""

    def __init__(self) -> None:
        from greenlet import getcurrent

        self._getcurrent = getcurrent
        self._own = getcurrent()

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        if self._getcurrent() is not self._own:
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
            return
        raise _Overdue
