"""What happens in a worker process: getting ready, executing tasks, reporting."""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import struct
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import takewhile
from multiprocessing.connection import Connection, wait
from time import monotonic, time
from typing import Any, NamedTuple

from pypet.interfaces import Outcome, Task, Work
from pypet.plugins._workers.claims import Claims
from pypet.plugins._workers.outcomes import ended_by_run, pack
from pypet.plugins._workers.settling import be_nice
from pypet.plugins._workers.starting import let_interrupts_in

HEADER = struct.Struct("<iI")
"""Begins every report: how many outcomes, and how many tasks of the batch are given back."""
READY = -1
FAILED_TO_START = -2
IDLE = -1
"""Stands in the cell of a worker while it executes no run."""
REPORT_SECONDS = 0.02
"""How long outcomes are gathered."""
PATIENCE_SECONDS = 0.2
"""After so long the rest of a batch is given back: its runs take longer than expected."""

_PR_SET_PDEATHSIG = 1  # prctl(2)
# Looked up once and for all: a process that was just forked should do as little as possible.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None

Execute = Callable[[Task], Outcome]


class Ended(BaseException):
    """The main process asked this one to end at once; files are closed on the way out."""


_asked_to_end: list[int] = []


def _end(signum: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _asked_to_end.append(signum)
    raise Ended


def end_if_asked() -> None:
    """Raise `Ended` also if that got lost: what hooks around a fork raise is only reported."""
    if _asked_to_end:
        raise Ended


class Place(NamedTuple):
    """Where a worker that stays belongs; can be inherited and pickled."""

    connection: Connection
    """To the main process."""
    foreign: Sequence[Connection]
    """Inherited ends of connections of others."""
    cells: Any
    slot: int
    """``cells[slot]`` always says which run is being executed, so that the main process knows
    it if this process is killed."""
    claims: Claims


class Perform(ABC):
    """How a worker executes its tasks."""

    def __init__(self, execute: Execute) -> None:
        self._execute = execute

    @abstractmethod
    def start(self) -> None:
        """Get ready, before the first task."""

    @abstractmethod
    def __call__(self, task: Task) -> Any:
        """Execute a task, whatever it does."""

    @abstractmethod
    def pack(self, done: Sequence[Any]) -> bytes:
        """Return what calls returned in the form in which outcomes travel."""


class InPlace(Perform):
    """Executes tasks in the worker itself."""

    def start(self) -> None:
        """Set up the work."""
        if isinstance(self._execute, Work):
            self._execute.start_worker()

    def __call__(self, task: Task) -> Outcome:
        """Execute a task."""
        return perform(self._execute, task)

    def pack(self, done: Sequence[Outcome]) -> bytes:
        """Return outcomes in the form in which they travel."""
        return pack(done)


def die_with_parent() -> None:
    """Let this process be ended if the one that started it is killed: nobody else would do it."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _end_with_main_process() -> None:
    """Let this process be ended if the main process is killed, whoever the parent process is."""
    die_with_parent()
    main = multiprocessing.parent_process()
    if main is None or (_prctl is not None and os.getppid() == main.pid):
        return
    # The parent is the fork server, the platform tells nobody, or it was too late to be told.
    threading.Thread(target=_outlive, args=(main.sentinel,), daemon=True).start()


def _outlive(sentinel: int) -> None:
    wait([sentinel])
    if hasattr(signal, "pthread_kill"):  # which also ends what the main thread waits for
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def _get_ready(niceness: int | None) -> None:
    """Set up signals and priority."""
    signal.signal(signal.SIGTERM, _end)
    _end_with_main_process()
    be_nice(niceness)


def perform(execute: Execute, task: Task) -> Outcome:
    """Execute a task, whatever it does short of ending the process for good."""
    started = time()
    try:
        return execute(task)
    except Ended:
        raise
    except KeyboardInterrupt as interrupt:
        return Outcome(task.index, None, started, time(), interrupt, interrupted=True)
    except BaseException as error:
        return ended_by_run(task.index, error, started)


def perform_alone(execute: Execute, task: Task) -> Outcome:
    """Execute the only task of this process, or return why that is impossible."""
    started = time()
    try:
        # Not `isinstance`: what an abstract class remembers of it is dear just after a fork.
        start_worker = getattr(execute, "start_worker", None)
        if start_worker is not None:
            start_worker(task.index)
    except Exception as error:
        return Outcome(task.index, None, started, time(), error)
    return perform(execute, task)


def perform_one(connection: Connection, execute: Execute, task: Task, niceness: int | None) -> None:
    """Be a process for one run: execute it and report the outcome."""
    with contextlib.suppress(Ended, BrokenPipeError):
        _get_ready(niceness)
        let_interrupts_in()
        connection.send_bytes(pack([perform_alone(execute, task)]))
        connection.close()


def serve(
    place: Place,
    make_perform: Callable[[Execute], Perform],
    execute: Execute,
    niceness: int | None,
    inherited: Sequence[Task],
) -> None:
    """Be a worker that stays: execute batches of tasks, ``inherited`` first, until told to stop."""
    connection = place.connection
    with contextlib.suppress(Ended, BrokenPipeError, EOFError):
        _get_ready(niceness)
        for each in place.foreign:
            each.close()
        perform = make_perform(execute)
        try:
            perform.start()
        except Exception:
            text = traceback.format_exc().encode("utf-8", "replace")
            connection.send_bytes(HEADER.pack(FAILED_TO_START, 0) + text)
            return
        finally:
            let_interrupts_in()
        connection.send_bytes(HEADER.pack(READY, 0))
        if inherited:
            _perform_batch(place, perform, 0, inherited)
        while data := connection.recv_bytes():
            _perform_batch(place, perform, *pickle.loads(data))


def _perform_batch(place: Place, perform: Perform, first: int, tasks: Sequence[Task]) -> None:
    """Execute tasks and report about them; give the rest back if they take too long.

    ``first`` is the number of the first one. Those that the main process took back are skipped.
    """
    connection, _, cells, slot, claims = place
    begun = reported = monotonic()
    done: list[Any] = []
    for number, task in enumerate(tasks, first):
        if not claims.claim(number):
            break
        cells[slot] = task.index
        done.append(perform(task))
        cells[slot] = IDLE
        now = monotonic()
        if now - begun > PATIENCE_SECONDS:
            rest = range(number + 1, first + len(tasks))
            _report(connection, perform, done, sum(1 for _ in takewhile(claims.claim, rest)))
            return
        if now - reported > REPORT_SECONDS:
            _report(connection, perform, done, 0)
            done = []
            reported = now
    if done:
        _report(connection, perform, done, 0)


def _report(connection: Connection, perform: Perform, done: Sequence[Any], given_back: int) -> None:
    connection.send_bytes(HEADER.pack(len(done), given_back) + perform.pack(done))
