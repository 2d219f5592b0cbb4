"""What happens in a worker process: getting ready, taking tasks, reporting."""

from __future__ import annotations

import contextlib
import pickle
import struct
import traceback
from collections.abc import Callable, Sequence
from itertools import takewhile
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any, NamedTuple

from pypet.interfaces import Task
from pypet.plugins._workers import wire
from pypet.plugins._workers.batch_sizing import PATIENCE_SECONDS
from pypet.plugins._workers.claims import Slot
from pypet.plugins._workers.ending import (
    Ended,
    end_on_request,
    end_with_main_process,
    wait_for_helpers,
)
from pypet.plugins._workers.outcomes import pack
from pypet.plugins._workers.performing import Execute, Perform, perform_alone
from pypet.plugins._workers.settling import be_nice
from pypet.plugins._workers.starting import let_interrupts_in

HEADER = struct.Struct("<iI")
"""Begins every report: how many outcomes, and how many tasks of the batch are given back."""
READY = -1
FAILED_TO_START = -2
STARTED = b""
"""What a process for one run sends before it executes it."""
IDLE = -1
"""Stands in the cell of a worker while it executes no run."""
REPORT_SECONDS = 0.02
"""How long outcomes are gathered."""


class Place(NamedTuple):
    """Where a worker that stays belongs; can be inherited and pickled."""

    connection: Connection
    """To the main process."""
    foreign: Sequence[Connection]
    """Inherited ends of connections of others."""
    slot: Slot


def _get_ready(niceness: int | None) -> None:
    """Set up signals and priority."""
    end_on_request()
    end_with_main_process()
    be_nice(niceness)


def perform_one(connection: Connection, execute: Execute, task: Task, niceness: int | None) -> None:
    """Be a process for one run: execute it and report the outcome."""
    with contextlib.suppress(Ended, BrokenPipeError):
        _get_ready(niceness)
        let_interrupts_in()
        connection.send_bytes(STARTED)
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
            wire.send(connection, [HEADER.pack(FAILED_TO_START, 0), text])
            return
        finally:
            let_interrupts_in()
        wire.send(connection, [HEADER.pack(READY, 0)])
        if inherited:
            _perform_batch(place, perform, 0, inherited)
        while data := connection.recv_bytes():
            _perform_batch(place, perform, *pickle.loads(data))
        if wait_for_helpers():  # or it is over when this process is
            connection.send_bytes(b"")  # tells that nothing is stored from here any more


def _perform_batch(place: Place, perform: Perform, first: int, tasks: Sequence[Task]) -> None:
    """Execute tasks and report about them; give the rest back if they take too long.

    ``first`` is the number of the first one. Those that the main process took back are skipped.
    """
    connection, _, (cell, claims) = place
    begun = reported = monotonic()
    done: list[Any] = []
    for number, task in enumerate(tasks, first):
        if not claims.claim(number):
            break
        cell.value = task.index
        done.append(perform(task))
        cell.value = IDLE
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
    wire.send(connection, [HEADER.pack(len(done), given_back), *perform.pack(done)])
