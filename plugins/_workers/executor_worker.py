"""The worker's side of `submitting`: execute batches by a named task function.

The task function is large and the same for all batches. So it is sent along only until every
worker has it: a worker that gets an unknown name asks for the function. Workers of some executors
never import the main script; what that defines must then be sent by value.
"""

from __future__ import annotations

import os
import pickle
import threading
import traceback
from collections.abc import Sequence
from time import monotonic, time
from typing import NamedTuple

from pypet.errors import RunSkippedError
from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.plugins._workers.lifetime import end_with
from pypet.plugins._workers.outcomes import exited_outcome, serialize
from pypet.plugins._workers.task_queue import PATIENCE_SECONDS
from pypet.support.processes import main_script

owners: dict[str, int] = {}
"""The process that has submitted a function, by the name of that. It must not execute the function
itself. The id distinguishes it from processes forked from it, which inherit this dictionary."""
_functions: dict[str, TaskFunction] = {}
"""The latest function of this process by its name; only one, for trajectories may be large."""
_cancelled: set[str] = set()
"""Names of functions whose tasks are to be skipped."""
_active: Active | None = None
_one_at_a_time = threading.Lock()
"""A trajectory is in one run at a time, but workers of some executors have several threads."""


class Active(NamedTuple):
    """A run that this process executes."""

    name: str
    """That of the task function."""
    run: int
    began: float
    """In seconds, by `time.monotonic`."""


class Reply(NamedTuple):
    """The result of a batch: ``outcomes``, serialized, of its first ``done`` tasks.

    ``outcomes`` is None if nothing was executed: because of an ``error``, because the worker
    ``is_foreign`` to the main script, or else because it lacks the task function.
    """

    outcomes: bytes | None = None
    done: int = 0
    error: str | None = None
    is_foreign: bool = False
    worker: str | None = None
    """The address of the worker, for executors that can choose it."""


def known_script() -> str:
    """Return the full path of the main script as this process knows it, '' if it knows none."""
    path = main_script()
    return os.path.abspath(path) if path else ""


def execute_batch(
    name: str, pickled: bytes | None, tasks: bytes, main: str | None, owner: int
) -> Reply:
    """Execute tasks by the function of this name.

    ``pickled`` is that function, or None if the worker should have it. ``main`` is the main script
    that this process must know, None if it does not matter. ``owner`` is the id of the main
    process; this process ends with it if it is its child.
    """
    if owners.get(name) == os.getpid():
        return Reply(error="It executes tasks in the main process, whose memory they would share")
    end_with(owner)
    if main is not None and main != known_script():
        return Reply(is_foreign=True)
    with _one_at_a_time:
        try:
            if name not in _functions:
                if pickled is None:
                    return Reply()
                _start_function(name, pickled)
            function, todo = _functions[name], pickle.loads(tasks)
        except Exception:
            return Reply(error=traceback.format_exc())
        outcomes = function.before_report(_execute(name, function, todo))
        return Reply(serialize(outcomes), len(outcomes))


def _start_function(name: str, pickled: bytes) -> None:
    _functions.clear()  # first: there may not be memory for two
    function: TaskFunction = pickle.loads(pickled)
    function.start_worker()
    _functions[name] = function


def _execute(name: str, function: TaskFunction, tasks: Sequence[Task]) -> list[Outcome]:
    global _active
    now = begun = monotonic()
    outcomes: list[Outcome] = []
    for task in tasks:
        if name in _cancelled:
            outcomes.append(_skipped(task))
            continue
        _active = Active(name, task.index, now)
        outcomes.append(_execute_task(function, task))
        now = monotonic()
        if now - begun > PATIENCE_SECONDS:
            break
    _active = None
    return outcomes


def _execute_task(function: TaskFunction, task: Task) -> Outcome:
    """Execute a task; what would end this process, which is not pypet's, ends the run only."""
    started = time()
    try:
        return function(task)
    except KeyboardInterrupt as interrupt:
        return Outcome(task.index, None, started, time(), interrupt, interrupted=True)
    except BaseException as error:
        return exited_outcome(task.index, error, started)


def _skipped(task: Task) -> Outcome:
    error = RunSkippedError(f"Run {task.index} was not started: interrupted.")
    return Outcome(task.index, None, 0.0, 0.0, error)


# ----- for executors that can call functions beside a batch, in another thread --------------


def active_run(name: str) -> tuple[int, float] | None:
    """Return the active run of this function, and for how many seconds it has been executed."""
    active = _active
    if active is None or active.name != name:
        return None
    return active.run, monotonic() - active.began


def cancel(names: Sequence[str]) -> None:
    """Skip tasks of these functions that were not begun."""
    _cancelled.update(names)


def forget(names: Sequence[str]) -> None:
    """Free the memory of these functions, whose experiment is over."""
    for name in names:
        _functions.pop(name, None)
        _cancelled.discard(name)
