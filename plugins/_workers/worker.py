"""What happens in a worker process: getting ready, executing tasks, reporting."""

from __future__ import annotations

import contextlib
import ctypes
import pickle
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from time import monotonic, time
from typing import Any

from pypet.interfaces import Outcome, Task, Work
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

Execute = Callable[[Task], Outcome]


class Ended(BaseException):
    """The main process asked this one to end at once; files are closed on the way out."""


def _end(signum: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Ended


def _get_ready(
    execute: Execute, index: int | None, foreign: Sequence[Connection], niceness: int | None
) -> None:
    """Set up signals, priority and the work; close what belongs to other processes."""
    signal.signal(signal.SIGTERM, _end)
    if sys.platform == "linux":
        # If the main process is killed, nobody else would end this one.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    for connection in foreign:
        connection.close()
    be_nice(niceness)
    try:
        if isinstance(execute, Work):
            execute.start_worker(index)
    finally:
        let_interrupts_in()


def _perform(execute: Execute, task: Task) -> Outcome:
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


def perform_one(
    connection: Connection,
    foreign: Sequence[Connection],
    execute: Execute,
    task: Task,
    niceness: int | None,
) -> None:
    """Be a process for one run: execute it and report the outcome."""
    with contextlib.suppress(Ended, BrokenPipeError):
        started = time()
        try:
            _get_ready(execute, task.index, foreign, niceness)
        except Exception as error:
            outcome = Outcome(task.index, None, started, time(), error)
        else:
            outcome = _perform(execute, task)
        connection.send_bytes(pack([outcome]))
        connection.close()


def serve(
    connection: Connection,
    foreign: Sequence[Connection],
    execute: Execute,
    cells: Any,
    slot: int,
    niceness: int | None,
) -> None:
    """Be a worker that stays: execute batches of tasks until told to stop.

    ``cells[slot]`` always says which run is being executed, so that the main process knows it
    if this process is killed.
    """
    with contextlib.suppress(Ended, BrokenPipeError, EOFError):
        try:
            _get_ready(execute, None, foreign, niceness)
        except Exception:
            text = traceback.format_exc().encode("utf-8", "replace")
            connection.send_bytes(HEADER.pack(FAILED_TO_START, 0) + text)
            return
        connection.send_bytes(HEADER.pack(READY, 0))
        while data := connection.recv_bytes():
            _perform_batch(connection, execute, pickle.loads(data), cells, slot)


def _perform_batch(
    connection: Connection, execute: Execute, tasks: Sequence[Task], cells: Any, slot: int
) -> None:
    """Execute tasks and report about them; give the rest back if they take too long."""
    begun = reported = monotonic()
    outcomes: list[Outcome] = []
    last = len(tasks) - 1
    for number, task in enumerate(tasks):
        cells[slot] = task.index
        outcomes.append(_perform(execute, task))
        cells[slot] = IDLE
        now = monotonic()
        rest = last - number
        if rest and now - begun > PATIENCE_SECONDS:
            _report(connection, outcomes, rest)
            return
        if not rest or now - reported > REPORT_SECONDS:
            _report(connection, outcomes, 0)
            outcomes = []
            reported = now


def _report(connection: Connection, outcomes: Sequence[Outcome], given_back: int) -> None:
    connection.send_bytes(HEADER.pack(len(outcomes), given_back) + pack(outcomes))
