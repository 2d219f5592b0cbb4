"""What happens in a process of somebody else's executor: work that comes in by name or as bytes.

The work is large and the same for all batches, so that it is sent along only until every worker
has it: a worker that gets a name which it does not know asks for the bytes. Some executors have
workers that never import the main script, so that what is defined there must travel as a whole.
"""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections.abc import Sequence
from time import monotonic, time
from typing import Any, NamedTuple

from pypet.errors import RunSkippedError
from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.plugins._workers.batch_sizing import PATIENCE_SECONDS
from pypet.plugins._workers.outcomes import ended_by_run, pack
from pypet.plugins._workers.watching import end_with
from pypet.support.processes import main_script

hosts: dict[str, int] = {}
"""Names of works that this process has given away, and its own id: forks inherit this, too."""
_known: dict[str, Any] = {}
"""The latest work of this process; one at a time, for trajectories may be large."""
_cancelled: set[str] = set()
"""Names of works that are given up: what was not begun is skipped."""
_active: Active | None = None
_one_at_a_time = threading.Lock()
"""A trajectory is in one run at a time, but some executors have workers with several threads."""


class Active(NamedTuple):
    """A run that this process executes."""

    name: str
    """That of the work."""
    run: int
    began: float
    """By the clock of `time.monotonic`."""


class Reply(NamedTuple):
    """What a batch comes back with: ``outcomes``, packed, of its first ``done`` tasks.

    Without them nothing was executed: because of ``trouble``, because the worker is a
    ``stranger`` to the main script, or because the work is missing.
    """

    outcomes: bytes | None = None
    done: int = 0
    trouble: str | None = None
    stranger: bool = False
    worker: str | None = None
    """Where it comes from, for those who can choose that."""


def known_script() -> str:
    """Return the full path of the main script as this process knows it, '' if it knows none."""
    path = main_script()
    return os.path.abspath(path) if path else ""


def perform_batch(
    name: str, pickled: bytes | None, tasks: bytes, main: str | None, host: int
) -> Reply:
    """Execute tasks by the work of this name; ``pickled`` is that work or None.

    ``main`` is the main script that has to be known here, None if it does not matter. ``host`` is
    the id of the main process, which this one is not to outlive if it is a child of that.
    """
    if hosts.get(name) == os.getpid():
        return Reply(trouble="It executes tasks in the main process, whose memory they would share")
    end_with(host)
    if main is not None and main != known_script():
        return Reply(stranger=True)
    with _one_at_a_time:
        return _perform_batch(name, pickled, tasks)


def _perform_batch(name: str, pickled: bytes | None, tasks: bytes) -> Reply:
    try:
        if name not in _known:
            if pickled is None:
                return Reply()
            _get_ready(name, pickled)
        execute, todo = _known[name], pickle.loads(tasks)
    except Exception:
        return Reply(trouble=traceback.format_exc())
    outcomes: Sequence[Outcome] = _perform(name, execute, todo)
    if isinstance(execute, TaskFunction):
        outcomes = execute.before_report(outcomes)
    return Reply(pack(outcomes), len(outcomes))


def _get_ready(name: str, pickled: bytes) -> None:
    _known.clear()
    work = pickle.loads(pickled)
    if isinstance(work, TaskFunction):
        work.start_worker()
    _known[name] = work


def _perform(name: str, execute: Any, tasks: Sequence[Task]) -> list[Outcome]:
    global _active
    now = begun = monotonic()
    outcomes: list[Outcome] = []
    for task in tasks:
        if name in _cancelled:
            outcomes.append(_skipped(task))
            continue
        _active = Active(name, task.index, now)
        outcomes.append(_perform_one(execute, task))
        now = monotonic()
        if now - begun > PATIENCE_SECONDS:
            break
    _active = None
    return outcomes


def _skipped(task: Task) -> Outcome:
    error = RunSkippedError(f"Run {task.index} was not started: interrupted.")
    return Outcome(task.index, None, 0.0, 0.0, error)


# ----- for those who can call functions beside a batch, in another thread of this process ---------


def active_run(name: str) -> tuple[int, float] | None:
    """Return the run of this work that is executed now, and for how many seconds it has been."""
    active = _active
    if active is None or active.name != name:
        return None
    return active.run, monotonic() - active.began


def cancel(names: Sequence[str]) -> None:
    """Skip what was not begun of these works."""
    _cancelled.update(names)


def forget(names: Sequence[str]) -> None:
    """Free the memory of these works, which are over."""
    for name in names:
        _known.pop(name, None)
        _cancelled.discard(name)


def _perform_one(execute: Any, task: Task) -> Outcome:
    """Execute a task; what would end the process of somebody else ends the run only."""
    started = time()
    try:
        outcome: Outcome = execute(task)
    except KeyboardInterrupt as interrupt:
        return Outcome(task.index, None, started, time(), interrupt, interrupted=True)
    except BaseException as error:
        return ended_by_run(task.index, error, started)
    return outcome
